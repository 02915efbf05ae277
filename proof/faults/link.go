package main

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// link is the dialer of one process. The connections that it makes have the faults
// of the plan. Safe for concurrent use.
type link struct {
	faults []linkFault
	nodes  []string // addresses, in the order of the nodes
	dialer net.Dialer

	epoch  atomic.Pointer[time.Time] // when the plan begins; nil before that is known
	mu     sync.Mutex
	conns  map[*faultyConn]bool
	timers []*time.Timer
}

// newLink returns the dialer of who, without faults until begin.
func newLink(p plan, who string, nodes []string) *link {
	l := &link{nodes: nodes, conns: make(map[*faultyConn]bool)}
	for _, f := range p.Faults {
		if f.Who == who {
			l.faults = append(l.faults, f)
		}
	}
	return l
}

// begin says when the plan begins.
func (l *link) begin(epoch time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		if until := time.Until(epoch.Add(f.At + f.Length)); until > 0 && (f.Kind == resets || f.Cut) {
			l.timers = append(l.timers, time.AfterFunc(until, func() { l.reset(f) }))
		}
	}
	l.epoch.Store(&epoch)
}

// now is the time of the plan, -1 before it begins.
func (l *link) now() time.Duration {
	if epoch := l.epoch.Load(); epoch != nil {
		return time.Since(*epoch)
	}
	return -1
}

// stop ends the faults to come.
func (l *link) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.timers {
		t.Stop()
	}
}

// dial is for kgo.Dialer.
func (l *link) dial(ctx context.Context, network, host string) (net.Conn, error) {
	node := slices.Index(l.nodes, host) + 1
	if hole := l.active(node, holeOut, holeIn); hole > 0 {
		select {
		case <-time.After(hole):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	conn, err := l.dialer.DialContext(ctx, network, host)
	if err != nil {
		return nil, err
	}
	c := &faultyConn{Conn: conn, link: l, node: node, closed: make(chan struct{}), reads: newLimit(), writes: newLimit()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
	return c, nil
}

// active is how long a hole of one of these kinds, or of both directions, still
// lasts.
func (l *link) active(node int, kinds ...linkKind) (left time.Duration) {
	now := l.now()
	for _, f := range l.faults {
		if f.about(node) && (f.Kind == holeBoth || slices.Contains(kinds, f.Kind)) && f.At <= now && now < f.At+f.Length {
			left = max(left, f.At+f.Length-now)
		}
	}
	return left
}

// delay is how much a read or write takes longer now.
func (l *link) delay(node int) (d time.Duration) {
	now := l.now()
	for _, f := range l.faults {
		if f.about(node) && f.Kind == delays && f.At <= now && now < f.At+f.Length {
			d = max(d, f.Delay)
		}
	}
	return d
}

func (f linkFault) about(node int) bool { return f.Node == 0 || node == 0 || f.Node == node }

// reset cuts connections as a peer does that knows nothing of them.
func (l *link) reset(f linkFault) {
	l.mu.Lock()
	var hit []*faultyConn
	for c := range l.conns {
		if f.about(c.node) {
			hit = append(hit, c)
		}
	}
	l.mu.Unlock()
	for _, c := range hit {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // else the end would be an orderly one
		}
		_ = c.Close()
	}
}

// faultyConn is a connection that stands still while a hole lasts. What was read or
// is to be written is kept, as TCP does, and comes late; where the hole ends with
// a reset it is lost.
type faultyConn struct {
	net.Conn
	link          *link
	node          int
	once          sync.Once
	closed        chan struct{}
	reads, writes *limit
}

func (c *faultyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	if err := c.hold(holeIn, c.reads); err != nil {
		return 0, err
	}
	return n, nil
}

func (c *faultyConn) Write(b []byte) (int, error) {
	if err := c.hold(holeOut, c.writes); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// hold returns when no hole is left.
func (c *faultyConn) hold(kind linkKind, until *limit) error {
	wait := c.link.delay(c.node)
	for {
		wait = max(wait, c.link.active(c.node, kind))
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-until.over():
			timer.Stop()
			return timeoutError{}
		case <-c.closed:
			timer.Stop()
			return net.ErrClosed
		}
		wait = 0
	}
}

func (c *faultyConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		c.link.mu.Lock()
		delete(c.link.conns, c)
		c.link.mu.Unlock()
		err = c.Conn.Close()
	})
	return err
}

func (c *faultyConn) SetDeadline(t time.Time) error {
	c.reads.set(t)
	c.writes.set(t)
	return c.Conn.SetDeadline(t)
}

func (c *faultyConn) SetReadDeadline(t time.Time) error {
	c.reads.set(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *faultyConn) SetWriteDeadline(t time.Time) error {
	c.writes.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// timeoutError is what a deadline of a connection gives.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout (in a hole)" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// limit is a deadline that can be moved while somebody waits for it.
type limit struct {
	mu    sync.Mutex
	timer *time.Timer
	ended chan struct{} // closed when the deadline has come
}

func newLimit() *limit { return &limit{ended: make(chan struct{})} }

func (l *limit) over() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *limit) set(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && !l.timer.Stop() {
		<-l.ended // its function runs; wait for it
	}
	l.timer = nil
	select {
	case <-l.ended:
		l.ended = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	ended := l.ended
	left := time.Until(t)
	if left <= 0 {
		close(ended)
		return
	}
	l.timer = time.AfterFunc(left, func() { close(ended) })
}
