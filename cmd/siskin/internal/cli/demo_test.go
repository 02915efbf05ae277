package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/siskintest"
)

// startDemo runs the demo on a broker of its own group and returns it, when it
// is ready, with the address of its HTTP app.
func startDemo(t *testing.T, brokers []string, args ...string) (p *process, addr string) {
	t.Helper()
	variables := []string{"SISKIN_BROKERS=" + strings.Join(brokers, ","), "SISKIN_GROUP=" + siskintest.Name("demo")}
	p = start(t, "siskin", variables, append([]string{"demo", "--listen", "127.0.0.1:0"}, args...)...)
	addr = strings.TrimPrefix(p.stderr.line(t, "http://"), "http    http://")
	return p, addr
}

func post(t *testing.T, addr, path, body string) (status int, answer string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post("http://"+addr+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func wantAnswer(t *testing.T, addr, path, body string, wantStatus int, want string) {
	t.Helper()
	if status, answer := post(t, addr, path, body); status != wantStatus || !strings.Contains(answer, want) {
		t.Fatalf("POST %s %s: got %d %s, want %d %s", path, body, status, answer, wantStatus, want)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	p, addr := startDemo(t, siskintest.Brokers(t))
	p.stderr.line(t, "ready")
	wantAnswer(t, addr, "/sum", "[1,2,3]", http.StatusCreated, "6")
	text := siskintest.Name("hi")
	wantAnswer(t, addr, "/print", `{"message":"`+text+`"}`, http.StatusCreated, `"topicName":"print"`)
	p.stdout.line(t, "print: "+text)
	p.signal(syscall.SIGTERM)
	p.exits(0)
}

// The halves run as two programs, in any order, and wait for a broker that is
// not there yet.
func TestDemoHalvesWaitForTheBroker(t *testing.T) {
	t.Parallel()
	broker := laterAddress(t)
	web, addr := startDemo(t, []string{broker}, "--role", "http")
	web.stderr.line(t, "waiting for the broker")
	wantAnswer(t, addr, "/sum", "[1]", http.StatusServiceUnavailable, "has not answered yet")
	variables := []string{"SISKIN_BROKERS=" + broker, "SISKIN_GROUP=halves"}
	worker := start(t, "siskin", variables, "demo", "--role", "worker")
	worker.stderr.line(t, "waiting for the broker")

	b, err := devbroker.Start(devbroker.Config{Listen: broker, ExactPort: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	web.stderr.line(t, "ready")
	worker.stderr.line(t, "ready")
	wantAnswer(t, addr, "/sum", "[1,2,3]", http.StatusCreated, "6")
	wantAnswer(t, addr, "/print", `{"message":"hi"}`, http.StatusCreated, "print")
	worker.stdout.line(t, "print: hi")
	for _, p := range []*process{web, worker} {
		p.signal(syscall.SIGINT)
		p.exits(0)
	}
}

// laterAddress is an address at which nobody listens yet. Its port lies below
// those that systems hand out by themselves, so nobody takes it meanwhile.
func laterAddress(t *testing.T) string {
	t.Helper()
	for port := 27_000; port < 28_000; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// halfRequest sends a request but for its body, and returns when its handler
// waits for that.
func halfRequest(t *testing.T, addr, path string, length int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", path, length)
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v; want 100 Continue", line, err)
	}
	return conn
}

// The first Ctrl-C lets what runs finish: the service still answers the request
// that the HTTP app has accepted before.
func TestDemoDrains(t *testing.T) {
	t.Parallel()
	p, addr := startDemo(t, siskintest.Brokers(t))
	p.stderr.line(t, "ready")
	conn := halfRequest(t, addr, "/sum", len("[1,2,3]"))
	p.signal(syscall.SIGINT)
	p.stderr.line(t, "stopping")
	fmt.Fprint(conn, "[1,2,3]")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "201 Created") || !strings.HasSuffix(string(answer), "\r\n\r\n6") {
		t.Errorf("got %q, %v", answer, err)
	}
	p.exits(0)
}

// The second Ctrl-C waits for nobody.
func TestDemoStopsAtOnce(t *testing.T) {
	t.Parallel()
	p, addr := startDemo(t, siskintest.Brokers(t))
	p.stderr.line(t, "ready")
	halfRequest(t, addr, "/sum", len("[1,2,3]"))
	p.signal(syscall.SIGINT)
	p.stderr.line(t, "stopping")
	p.signal(syscall.SIGINT)
	p.exits(130)
}

func TestDemoRefusesATakenPort(t *testing.T) {
	t.Parallel()
	variables := []string{"SISKIN_BROKERS=" + strings.Join(siskintest.Brokers(t), ",")}
	p := start(t, "siskin", variables, "demo", "--listen", taken(t))
	p.exits(1)
	p.stderr.line(t, "address already in use")
	p.stderr.line(t, "next: name another port with --listen")
}

// A topic that is missing under "verify" ends the demo and names it.
func TestDemoVerifiesTopics(t *testing.T) {
	t.Parallel()
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	p := start(t, "siskin", []string{"SISKIN_BROKERS=" + b.Addr(), "SISKIN_TOPICS=verify"}, "demo", "--listen", "127.0.0.1:0")
	p.exits(5)
	p.stderr.line(t, "topics do not exist: ")
}
