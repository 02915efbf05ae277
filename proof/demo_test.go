package proof_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
)

// demoWorkerKilled kills the worker of the demo and starts it again: the same
// command, as somebody types it.
func demoWorkerKilled(t *testing.T, b broker) {
	variables := []string{
		"SISKIN_BROKERS=" + strings.Join(b.addrs(), ","), "SISKIN_GROUP=" + siskintest.Name("demo"),
	}
	ignore := func(string) {}
	worker := func() *process {
		return start(t, "worker", variables, ignore, program(t), "demo", "--role", "worker")
	}
	first := worker()
	first.stderr.line(t, "ready")
	web := start(t, "http", variables, ignore, program(t), "demo", "--role", "http", "--listen", "127.0.0.1:0")
	addr := web.stderr.line(t, "http    ")
	web.stderr.line(t, "ready")
	demoSum(t, addr)

	first.kill()
	again := time.Now()
	second := worker()
	demoSum(t, addr)
	var r report
	r.add("from the start of the worker to the first answer", "%v", time.Since(again).Round(time.Millisecond))
	r.print(t)
	second.leave()
	web.leave()
}

// demoSum makes a call over HTTP and waits for its answer.
func demoSum(t *testing.T, addr string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(addr+"/sum", "application/json", strings.NewReader("[1,2,3]"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated || strings.TrimSpace(string(body)) != "6" {
		t.Fatalf("POST /sum: %d %s, %v", res.StatusCode, body, err)
	}
}
