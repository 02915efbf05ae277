package pending_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/internal/pending"
)

var errGone = errors.New("gone")

// newCall is a call with room for buffer replies.
func newCall(buffer int, route any) *pending.Call {
	c := new(pending.Call)
	c.Init(pending.NewReplies(buffer), route)
	return c
}

// add makes a new call pending.
func add(t *testing.T, table *pending.Table, buffer int, route any) (*pending.Call, []byte) {
	t.Helper()
	c := newCall(buffer, route)
	id, err := table.Add(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, id
}

func value(s string) pending.Reply { return pending.Reply{Value: []byte(s)} }

func last(s string) pending.Reply { return pending.Reply{Value: []byte(s), Last: true} }

func failed(err error) pending.Reply { return pending.Reply{Err: err} }

// wantReplies checks what waits for the reader of a call.
func wantReplies(t *testing.T, c *pending.Call, want ...pending.Reply) {
	t.Helper()
	var got []pending.Reply
	for len(c.Replies()) > 0 {
		got = append(got, <-c.Replies())
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
}

func TestRepliesReachTheirCallInOrder(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(10)
	a, idA := add(t, table, 3, nil)
	b, idB := add(t, table, 3, nil)
	for _, r := range []pending.Reply{value("1"), value("2")} {
		if got := table.Deliver(idA, r); got != a {
			t.Errorf("delivered to %p, want %p", got, a)
		}
	}
	table.Deliver(idB, last("b"))
	table.Deliver(idA, last("3"))
	wantReplies(t, a, value("1"), value("2"), last("3"))
	wantReplies(t, b, last("b"))
	if n := table.Len(); n != 0 {
		t.Errorf("%d calls are pending after their end", n)
	}
}

func TestNothingFollowsTheEnd(t *testing.T) {
	t.Parallel()
	for _, end := range []pending.Reply{last("1"), last(""), {Last: true}, failed(errGone)} {
		table := pending.NewTable(10)
		c, id := add(t, table, 3, "route")
		table.Deliver(id, end)
		for _, r := range []pending.Reply{value("late"), last("late"), failed(errGone)} {
			if table.Deliver(id, r) != nil {
				t.Errorf("a reply behind %+v was delivered", end)
			}
		}
		table.Fail(c, errGone)
		if n := table.FailRoute("route", errGone); n != 0 {
			t.Errorf("%d ended calls were failed", n)
		}
		table.Close(errGone)
		wantReplies(t, c, end)
	}
}

func TestRepliesForNobodyAreIgnored(t *testing.T) {
	t.Parallel()
	table, other := pending.NewTable(10), pending.NewTable(10)
	c, id := add(t, table, 3, nil)
	removed, removedID := add(t, table, 3, nil)
	table.Remove(removed)
	_, foreign := add(t, other, 3, nil)
	prefix := id[:strings.LastIndexByte(string(id), '-')+1]
	for _, id := range [][]byte{
		nil,
		{},
		removedID, foreign, prefix, append(prefix[:len(prefix):len(prefix)], "zzzzzzzzzzzzzzzz"...),
		append(prefix[:len(prefix):len(prefix)], "-1"...), append(id[:len(id):len(id)], ' '), id[1:], []byte("id-1"),
		append(prefix[:len(prefix):len(prefix)], "9"...),
	} {
		if got := table.Deliver(id, last("x")); got != nil {
			t.Errorf("a reply with the id %q was delivered", id)
		}
	}
	table.Fail(removed, errGone)
	wantReplies(t, removed)
	wantReplies(t, c)
}

// The ids must survive NestJS's parser and be found by nobody else.
func TestCorrelationIDs(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 10 {
		table := pending.NewTable(1000)
		for range 100 {
			_, id := add(t, table, 1, nil)
			if seen[string(id)] {
				t.Fatalf("the id %q was given out twice", id)
			}
			seen[string(id)] = true
			if len(id) < 18 || strings.ContainsFunc(string(id), func(r rune) bool {
				return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", r)
			}) {
				t.Errorf("the id %q is not safe", id)
			}
		}
	}
}

func TestSlowReader(t *testing.T) {
	t.Parallel()
	for _, buffer := range []int{-1, 0, 1, 2, 256} {
		t.Run(fmt.Sprint(buffer), func(t *testing.T) {
			t.Parallel()
			table := pending.NewTable(10)
			slow, slowID := add(t, table, buffer, nil)
			inTime, inTimeID := add(t, table, buffer, nil)
			var full []pending.Reply
			for i := range max(buffer, 1) {
				full = append(full, value(fmt.Sprint(i)))
				table.Deliver(slowID, full[i])
				table.Deliver(inTimeID, full[i])
			}
			table.Deliver(inTimeID, last("end")) // an end always fits
			if table.Deliver(slowID, value("too much")) != slow {
				t.Error("the reply that is too much does not count as delivered")
			}
			table.Deliver(slowID, last("late"))
			wantReplies(t, inTime, append(full[:len(full):len(full)], last("end"))...)
			wantReplies(t, slow, append(full, failed(pending.ErrSlowReader))...)
		})
	}
}

// Few large replies are as much as many small ones.
func TestSlowReaderByBytes(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(10)
	c, id := add(t, table, 256, nil)
	large := pending.Reply{Value: make([]byte, pending.MaxHeld/4)}
	for range 20 { // of a reader that keeps up
		table.Deliver(id, large)
		c.Took(<-c.Replies())
	}
	for range 4 {
		table.Deliver(id, large)
	}
	table.Deliver(id, large)
	table.Deliver(id, last("late"))
	for range 4 {
		if r := <-c.Replies(); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	wantReplies(t, c, failed(pending.ErrSlowReader))
}

// A reply that is larger than all that may wait is delivered when nothing waits.
func TestOneReplyThatIsTooLargeToWaitWithOthers(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(10)
	c, id := add(t, table, 256, nil)
	large := pending.Reply{Value: make([]byte, pending.MaxHeld+1)}
	for range 3 {
		table.Deliver(id, large)
		r := <-c.Replies()
		c.Took(r)
		if r.Err != nil || len(r.Value) != len(large.Value) {
			t.Fatalf("%d bytes, %v", len(r.Value), r.Err)
		}
	}
	table.Deliver(id, large)
	table.Deliver(id, last("end")) // an end always fits
	<-c.Replies()
	wantReplies(t, c, last("end"))
}

func TestFull(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(2)
	a, _ := add(t, table, 1, nil)
	_, idB := add(t, table, 1, nil)
	if _, err := table.Add(newCall(1, nil)); !errors.Is(err, pending.ErrFull) {
		t.Fatalf("Add = %v, want %v", err, pending.ErrFull)
	}
	table.Remove(a)
	table.Remove(a) // counts once
	add(t, table, 1, nil)
	if _, err := table.Add(newCall(1, nil)); !errors.Is(err, pending.ErrFull) {
		t.Fatalf("Add = %v, want %v", err, pending.ErrFull)
	}
	table.Deliver(idB, last(""))
	add(t, table, 1, nil)
}

func TestFailRoute(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(10)
	type route struct{ name string }
	left, other := &route{"r"}, &route{"r"}
	a, _ := add(t, table, 1, left)
	b, idB := add(t, table, 1, left)
	c, _ := add(t, table, 1, other)
	table.Deliver(idB, value("1"))
	if n := table.FailRoute(left, errGone); n != 2 {
		t.Errorf("%d calls failed, want 2", n)
	}
	if n := table.FailRoute(left, errGone); n != 0 {
		t.Errorf("%d calls failed again", n)
	}
	wantReplies(t, a, failed(errGone))
	wantReplies(t, b, value("1"), failed(errGone))
	wantReplies(t, c)
	if n := table.Len(); n != 1 {
		t.Errorf("%d calls are pending, want the one of the other route", n)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	table := pending.NewTable(10)
	a, id := add(t, table, 1, nil)
	b, _ := add(t, table, 1, nil)
	table.Close(errGone)
	table.Close(errors.New("second"))
	wantReplies(t, a, failed(errGone))
	wantReplies(t, b, failed(errGone))
	if _, err := table.Add(newCall(1, nil)); !errors.Is(err, errGone) {
		t.Errorf("Add after Close = %v, want %v", err, errGone)
	}
	if table.Deliver(id, last("")) != nil || table.Len() != 0 {
		t.Error("calls are pending after Close")
	}
}

// However many end a call at once, its reader sees one end, behind the values.
func TestEndsRace(t *testing.T) {
	t.Parallel()
	for range 200 {
		table := pending.NewTable(10)
		c, id := add(t, table, 3, "route")
		var wg sync.WaitGroup
		wg.Go(func() { table.Fail(c, errGone) })
		wg.Go(func() { table.FailRoute("route", errGone) })
		wg.Go(func() { table.Close(errGone) })
		wg.Go(func() { table.Deliver(id, last("end")) })
		wg.Go(func() {
			for range 10 {
				table.Deliver(id, value("x"))
			}
		})
		ends := 0
		wg.Go(func() {
			for r := range c.Replies() {
				if r.Last || r.Err != nil {
					ends++
					return
				}
			}
		})
		wg.Wait()
		if ends += len(c.Replies()); ends != 1 {
			t.Fatalf("the reader saw %d replies behind the end", ends-1)
		}
		table.Remove(c)
	}
}
