package migration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/siskin-go/siskin/interop/peer"
)

// place is where a request lies.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// Who has received a request.
type who string

const (
	byNest   who = "NestJS"
	bySiskin who = "Siskin"
)

// ledger knows who has received which request, and what its caller got. A request
// is known by its payload. Safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something was received
	places  map[place][]who
	senders map[string]map[who]bool // by payload
	counts  map[who]int
	answers map[string]int
	failed  map[string]error
}

func newLedger() *ledger {
	return &ledger{
		changed: make(chan struct{}), places: make(map[place][]who), senders: make(map[string]map[who]bool),
		counts: make(map[who]int), answers: make(map[string]int), failed: make(map[string]error),
	}
}

// line takes what a NestJS server prints.
func (l *ledger) line(line peer.Line) {
	if line.Event != "request" {
		return
	}
	var payload string
	_ = json.Unmarshal(line.Payload, &payload) // what is no string was not sent by these tests
	l.received(byNest, payload, place{line.Topic, line.Partition, line.Offset})
}

func (l *ledger) received(by who, payload string, at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places[at] = append(l.places[at], by)
	if l.senders[payload] == nil {
		l.senders[payload] = make(map[who]bool)
	}
	l.senders[payload][by] = true
	l.counts[by]++
	close(l.changed)
	l.changed = make(chan struct{})
}

// answered notes what a caller got.
func (l *ledger) answered(payload, reply string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && reply != payload {
		err = fmt.Errorf("the reply is %q", reply)
	}
	if err != nil {
		l.failed[payload] = err
		return
	}
	l.answers[payload]++
}

// count is how many requests somebody has received so far.
func (l *ledger) count(by who) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[by]
}

// more waits until somebody has received n more requests.
func (l *ledger) more(ctx context.Context, by who, n int) error {
	for want := l.count(by) + n; ; {
		l.mu.Lock()
		got, changed := l.counts[by], l.changed
		l.mu.Unlock()
		if got >= want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s has received %d requests of %d that were waited for: %w", by, n-(want-got), n, ctx.Err())
		}
	}
}
