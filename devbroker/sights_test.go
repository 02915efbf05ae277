package devbroker_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sights is what was seen of the broker after the kills so far.
type sights struct {
	offsets map[spot]kadmOffsets
}

type kadmOffsets struct{ start, end int64 }

// contents are the records of partitions, by offset.
type contents map[spot]map[int64]*kgo.Record

// check compares the broker with the ledger.
func (s *sights) check(t *testing.T, addr string, book *ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	book.busy.Lock()
	defer book.busy.Unlock()
	want := book.copied()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	checkTopics(t, ctx, admin, want)
	now := s.checkOffsets(t, ctx, admin, want, book)
	all := readEverything(t, ctx, addr, now)
	checkRecords(t, all, now, want, book)
	checkCompacted(t, all, want)
	checkTransactions(t, readEverything(t, ctx, addr, only(now, debitTopic, creditTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted())), want)
	checkCommits(t, ctx, admin, want)
}

func checkTopics(t *testing.T, ctx context.Context, admin *kadm.Client, want *ledger) {
	t.Helper()
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, partitions := range want.topics {
		if got := len(topics[name].Partitions); got != partitions {
			// Its deletion may have begun in the meantime.
			if want := partitions; got != 0 {
				t.Errorf("topic %s has %d partitions, want %d", name, got, want)
			}
		}
	}
	for name := range want.deleted {
		if topics.Has(name) {
			t.Errorf("topic %s is there again", name)
		}
	}
}

// checkOffsets checks that no partition has gone back.
func (s *sights) checkOffsets(t *testing.T, ctx context.Context, admin *kadm.Client, want, book *ledger) map[spot]kadmOffsets {
	t.Helper()
	starts, err := admin.ListStartOffsets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := map[spot]kadmOffsets{}
	starts.Each(func(o kadm.ListedOffset) {
		end, ok := ends.Lookup(o.Topic, o.Partition)
		if o.Err != nil || !ok || end.Err != nil {
			return
		}
		now[spot{o.Topic, o.Partition}] = kadmOffsets{o.Offset, end.Offset}
	})
	for at, before := range s.offsets {
		o, ok := now[at]
		switch {
		case !ok:
			if !book.mayBeGone(at.topic) {
				t.Errorf("%v is gone", at)
			}
		case o.start < before.start || o.end < before.end:
			t.Errorf("%v went back from %v to %v", at, before, o)
		}
	}
	for at, records := range want.records {
		for offset := range records {
			if o, ok := now[at]; ok && offset >= o.end {
				t.Errorf("%v ends at %d, but %d was acknowledged", at, o.end, offset)
			}
		}
	}
	s.offsets = now
	return now
}

// mayBeGone reports whether a topic's deletion was asked for.
func (l *ledger) mayBeGone(topic string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, there := l.topics[topic]
	return !there
}

func only(all map[spot]kadmOffsets, topics ...string) map[spot]kadmOffsets {
	some := map[spot]kadmOffsets{}
	for at, o := range all {
		for _, topic := range topics {
			if at.topic == topic {
				some[at] = o
			}
		}
	}
	return some
}

// readEverything reads partitions up to their ends.
func readEverything(t *testing.T, ctx context.Context, addr string, ranges map[spot]kadmOffsets, opts ...kgo.Opt) contents {
	t.Helper()
	from := map[string]map[int32]kgo.Offset{}
	left := map[spot]int64{}
	all := contents{}
	for at, o := range ranges {
		all[at] = map[int64]*kgo.Record{}
		if o.end == o.start {
			continue
		}
		if from[at.topic] == nil {
			from[at.topic] = map[int32]kgo.Offset{}
		}
		from[at.topic][at.partition] = kgo.NewOffset().At(o.start)
		left[at] = o.end
	}
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.ConsumePartitions(from), kgo.FetchMaxWait(20 * time.Millisecond), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, opts...)
	c, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for len(left) > 0 {
		poll, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		fetches := c.PollFetches(poll)
		cancel()
		if ctx.Err() != nil {
			t.Fatalf("not read to the end: %v", left)
		}
		if fetches.NumRecords() == 0 {
			forgetRemoved(t, ctx, kadm.NewClient(c), left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := spot{r.Topic, r.Partition}
			all[at][r.Offset] = r
			if r.Offset >= ranges[at].end-1 {
				delete(left, at)
			}
		})
	}
	return all
}

// forgetRemoved takes partitions out of left whose records were removed while
// they were read.
func forgetRemoved(t *testing.T, ctx context.Context, admin *kadm.Client, left map[spot]int64) {
	t.Helper()
	starts, err := admin.ListStartOffsets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for at, end := range left {
		if o, ok := starts.Lookup(at.topic, at.partition); ok && o.Offset >= end {
			delete(left, at)
		}
	}
}

// checkRecords checks that what was acknowledged is where it was, and that what
// an idempotent producer sent is there once.
func checkRecords(t *testing.T, all contents, now map[spot]kadmOffsets, want, book *ledger) {
	t.Helper()
	for at, records := range want.records {
		there, ok := all[at]
		if !ok {
			if !book.mayBeGone(at.topic) {
				t.Errorf("%v is gone, with %d acknowledged records", at, len(records))
			}
			continue
		}
		if now[at].start > 0 && (at.topic == keptTopic || at.topic == plainTopic) {
			t.Errorf("%v starts at %d", at, now[at].start)
		}
		removable := at.topic == trimmedTopic || at.topic == emptiedTopic || at.topic == cutTopic
		for offset, value := range records {
			r := there[offset]
			switch {
			case r != nil && string(r.Value) != value:
				t.Errorf("%v at %d: %q, want %q", at, offset, r.Value, value)
			case r == nil && !removable && !book.mayBeGone(at.topic):
				t.Errorf("%v at %d: no record, want %q", at, offset, value)
			}
		}
	}
	for _, topic := range []string{keptTopic, trimmedTopic, emptiedTopic, cutTopic} {
		checkOnce(t, all, topic)
	}
}

func checkOnce(t *testing.T, all contents, topic string) {
	t.Helper()
	seen := map[string]int64{}
	for at, records := range all {
		if at.topic != topic {
			continue
		}
		for offset, r := range records {
			if first, twice := seen[string(r.Value)]; twice {
				t.Errorf("%v at %d: %q is also at %d", at, offset, r.Value, first)
			}
			seen[string(r.Value)] = offset
		}
	}
}

// checkCompacted checks that the last value of each key is there.
func checkCompacted(t *testing.T, all contents, want *ledger) {
	t.Helper()
	last := map[string]int64{}
	for at, records := range all {
		if at.topic != compactedTopic {
			continue
		}
		for _, r := range records {
			n, _ := strconv.ParseInt(string(r.Value), 10, 64)
			last[string(r.Key)] = max(last[string(r.Key)], n)
		}
	}
	for key, acked := range want.keys {
		if last[key] < acked {
			t.Errorf("%s is %d, but %d was acknowledged", key, last[key], acked)
		}
	}
}

// checkTransactions checks that what was committed is visible in both topics,
// what was aborted in none, and nothing in one only.
func checkTransactions(t *testing.T, all contents, want *ledger) {
	t.Helper()
	visible := map[string]map[string]bool{debitTopic: {}, creditTopic: {}}
	for at, records := range all {
		for _, r := range records {
			if !r.Attrs.IsControl() {
				visible[at.topic][string(r.Value)] = true
			}
		}
	}
	for value, how := range want.txns {
		debit, credit := visible[debitTopic][value], visible[creditTopic][value]
		if debit != credit || debit != (how == committedTxn) {
			t.Errorf("%s (%d): debit visible %t, credit visible %t", value, how, debit, credit)
		}
	}
}

// checkCommits checks that no committed offset has gone back.
func checkCommits(t *testing.T, ctx context.Context, admin *kadm.Client, want *ledger) {
	t.Helper()
	groups := map[string]bool{}
	for key := range want.commits {
		groups[key.group] = true
	}
	for group := range groups {
		offsets, err := admin.FetchOffsets(ctx, group)
		if err != nil {
			t.Fatal(err)
		}
		for key, c := range want.commits {
			if key.group != group || c.acked == 0 {
				continue
			}
			got, ok := offsets.Lookup(key.topic, key.partition)
			if !ok || got.At != c.acked && !slices.Contains(c.sent, got.At) {
				t.Errorf("%v: committed %d (%t), want %d, or one of %d", key, got.At, ok, c.acked, c.sent)
			}
		}
	}
}
