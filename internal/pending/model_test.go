package pending_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/internal/pending"
	"pgregory.net/rapid"
)

// machine is a table beside a simple picture of it.
type machine struct {
	table  *pending.Table
	most   int
	calls  []*call
	closed bool
	said   int // replies so far, to tell them apart
}

type call struct {
	real    *pending.Call
	id      []byte
	buffer  int
	route   string
	unread  []pending.Reply
	pending bool
}

func (m *machine) count() int {
	n := 0
	for _, c := range m.calls {
		if c.pending {
			n++
		}
	}
	return n
}

func (m *machine) any(t *rapid.T) *call {
	if len(m.calls) == 0 {
		t.Skip("there is no call")
	}
	return rapid.SampledFrom(m.calls).Draw(t, "call")
}

func (c *call) push(r pending.Reply) {
	if !c.pending {
		return
	}
	c.unread = append(c.unread, r)
	c.pending = !r.Last && r.Err == nil
}

func (m *machine) Add(t *rapid.T) {
	c := &call{buffer: rapid.IntRange(0, 3).Draw(t, "buffer"), route: rapid.SampledFrom([]string{"r", "s"}).Draw(t, "route")}
	c.real = newCall(c.buffer, c.route)
	id, err := m.table.Add(c.real)
	if ok := !m.closed && m.count() < m.most; (err == nil) != ok {
		t.Fatalf("Add = %v with %d of %d calls pending, closed: %v", err, m.count(), m.most, m.closed)
	}
	if err == nil {
		c.id, c.pending = id, true
		m.calls = append(m.calls, c)
	}
}

func (m *machine) Deliver(t *rapid.T) {
	c := m.any(t)
	m.said++
	r := pending.Reply{Value: fmt.Append(nil, m.said)}
	switch rapid.IntRange(0, 5).Draw(t, "end") {
	case 0:
		r.Last = true
	case 1:
		r = failed(errGone)
	}
	got := m.table.Deliver(c.id, r)
	if (got == c.real) != c.pending || got != nil && got != c.real {
		t.Fatalf("Deliver gave %p, want %p pending: %v", got, c.real, c.pending)
	}
	if !r.Last && r.Err == nil && len(c.unread) >= max(1, c.buffer) {
		r = failed(pending.ErrSlowReader)
	}
	c.push(r)
}

func (m *machine) Read(t *rapid.T) {
	c := m.any(t)
	if len(c.unread) == 0 {
		t.Skip("there is nothing to read")
	}
	if diff := cmp.Diff(c.unread[0], <-c.real.Replies(), cmpopts.EquateErrors()); diff != "" {
		t.Fatalf("reply (-want +got):\n%s", diff)
	}
	c.unread = c.unread[1:]
}

func (m *machine) Remove(t *rapid.T) {
	c := m.any(t)
	m.table.Remove(c.real)
	c.pending = false
}

func (m *machine) Fail(t *rapid.T) {
	c := m.any(t)
	m.table.Fail(c.real, errGone)
	c.push(failed(errGone))
}

func (m *machine) FailRoute(t *rapid.T) {
	want := 0
	for _, c := range m.calls {
		if c.route == "r" && c.pending {
			want++
			c.push(failed(errGone))
		}
	}
	if n := m.table.FailRoute("r", errGone); n != want {
		t.Fatalf("FailRoute failed %d calls, want %d", n, want)
	}
}

func (m *machine) Close(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "sure") != 0 {
		t.Skip("not yet")
	}
	m.table.Close(errGone)
	m.closed = true
	for _, c := range m.calls {
		c.push(failed(errGone))
	}
}

func (m *machine) Check(t *rapid.T) {
	if n := m.table.Len(); n != m.count() {
		t.Fatalf("%d calls are pending, want %d", n, m.count())
	}
	for _, c := range m.calls {
		if n := len(c.real.Replies()); n != len(c.unread) {
			t.Fatalf("%d replies are unread, want %d", n, len(c.unread))
		}
	}
}

func TestTableAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "most")
		t.Repeat(rapid.StateMachineActions(&machine{table: pending.NewTable(most), most: most}))
	})
}

// Correlation ids come from the network. Whatever they are, nothing breaks, and
// no call but the one with that id gets the reply.
func FuzzDeliver(f *testing.F) {
	for _, id := range []string{"", "-", "1", "2", "zz", "-1", "+1", "01", "0x1", "1_0", "zzzzzzzzzzzzzz", "\x00", "é", "3w5e11264sgsg"} {
		f.Add([]byte(id), true)
		f.Add([]byte(id), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, ours bool) {
		table := pending.NewTable(10)
		a, id := add(t, table, 1, nil)
		b, _ := add(t, table, 1, nil)
		if prefix := id[:strings.LastIndexByte(string(id), '-')+1]; ours {
			raw = append(prefix, raw...)
		}
		got := table.Deliver(raw, last("x"))
		if got != nil && !ours || got != nil && got != a && got != b {
			t.Fatalf("the id %q gave the call %p", raw, got)
		}
		wantLen := 2
		if got != nil {
			wantLen = 1
			wantReplies(t, got, last("x"))
		}
		if n := table.Len(); n != wantLen {
			t.Fatalf("%d calls are pending, want %d", n, wantLen)
		}
		table.Close(errGone)
	})
}
