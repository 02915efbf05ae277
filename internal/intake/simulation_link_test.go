//go:build synctests

package intake_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// link is the network of one process.
type link struct {
	network *kfake.VirtualNetwork
	late    *delays

	mu      sync.Mutex
	rng     *rand.Rand
	conns   map[net.Conn]struct{}
	down    bool
	lagging time.Time // answers come no sooner than this
}

func newLink(network *kfake.VirtualNetwork, late *delays, seed uint64, name string) *link {
	return &link{
		network: network, late: late, rng: rand.New(rand.NewPCG(seed, hash(name))), conns: make(map[net.Conn]struct{}),
	}
}

var errDown = errors.New("the network is down")

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if l.isDown() {
		// The Kafka client does not pause before it asks for a producer id again:
		// without this, virtual time would stand still.
		rest(ctx, 5*time.Millisecond, true)
		return nil, errDown
	}
	conn, err := l.network.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		conn.Close()
		return nil, errDown
	}
	l.conns[conn] = struct{}{}
	return &linked{Conn: conn, link: l}, nil
}

func (l *link) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// cut ends all connections. With down, none can be made until up.
func (l *link) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = l.down || down
	for conn := range l.conns {
		conn.Close()
		delete(l.conns, conn)
	}
}

func (l *link) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down, l.lagging = false, time.Time{}
}

// lag holds back all answers for d.
func (l *link) lag(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lagging = time.Now().Add(d)
}

// latency is how long an answer is under way: mostly nothing.
func (l *link) latency() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := max(0, time.Until(l.lagging))
	if l.rng.IntN(8) == 0 {
		d += time.Duration(l.rng.Int64N(int64(2 * time.Millisecond)))
	}
	return d
}

type linked struct {
	net.Conn
	link *link
	late atomic.Int64 // answers come no sooner than this, Unix time in nanoseconds
}

func (c *linked) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if d := max(c.link.latency(), time.Until(time.Unix(0, c.late.Load()))); d > 0 {
		time.Sleep(d)
	}
	return n, err
}

// Write sends one request.
func (c *linked) Write(b []byte) (int, error) {
	if len(b) >= 6 {
		if d := c.link.late.take(kmsg.Key(binary.BigEndian.Uint16(b[4:]))); d > 0 {
			c.late.Store(time.Now().Add(d).UnixNano())
		}
	}
	return c.Conn.Write(b)
}

func (c *linked) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c.Conn)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// delays are answers that will come late, by the kind of request.
type delays struct {
	mu    sync.Mutex
	spans map[kmsg.Key]time.Duration
}

func (d *delays) add(key kmsg.Key, span time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spans == nil {
		d.spans = make(map[kmsg.Key]time.Duration)
	}
	d.spans[key] = span
}

func (d *delays) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.spans)
}

// take is by how much the answer to a request is late that is sent now.
func (d *delays) take(key kmsg.Key) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	span := d.spans[key]
	delete(d.spans, key)
	return span
}
