package devbroker

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestStrangersAreCutOff(t *testing.T) {
	t.Parallel()
	b, err := Start(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	tests := map[string]string{
		"browser":       "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"tls hello":     "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03",
		"unknown key":   "\x00\x00\x00\x0c\x03\xe7\x00\x00\x00\x00\x00\x01\xff\xff\x00\x00",
		"negative key":  "\x00\x00\x00\x0c\xff\xff\x00\x00\x00\x00\x00\x01\xff\xff\x00\x00",
		"empty frame":   "\x00\x00\x00\x00\x00\x12\x00\x00",
		"negative size": "\xff\xff\xff\xff\x00\x12\x00\x00",
	}
	for name, sent := range tests {
		if got := talk(t, b.Addr(), sent); got != "" {
			t.Errorf("%s: answered with %q", name, got)
		}
	}
	// The broker lives: it still answers ApiVersions.
	if got := talk(t, b.Addr(), "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff"); got == "" {
		t.Error("no answer to a real request")
	}
}

// talk sends bytes and reads until the broker answers or hangs up. Hanging up
// with bytes unread is a reset, not an end of file: both count.
func talk(t *testing.T, addr, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the other side has hung up
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, _ := conn.Read(answer)
	return string(answer[:n])
}

func TestKnownKeysAreTheOnesKfakeCanRead(t *testing.T) {
	t.Parallel()
	for key := range 1 << 16 {
		k := int16(key) //nolint:gosec // every value is wanted
		if known, readable := knownKey(k), kmsg.RequestForKey(k) != nil; known != readable {
			t.Errorf("key %d: known %t, readable %t", k, known, readable)
		}
	}
}

// shaky is a listener whose first accepts fail.
type shaky struct {
	net.Listener
	failures int
	conn     net.Conn
}

var errShaky = errors.New("too many open files")

func (s *shaky) Accept() (net.Conn, error) {
	if s.failures--; s.failures >= 0 {
		return nil, errShaky
	}
	return s.conn, nil
}

func (*shaky) Close() error { return nil }

func TestAcceptGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer here.Close()  //nolint:errcheck // a pipe
	defer there.Close() //nolint:errcheck // a pipe
	ready := make(chan struct{})
	close(ready)
	g := newGate(&shaky{failures: 2, conn: here}, "localhost:1", ready, nil, slog.New(slog.DiscardHandler))
	if _, err := g.Accept(); err != nil {
		t.Errorf("accept: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestAcceptEndsWithTheGate(t *testing.T) {
	t.Parallel()
	notReady, ready := make(chan struct{}), make(chan struct{})
	close(ready)
	for _, ch := range []chan struct{}{notReady, ready} {
		g := newGate(&shaky{failures: 1 << 30}, "localhost:1", ch, nil, slog.New(slog.DiscardHandler))
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if _, err := g.Accept(); err == nil {
			t.Error("a closed gate let somebody in")
		}
	}
}
