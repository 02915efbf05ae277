// Package pending keeps the calls that wait for replies: it gives out
// correlation ids, matches replies to calls and ends calls that fail.
//
// The deadline of a call lives here and never in the context of its record:
// ending the context of one record fails its neighbours in the same batch.
package pending

import (
	"crypto/rand"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
)

// Errors of a call that the table ends by itself.
var (
	ErrFull       = errors.New("too many pending calls")
	ErrSlowReader = errors.New("the reader of a stream is too slow for its replies")
)

// Reply is one reply as its call receives it.
type Reply struct {
	Value []byte
	// Last says that no further reply follows.
	Last bool
	// Err ends the call; Value is then nothing.
	Err error
}

// Table is the pending calls of one client. Safe for concurrent use.
type Table struct {
	prefix string
	most   int
	lastID atomic.Uint64

	mu     sync.Mutex
	calls  map[uint64]*Call
	closed error
}

// NewTable returns a table for at most most calls at a time.
func NewTable(most int) *Table {
	return &Table{prefix: rand.Text()[:16] + "-", most: most, calls: make(map[uint64]*Call)}
}

// Call is one request that waits for replies.
type Call struct {
	id      uint64
	text    [32]byte // room for the correlation id
	replies chan Reply
	// Route is where the call's replies arrive. Set before Add.
	Route any
	// Acked is true when the broker has stored the request.
	Acked atomic.Bool

	held atomic.Int64 // bytes of the replies that Took was not called for
}

// MaxHeld is how many bytes of replies may wait for the reader of one call, beside
// a single reply that is larger.
const MaxHeld = 16 << 20

// Took says that the reader has taken r out of Replies. Who reads more than one
// reply must call it for each.
func (c *Call) Took(r Reply) { c.held.Add(-int64(len(r.Value))) }

// NewReplies returns a channel for the replies of a call. It holds up to buffer
// unread ones, at least one.
func NewReplies(buffer int) chan Reply {
	return make(chan Reply, max(1, buffer)+1) // one more place, so that an end always fits
}

// Init makes the zero Call ready: its replies arrive on route and go to replies,
// which comes from NewReplies and is empty.
func (c *Call) Init(replies chan Reply, route any) { c.replies, c.Route = replies, route }

// Replies is where the replies arrive, in order. Nothing follows a reply with
// Last or Err.
func (c *Call) Replies() <-chan Reply { return c.replies }

// Add makes the call pending and returns its correlation id.
func (t *Table) Add(c *Call) ([]byte, error) {
	c.id = t.lastID.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != nil {
		return nil, t.closed
	}
	if len(t.calls) >= t.most {
		return nil, ErrFull
	}
	t.calls[c.id] = c
	return strconv.AppendUint(append(c.text[:0], t.prefix...), c.id, 36), nil
}

// Remove forgets the call. Replies that come later are ignored: its channel may
// be used for another call then.
func (t *Table) Remove(c *Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, c.id)
}

// Len is how many calls are pending.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.calls)
}

// Deliver hands a reply to the call with the correlation id. It returns the
// call, or nil when none is pending under that id: the reply is late, or was
// meant for another client on the same partition.
func (t *Table) Deliver(correlationID []byte, r Reply) *Call {
	id, ok := t.parse(correlationID)
	if !ok {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[id]
	if c == nil {
		return nil
	}
	if c.slow(r) {
		r = Reply{Err: ErrSlowReader}
	}
	t.push(c, r)
	return c
}

// slow notes a reply and reports whether too much waits for the reader already. An
// end always fits.
func (c *Call) slow(r Reply) bool {
	if r.Last || r.Err != nil {
		return false
	}
	waiting := len(c.replies)
	return c.held.Add(int64(len(r.Value))) > MaxHeld && waiting > 0 || waiting >= cap(c.replies)-1
}

// push needs the lock, so that the place for the end stays free.
func (t *Table) push(c *Call, r Reply) {
	if r.Last || r.Err != nil {
		delete(t.calls, c.id)
	}
	c.replies <- r
}

func (t *Table) parse(correlationID []byte) (uint64, bool) {
	if len(correlationID) <= len(t.prefix) || string(correlationID[:len(t.prefix)]) != t.prefix {
		return 0, false
	}
	id, err := strconv.ParseUint(string(correlationID[len(t.prefix):]), 36, 64)
	return id, err == nil
}

// Fail ends one call with err. A call that has already ended stays as it is.
func (t *Table) Fail(c *Call, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[c.id] == c {
		t.push(c, Reply{Err: err})
	}
}

// FailRoute ends all calls on route and returns how many there were.
func (t *Table) FailRoute(route any, err error) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, c := range t.calls {
		if c.Route == route {
			t.push(c, Reply{Err: err})
			n++
		}
	}
	return n
}

// Close ends all calls with err, and every later one.
func (t *Table) Close(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != nil {
		return
	}
	t.closed = err
	for _, c := range t.calls {
		t.push(c, Reply{Err: err})
	}
}
