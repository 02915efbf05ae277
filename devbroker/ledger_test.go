package devbroker_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// spot is a partition.
type spot struct {
	topic     string
	partition int32
}

// commitKey is what a group has an offset for.
type commitKey struct {
	group string
	spot
}

// commitment is an offset that a group committed: the last acknowledged one,
// and those sent after it. A member that joins again may well go back.
type commitment struct {
	acked int64
	sent  []int64
}

// ledger is what the broker has acknowledged.
type ledger struct {
	busy sync.RWMutex // read-held while something is asked of the broker, held while it is checked

	mu      sync.Mutex
	records map[spot]map[int64]string
	commits map[commitKey]commitment
	topics  map[string]int   // partitions, of those that exist
	deleted map[string]bool  // whose deletion was acknowledged
	keys    map[string]int64 // the last acknowledged value
	txns    map[string]outcome
	counts  map[string]int
	events  chan struct{}
}

// outcome is how a transaction ended, as far as its client was told.
type outcome int

const (
	unknown outcome = iota
	committedTxn
	abortedTxn
)

func newLedger() *ledger {
	return &ledger{
		records: map[spot]map[int64]string{},
		commits: map[commitKey]commitment{},
		topics:  map[string]int{},
		deleted: map[string]bool{},
		keys:    map[string]int64{},
		txns:    map[string]outcome{},
		counts:  map[string]int{},
		events:  make(chan struct{}, 1),
	}
}

// change changes the ledger and counts it as an event of a kind.
func (l *ledger) change(kind string, do func()) {
	l.mu.Lock()
	do()
	l.counts[kind]++
	l.mu.Unlock()
	select {
	case l.events <- struct{}{}:
	default:
	}
}

func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.counts {
		n += c
	}
	return n
}

// await waits until n more things were acknowledged.
func (l *ledger) await(t *testing.T, n int) {
	t.Helper()
	late := time.After(patience)
	for want := l.total() + n; l.total() < want; {
		select {
		case <-l.events:
		case <-late:
			t.Fatalf("not %d acknowledgements in %v: %v", n, patience, l.summary())
		}
	}
}

func (l *ledger) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.counts)
}

// everythingHappened fails for a kind of load that was never acknowledged.
func (l *ledger) everythingHappened(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kind := range []string{
		"idempotent", "plain", "trimmed", "emptied", "compacted", "transaction", "auto-created", "created", "deleted",
		"records deleted", "commit", "member's commit", "static member's commit",
	} {
		if l.counts[kind] < kills/10 {
			t.Errorf("%q was acknowledged %d times only", kind, l.counts[kind])
		}
	}
}

func (l *ledger) wrote(kind string, r *kgo.Record) {
	l.change(kind, func() {
		at := spot{r.Topic, r.Partition}
		if l.records[at] == nil {
			l.records[at] = map[int64]string{}
		}
		l.records[at][r.Offset] = string(r.Value)
	})
}

// committing notes that an offset is about to be committed.
func (l *ledger) committing(key commitKey, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.commits[key]
	c.sent = append(slices.Clip(c.sent), offset)
	l.commits[key] = c
}

func (l *ledger) committed(kind string, key commitKey, offset int64) {
	l.change(kind, func() { l.commits[key] = commitment{acked: offset} })
}

// copied is the ledger as it is now.
func (l *ledger) copied() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newLedger()
	for at, records := range l.records {
		c.records[at] = maps.Clone(records)
	}
	c.commits, c.topics, c.deleted = maps.Clone(l.commits), maps.Clone(l.topics), maps.Clone(l.deleted)
	c.keys, c.txns = maps.Clone(l.keys), maps.Clone(l.txns)
	return c
}
