package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tale makes small histories by hand: three events of one key, in partition 0 of a
// topic, which service A handles in order.
type tale struct {
	history
	clock int64
}

const taleTopic = "events-place"

func newTale(fates ...fate) *tale {
	w := &tale{}
	w.Lives = []life{{Name: "A"}, {Name: "B"}, {Name: "C"}}
	for i, f := range fates {
		n := note{ID: i, Key: "k", Seq: i, Fate: f}
		at := where{place{taleTopic, 0}, int64(i)}
		w.Sent = append(w.Sent, sent{note: n, Topic: taleTopic, Acked: true, Offset: int64(i)})
		w.Stored = append(w.Stored, stored{at, n})
	}
	return w
}

// says adds a line to the journal of a service.
func (w *tale) says(who int, l line) {
	w.clock++
	l.At, l.Topic, l.Key = w.clock, taleTopic, "k"
	w.Lives[who].Lines = append(w.Lives[who].Lines, l)
}

// does adds a whole attempt.
func (w *tale) does(who int, offset int64, attempt int, end string) {
	w.says(who, line{What: began, Offset: offset, Attempt: attempt})
	w.says(who, line{What: end, Offset: offset, Attempt: attempt})
}

// inOrder handles all records once.
func (w *tale) inOrder(who int) {
	for i := range w.Stored {
		w.does(who, int64(i), 1, went)
	}
}

// dies tries a record until it is a dead letter.
func (w *tale) dies(who int, offset int64, l letter) {
	for n := range attempts {
		w.does(who, offset, n+1, failed)
	}
	w.says(who, line{What: lettered, Offset: offset})
	l.of = where{place{taleTopic, 0}, offset}
	w.Letters = append(w.Letters, l)
}

var (
	ofPanic  = letter{errorType: "outcome.Panic", message: "panic: panics as it should"}
	ofPoison = letter{errorType: "siskin.DecodeError", message: "…"}
	ofHang   = letter{errorType: "siskin.Error", message: "timeout: the handler took too long"}
)

// A ledger that sees no faults would prove nothing: each is planted once.
func TestLedgerFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tell func() *tale
		want map[string]int64
	}{
		{"all is well", func() *tale {
			w := newTale(fine, panics, fine, poison, fine, hangs)
			w.does(0, 0, 1, went)
			w.dies(0, 1, ofPanic)
			w.does(0, 2, 1, went)
			w.does(0, 3, 1, failed)
			w.says(0, line{What: lettered, Offset: 3})
			w.Letters = append(w.Letters, letter{where{place{taleTopic, 0}, 3}, ofPoison.errorType, ofPoison.message})
			w.does(0, 4, 1, went)
			w.dies(0, 5, ofHang)
			w.Calls = []call{{Ended: true, Name: "answered"}, {Ended: true, Name: "ErrNoReply"}}
			return w
		}, nil},
		{"a record is lost", func() *tale {
			w := newTale(fine, fine, fine)
			w.does(0, 0, 1, went)
			w.does(0, 2, 1, went)
			return w
		}, map[string]int64{lostAcked: 1}},
		{"a record is begun and never ends", func() *tale {
			w := newTale(fine, fine)
			w.does(0, 0, 1, went)
			w.says(0, line{What: began, Offset: 1, Attempt: 1})
			return w
		}, map[string]int64{lostAcked: 1}},
		{"a record that was not acknowledged is lost", func() *tale {
			w := newTale(fine, fine)
			w.Sent[1].Acked = false
			w.does(0, 0, 1, went)
			return w
		}, map[string]int64{lostStored: 1}},
		{"the brokers do not have a record", func() *tale {
			w := newTale(fine, fine)
			w.Stored = w.Stored[:1]
			w.inOrder(0)
			return w
		}, map[string]int64{gone: 1}},
		{"the later one first", func() *tale {
			w := newTale(fine, fine)
			w.does(0, 1, 1, went)
			w.does(0, 0, 1, went)
			return w
		}, map[string]int64{outOfOrder: 1}},
		{"side by side", func() *tale {
			w := newTale(fine, fine)
			w.says(0, line{What: began, Offset: 0, Attempt: 1})
			w.does(0, 1, 1, went)
			w.says(0, line{What: went, Offset: 0, Attempt: 1})
			return w
		}, map[string]int64{overtaken: 1}},
		{"a later one between two attempts", func() *tale {
			w := newTale(flaky, fine)
			w.does(0, 0, 1, failed)
			w.does(0, 1, 1, went)
			w.does(0, 0, 2, went)
			return w
		}, map[string]int64{overtaken: 1}},
		{"stored in another order than sent", func() *tale {
			w := newTale(fine, fine)
			w.Stored[0].Seq, w.Stored[1].Seq = 1, 0
			w.Sent[0].Seq, w.Sent[1].Seq = 1, 0
			w.inOrder(0)
			return w
		}, map[string]int64{sentOrder: 1}},
		{"a request without an end", func() *tale {
			w := newTale()
			w.Calls = []call{{}}
			return w
		}, map[string]int64{unanswered: 1}},
		{"a request that ends without a name", func() *tale {
			w := newTale()
			w.Calls = []call{{Ended: true}}
			return w
		}, map[string]int64{unanswered: 1}},
		{"a request that ends long after its deadline", func() *tale {
			w := newTale()
			w.Calls = []call{{Ended: true, Name: "answered", Took: time.Hour}}
			return w
		}, map[string]int64{unanswered: 1}},
		{"the answer of another request", func() *tale {
			w := newTale()
			w.Calls = []call{{Ended: true, Name: "answered", Wrong: true}}
			return w
		}, map[string]int64{wrongAnswer: 1}},
		{"a dead letter of a good record", func() *tale {
			w := newTale(fine)
			w.inOrder(0)
			w.Letters = []letter{{where{place{taleTopic, 0}, 0}, ofPoison.errorType, ofPoison.message}}
			return w
		}, map[string]int64{causeless: 1}},
		{"a dead letter of a record that would have succeeded", func() *tale {
			w := newTale(flaky)
			w.dies(0, 0, letter{errorType: "errors.errorString", message: errFlaky.Error()})
			return w
		}, map[string]int64{causeless: 1}},
		{"a dead letter with the error of another", func() *tale {
			w := newTale(panics)
			w.dies(0, 0, ofHang)
			return w
		}, map[string]int64{causeless: 1}},
		{"a dead letter after too few attempts", func() *tale {
			w := newTale(panics)
			w.dies(0, 0, ofPanic)
			w.Lives[0].Lines = w.Lives[0].Lines[2*attempts-4:]
			w.Lives[0].Lines[0].Attempt, w.Lives[0].Lines[2].Attempt = 1, 2
			return w
		}, map[string]int64{causeless: 1}},
		{"a dead letter of nothing", func() *tale {
			w := newTale()
			w.Letters = []letter{ofPoison}
			return w
		}, map[string]int64{causeless: 1}},
		{"a record that must fail and does not", func() *tale {
			w := newTale(poison)
			w.inOrder(0)
			return w
		}, map[string]int64{undead: 1}},
		{"twice in one generation", func() *tale {
			w := newTale(fine)
			w.inOrder(0)
			w.does(0, 0, 2, went)
			return w
		}, map[string]int64{miscounted: 1}},
		{"an attempt is left out", func() *tale {
			w := newTale(flaky)
			w.does(0, 0, 1, failed)
			w.does(0, 0, 3, went)
			return w
		}, map[string]int64{miscounted: 1}},
		{"handled again after an orderly end", func() *tale {
			w := newTale(fine, fine)
			w.inOrder(0)
			w.does(1, 1, 1, went)
			return w
		}, map[string]int64{unexplained: 1}},
		{"handled again after an orderly revoke", func() *tale {
			w := newTale(fine, fine)
			w.inOrder(0)
			w.says(0, line{What: revoked, Partitions: map[string][]int32{taleTopic: {0}}})
			w.does(1, 1, 1, went)
			return w
		}, map[string]int64{unexplained: 1}},
		{"two dead letters of one handling", func() *tale {
			w := newTale(panics)
			w.dies(0, 0, ofPanic)
			w.Letters = append(w.Letters, w.Letters[0])
			return w
		}, map[string]int64{unexplained: 1}},
		{"again from before what was committed", func() *tale {
			w := newTale(fine, fine)
			w.inOrder(0)
			w.Lives[0].Killed = true
			w.Commits = []commit{{place: place{taleTopic, 0}, At: w.clock, Offset: 2}}
			w.says(1, line{What: assigned, Partitions: map[string][]int32{taleTopic: {0}}})
			w.does(1, 1, 1, went)
			return w
		}, map[string]int64{rewound: 1}},
		{"a commit goes back", func() *tale {
			w := newTale(fine)
			w.inOrder(0)
			w.Commits = []commit{{place: place{taleTopic, 0}, At: 1, Offset: 2}, {place: place{taleTopic, 0}, At: 2, Offset: 1}}
			w.Lives[0].Lines[0].At, w.Lives[0].Lines[1].At = 0, 0
			return w
		}, map[string]int64{rewound: 1}},
		{"goroutines are left", func() *tale {
			w := newTale()
			w.says(0, line{What: ended, Left: 2})
			return w
		}, map[string]int64{leftRunning: 2}},
		{"too much in memory", func() *tale {
			w := newTale()
			w.says(0, line{What: sampled, Heap: heapBound + 1})
			return w
		}, map[string]int64{overfull: 1}},
		{"too much in a queue", func() *tale {
			w := newTale()
			w.says(0, line{What: sampled, Waiting: waitingBound + 1})
			return w
		}, map[string]int64{overfull: 1}},
		{"offsets are no longer there", func() *tale {
			w := newTale()
			w.says(0, line{What: dataLost})
			return w
		}, map[string]int64{offsetsLost: 1}},
		{"a record of somebody else", func() *tale {
			w := newTale(fine)
			w.inOrder(0)
			w.Stored = append(w.Stored, stored{where{place{requestTopic, 0}, 0}, note{}})
			return w
		}, map[string]int64{unaccounted: 1}},
		{"a handling of what is not stored", func() *tale {
			w := newTale(fine)
			w.inOrder(0)
			w.does(0, 7, 1, went)
			return w
		}, map[string]int64{strangers: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := make(map[string]int64)
			for _, c := range judge(&tt.tell().history).Faults {
				if c.N != 0 {
					got[c.Name] = c.N
				}
			}
			if tt.want == nil {
				tt.want = make(map[string]int64)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	planted := make(map[string]bool)
	for _, tt := range tests {
		for name := range tt.want {
			planted[name] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(faultNames)), slices.Sorted(maps.Keys(planted))); diff != "" {
		t.Errorf("faults of the ledger that no case plants (-ledger +planted):\n%s", diff)
	}
}

// A duplicate has its reason in how the generation ended that had handled the
// record before.
func TestLedgerExplainsDuplicates(t *testing.T) {
	t.Parallel()
	here := map[string][]int32{taleTopic: {0}}
	tests := []struct {
		name string
		tell func(w *tale)
		want map[string]int
	}{
		{"killed", func(w *tale) {
			w.inOrder(0)
			w.Lives[0].Killed = true
		}, map[string]int{becauseKilled: 1}},
		{"lost", func(w *tale) {
			w.inOrder(0)
			w.says(0, line{What: lost, Partitions: here})
		}, map[string]int{becauseLost: 1}},
		{"a commit failed", func(w *tale) {
			w.inOrder(0)
			w.says(0, line{What: uncommit})
			w.says(0, line{What: revoked, Partitions: here})
		}, map[string]int{becauseUncommit: 1}},
		{"behind an unfinished one", func(w *tale) {
			w.says(0, line{What: began, Offset: 0, Attempt: 1})
			w.does(0, 1, 1, went)
			w.says(0, line{What: revoked, Partitions: here})
			w.does(1, 0, 1, went)
		}, map[string]int{becauseUnfinished: 1}},
		{"behind one that another owner has finished since", func(w *tale) {
			w.says(0, line{What: began, Offset: 0, Attempt: 1})
			w.does(0, 1, 1, went)
			w.says(0, line{What: revoked, Partitions: here})
			w.does(2, 0, 1, went)
			w.says(2, line{What: revoked, Partitions: here})
		}, map[string]int{becauseUnfinished: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newTale(fine, fine)
			tt.tell(w)
			w.does(1, 1, 1, went)
			if diff := cmp.Diff(tt.want, judge(&w.history).Duplicates); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

// An owner that stops can have lost its partition before anybody has told it. That shows
// where the partition was given to another member meanwhile and its own commits failed;
// one of the two alone explains nothing.
func TestLedgerFindsOwnersThatWereNotTold(t *testing.T) {
	t.Parallel()
	here := map[string][]int32{taleTopic: {0}}
	for _, tt := range []struct {
		overtaken, fails bool
		want             int64
	}{
		{true, true, 0},
		{true, false, 1},
		{false, true, 1},
	} {
		w := newTale(fine, fine)
		if tt.overtaken {
			w.says(0, line{What: assigned, Partitions: here})
		}
		w.says(1, line{What: assigned, Partitions: here})
		w.inOrder(1)
		w.says(1, line{What: revoked, Partitions: here})
		if !tt.overtaken {
			w.says(0, line{What: assigned, Partitions: here})
		}
		w.does(0, 1, 1, went)
		if tt.fails {
			w.says(0, line{What: uncommit})
		}
		w.says(0, line{What: ended})
		book := newBook(&w.history)
		book.duplicates()
		if got := book.faults[unexplained]; got != tt.want {
			t.Errorf("%+v: %d duplicates without explanation, want %d", tt, got, tt.want)
		}
	}
}

// Where a retry topic keeps no order, a member that has lost its partition and the owner
// after it can each handle the copies of the other. Where each has given it up in order,
// nobody can.
func TestLedgerCountsCopiesOfOtherOwners(t *testing.T) {
	t.Parallel()
	const topic = "events-topic"
	here := map[string][]int32{topic: {0}}
	for _, tt := range []struct {
		end   string // of the first owner
		twice int    // the owner that handles it twice
		want  int64
	}{
		{lost, 0, 0},
		{lost, 1, 0},
		{revoked, 0, 1},
		{revoked, 1, 0}, // the first may have written a copy that was not committed
	} {
		w := newTale(fine)
		w.does(0, 0, 1, went)
		w.does(1, 0, 1, went)
		w.does(tt.twice, 0, 1, went)
		w.says(0, line{What: tt.end, Partitions: here})
		w.says(1, line{What: revoked, Partitions: here})
		w.in(topic)
		book := newBook(&w.history)
		book.order()
		if got := book.faults[miscounted]; got != tt.want {
			t.Errorf("%+v: %d faults", tt, got)
		}
	}
}

// While a member that has lost its partition is not told yet, each of its attempts that
// fails leaves a copy, which the next owner can handle.
func TestLedgerCountsCopiesOfFailedAttempts(t *testing.T) {
	t.Parallel()
	const topic = "events-topic"
	for _, tt := range []struct {
		end   string // of the first owner
		times int    // how often the other handles it
		want  int64
	}{
		{lost, 3, 0},
		{lost, 4, 1},
		{revoked, 2, 0},
		{revoked, 3, 1},
	} {
		w := newTale(flaky)
		w.does(0, 0, 1, failed)
		w.does(0, 0, 2, failed)
		w.does(0, 0, 3, went)
		for range tt.times {
			w.does(1, 0, 1, went)
		}
		w.says(0, line{What: tt.end, Partitions: map[string][]int32{topic: {0}}})
		w.in(topic)
		book := newBook(&w.history)
		book.order()
		if got := book.faults[miscounted]; got != tt.want {
			t.Errorf("%+v: %d faults", tt, got)
		}
	}
}

// in moves everything to another topic.
func (w *tale) in(topic string) {
	for i := range w.Sent {
		w.Sent[i].Topic = topic
	}
	for i := range w.Stored {
		w.Stored[i].Topic = topic
	}
	for _, l := range w.Lives {
		for i := range l.Lines {
			l.Lines[i].Topic = topic
		}
	}
}

// The same seed gives the same plan, and others give others.
func TestPlanFollowsFromItsSeed(t *testing.T) {
	t.Parallel()
	a, b := newPlan(1, short, kafkaNodes), newPlan(1, short, kafkaNodes)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two plans of one seed:\n%s", diff)
	}
	if c := newPlan(2, short, kafkaNodes); cmp.Equal(a.Steps, c.Steps) || cmp.Equal(a.Faults, c.Faults) {
		t.Error("two seeds have the same steps or faults")
	}
	shares := make(map[fate]int)
	const n = 100_000
	for i := range n {
		shares[fateOf(1, "event", i)]++
	}
	for _, f := range fates {
		if got, want := shares[f.fate], n*f.share/1000; got < want*8/10 || got > want*12/10 {
			t.Errorf("%d of %d records: %s; want about %d", got, n, f.fate, want)
		}
	}
}
