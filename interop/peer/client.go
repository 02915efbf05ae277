package peer

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// Client is a NestJS client, the program client.js.
type Client struct {
	*Process

	mu     sync.Mutex
	lastID int
	calls  map[int]*Call
	strays []Line
}

// Call is one call of a NestJS client. Safe for concurrent use.
type Call struct {
	client *Client

	mu      sync.Mutex
	values  []json.RawMessage
	err     json.RawMessage
	ended   bool
	arrived chan struct{} // closed and replaced at every change
}

// Outcome is what the callbacks of a NestJS client got. Err is nil when its
// "complete" was called.
type Outcome struct {
	Values []json.RawMessage
	Err    json.RawMessage
}

// StartClient starts the client of dir.
func StartClient(ctx context.Context, dir string, env ...string) (*Client, error) {
	c := newClient()
	p, err := Start(ctx, Options{Dir: dir, Program: "client.js", Env: env}, c.line)
	if err != nil {
		return nil, err
	}
	c.Process = p
	return c, nil
}

func newClient() *Client { return &Client{calls: make(map[int]*Call)} }

// Begin starts a call: op is send, emit or emitBatch. NestJS waits for at most
// each from one value to the next.
func (c *Client) Begin(op, pattern string, data any, each time.Duration) (*Call, error) {
	return c.Do(map[string]any{"op": op, "pattern": pattern, "data": data, "timeout": each.Milliseconds()})
}

// Do starts a call that the fields of request say. It adds the field id.
func (c *Client) Do(request map[string]any) (*Call, error) {
	call := &Call{client: c, arrived: make(chan struct{})}
	request = maps.Clone(request)
	c.mu.Lock()
	c.lastID++
	request["id"] = c.lastID
	c.calls[c.lastID] = call
	c.mu.Unlock()
	return call, c.Write(request)
}

// Strays are lines that came for a call after its end, or for no call.
func (c *Client) Strays() []Line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.strays)
}

func (c *Client) line(l Line) {
	c.mu.Lock()
	call := c.calls[l.ID]
	c.mu.Unlock()
	if call == nil || !call.take(l) {
		c.mu.Lock()
		c.strays = append(c.strays, l)
		c.mu.Unlock()
	}
}

// take reports whether the call was still open.
func (c *Call) take(l Line) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	if l.Next != nil {
		c.values = append(c.values, l.Next)
	} else {
		c.ended, c.err = true, l.Error
		if l.Error == nil && !l.Complete {
			c.err = json.RawMessage("undefined")
		}
	}
	close(c.arrived)
	c.arrived = make(chan struct{})
	return true
}

// Values waits until the call has n values.
func (c *Call) Values(ctx context.Context, n int) error {
	_, err := c.until(ctx, func() bool { return len(c.values) >= n })
	return err
}

// End waits for the end of the call.
func (c *Call) End(ctx context.Context) (Outcome, error) {
	return c.until(ctx, func() bool { return c.ended })
}

// until waits for a state; reached is called with the lock held.
func (c *Call) until(ctx context.Context, reached func() bool) (Outcome, error) {
	for {
		c.mu.Lock()
		outcome, arrived, ok := Outcome{slices.Clone(c.values), c.err}, c.arrived, reached()
		c.mu.Unlock()
		if ok {
			return outcome, nil
		}
		select {
		case <-arrived:
		case <-c.client.Done():
			return outcome, c.client.errorf("ended during a call")
		case <-ctx.Done():
			return outcome, c.client.errorf("did not end a call (so far %d values): %v", len(outcome.Values), ctx.Err())
		}
	}
}
