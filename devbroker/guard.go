package devbroker

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	frameHead = 8         // size (4 bytes), request key (2), version (2)
	minFrame  = 8         // key, version, correlation id
	maxFrame  = 100 << 20 // socket.request.max.bytes of Apache Kafka

	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// gate is the listener that kfake sees. It lets nobody in before the broker
// is ready, survives a failed accept (kfake stops for good at the first one),
// tells clients the advertised address, and guards each connection.
type gate struct {
	net.Listener
	addr  address
	ready <-chan struct{}
	log   *slog.Logger

	closeOnce sync.Once
	closed    chan struct{}
}

func newGate(ln net.Listener, addr string, ready <-chan struct{}, secure *tls.Config, log *slog.Logger) *gate {
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	return &gate{Listener: ln, addr: address(addr), ready: ready, log: log, closed: make(chan struct{})}
}

// Addr is the advertised address: kfake puts it into its metadata.
func (g *gate) Addr() net.Addr { return g.addr }

// Close stops the accepting. It may be called several times.
func (g *gate) Close() error {
	g.closeOnce.Do(func() { close(g.closed) })
	return g.Listener.Close()
}

// Accept waits for the next connection. It fails only when g is closed.
func (g *gate) Accept() (net.Conn, error) {
	if !g.wait(g.ready) {
		return nil, net.ErrClosed
	}
	pause := acceptPauseMin
	for {
		conn, err := g.Listener.Accept()
		if err == nil {
			return &guard{Conn: conn, log: g.log}, nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err // Close came while it waited
		}
		g.log.Warn("accept failed, trying again", "addr", g.addr, "error", err, "pause", pause)
		if !g.sleep(pause) {
			return nil, err
		}
		pause = min(2*pause, acceptPauseMax)
	}
}

// wait reports whether ch was closed before g was.
func (g *gate) wait(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	case <-g.closed:
		return false
	}
}

// sleep waits for d and reports whether g is still open.
func (g *gate) sleep(d time.Duration) bool {
	select {
	case <-g.closed:
		return false
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.closed:
		return false
	}
}

// address is a host:port as a net.Addr.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// errNotKafka ends a connection that does not speak Kafka.
var errNotKafka = errors.New("not a Kafka request")

// guard is a connection that checks the head of each request before kfake
// sees it. kfake allocates whatever size a request claims, and a request of
// an unknown kind crashes the process: a browser or a port scanner that finds
// the port would do both.
//
// It also makes SASL look as it does with Apache Kafka. At a wrong password kfake
// only cuts the connection, and a client takes that for a broker that is away; and
// kafkajs wants to see its mechanism listed before it goes on.
//
// kfake reads from one goroutine at a time, and writes and closes from others.
type guard struct {
	net.Conn
	log *slog.Logger

	asked atomic.Pointer[saslRequest] // not answered yet

	head    [frameHead + 4]byte // and a correlation id, where it is wanted
	unread  []byte              // what is left of head
	payload int                 // bytes of the current request that are still on the wire
}

// Read reads from the current request, and checks the head of the next one.
func (g *guard) Read(p []byte) (int, error) {
	if len(g.unread) == 0 && g.payload == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.unread) > 0 {
		n := copy(p, g.unread)
		g.unread = g.unread[n:]
		return n, nil
	}
	n, err := g.Conn.Read(p[:min(len(p), g.payload)])
	g.payload -= n
	return n, err
}

// Write answers the request that came last. kfake writes a response at once.
func (g *guard) Write(p []byte) (int, error) {
	if r := g.asked.Swap(nil); r != nil && r.key == int16(kmsg.SASLHandshake) {
		if _, err := g.Conn.Write(r.listing(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return g.Conn.Write(p)
}

// Close ends the connection, and says why when it ends in an authentication.
func (g *guard) Close() error {
	if r := g.asked.Swap(nil); r != nil && r.key == int16(kmsg.SASLAuthenticate) {
		_, _ = g.Conn.Write(r.refusal()) // the client may be gone, and the end is the same
	}
	return g.Conn.Close()
}

// next reads the head of the next request.
func (g *guard) next() error {
	head := g.head[:frameHead]
	if _, err := io.ReadFull(g.Conn, head); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(g.head[:4])
	key := int16(binary.BigEndian.Uint16(g.head[4:6])) //nolint:gosec // the protocol's keys are signed
	if size < minFrame || size > maxFrame || !knownKey(key) {
		g.log.Warn("closing a connection that does not speak Kafka: is it a browser, a health check or a TLS client?",
			"remote", g.RemoteAddr(), "head", fmt.Sprintf("%q", head))
		return errNotKafka
	}
	if key == int16(kmsg.SASLAuthenticate) || key == int16(kmsg.SASLHandshake) {
		if _, err := io.ReadFull(g.Conn, g.head[frameHead:]); err != nil {
			return err
		}
		head = g.head[:]
		g.asked.Store(&saslRequest{
			key:     key,
			version: int16(binary.BigEndian.Uint16(g.head[6:8])), //nolint:gosec // the protocol's versions are signed
			id:      binary.BigEndian.Uint32(g.head[8:12]),
		})
	}
	g.unread = head
	g.payload = int(size) + 4 - len(head)
	return nil
}

// knownKey reports whether the protocol has a request of this key.
func knownKey(key int16) bool {
	return key >= 0 && key <= kmsg.MaxKey && kmsg.NameForKey(key) != "Unknown"
}
