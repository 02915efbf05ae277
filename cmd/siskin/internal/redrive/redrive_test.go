package redrive_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lines are steps as text, without what differs from run to run.
func (s *site) lines(steps []redrive.Step) []string {
	var all []string
	for _, step := range steps {
		r := step.Letter.Record
		line := fmt.Sprintf("%d@%d ", r.Partition, r.Offset)
		if step.Back != nil {
			line += fmt.Sprintf("to %s/%d", strings.Replace(step.Back.Topic, s.topic, "orders", 1), step.Back.Partition)
		} else {
			line += step.Left
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

func (s *site) expect(t *testing.T, what string, steps []redrive.Step, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.lines(steps)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Letters that a filter or a limit has left out go back with a later run; none goes
// back twice, whatever the filters were.
func TestFiltersAndLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	for i, value := range []string{"a", "b", "a", "b", "a"} {
		s.fail(t, &kgo.Record{
			Topic: s.topic, Partition: 1, Offset: int64(i), Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "kind", Value: []byte(value)}},
		})
	}
	only := func(value string) redrive.Filter {
		return redrive.Filter{Headers: []kgo.RecordHeader{{Key: "kind", Value: []byte(value)}}}
	}
	s.expect(t, "limit", s.run(t, redrive.Job{Filter: only("b"), Limit: 1}), "1@1 to orders/1")
	s.expect(t, "the other b", s.run(t, redrive.Job{Filter: only("b")}), "1@3 to orders/1")
	s.expect(t, "none", s.run(t, redrive.Job{Filter: redrive.Filter{Error: regexp.MustCompile("no such error")}}))
	s.expect(t, "later", s.run(t, redrive.Job{Filter: redrive.Filter{Since: time.Now().Add(time.Hour)}}))
	s.expect(t, "the rest", s.run(t, redrive.Job{Filter: redrive.Filter{Error: regexp.MustCompile("^no stock$"), Handler: "shop"}}),
		"1@0 to orders/1", "1@2 to orders/1", "1@4 to orders/1")
	s.expect(t, "nothing", s.run(t, redrive.Job{}))
	if n := len(s.read(t, s.topic)[1]); n != 5 {
		t.Errorf("%d records are back, want 5", n)
	}
}

// What comes to the dead-letter topic during a run waits for the next one.
func TestTheEndIsFixedAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	s.fill(t, 1)
	job, steps := s.job(t, redrive.Job{})
	s.fail(t, &kgo.Record{Topic: s.topic, Partition: 0, Offset: 1})
	client := s.open(t, redrive.RunOptions(s.dlt, 1<<20)...)
	if err := job.Run(testContext(t), client); err != nil {
		t.Fatal(err)
	}
	client.Close()
	s.expect(t, "first", *steps, "0@0 to orders/0", "1@0 to orders/1", "2@0 to orders/2")
	s.expect(t, "second", s.run(t, redrive.Job{}), "0@1 to orders/0")
}

// A letter says how often its record was put back, also when it comes again, and at
// the bound it is left.
func TestLoopsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	rec := &kgo.Record{Topic: s.topic, Partition: 2, Value: []byte("v")}
	for n := range 3 {
		s.fail(t, rec)
		s.expect(t, "round", s.run(t, redrive.Job{Max: 3}), fmt.Sprintf("2@%d to orders/2", n))
		records := s.read(t, s.topic)[2]
		rec = records[len(records)-1]
		count, _ := wire.Last(rec.Headers, wire.Redriven)
		from, _ := wire.Last(rec.Headers, wire.RedrivenFrom)
		if len(rec.Headers) != 2 || string(count) != fmt.Sprint(n+1) || string(from) != fmt.Sprintf("%s/2@%d", s.dlt, n) {
			t.Errorf("round %d: headers %q", n, rec.Headers)
		}
	}
	s.fail(t, rec)
	left := "2@3 it was put back already, times: 3; --max-redrives allows more"
	s.expect(t, "at the bound", s.run(t, redrive.Job{Max: 3}), left)
	s.expect(t, "again", s.run(t, redrive.Job{Max: 3}), left)
	s.expect(t, "with a higher bound", s.run(t, redrive.Job{Max: 4}), "2@3 to orders/2")
}

// Letters that cannot go back are left, and hold up no others.
func TestLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	other, small := siskintest.Name("other"), siskintest.Name("small")
	s.create(t, other, 1)
	limit := "2000"
	if err := testtopics.Create(testContext(t), s.admin, 1, map[string]*string{"max.message.bytes": &limit}, small); err != nil {
		t.Fatal(err)
	}
	letters := []*kgo.Record{
		{Value: []byte("of nobody")},
		{Value: []byte("x"), Headers: []kgo.RecordHeader{{Key: wire.WatermillTopic, Value: []byte("no-such-topic")}}},
		{Value: []byte("x"), Headers: []kgo.RecordHeader{{Key: wire.WatermillTopic, Value: []byte(s.dlt)}}},
		{Value: make([]byte, 3000), Headers: []kgo.RecordHeader{{Key: wire.WatermillTopic, Value: []byte(small)}}},
		{Value: []byte("x"), Headers: []kgo.RecordHeader{{Key: wire.WatermillTopic, Value: []byte(small)}}},
		{Value: []byte("raw"), Headers: []kgo.RecordHeader{
			{Key: wire.DeadContent, Value: []byte("record-batch")}, {Key: wire.DeadTopic, Value: []byte(s.topic)},
		}},
	}
	for _, r := range letters {
		r.Topic = s.dlt
		if err := s.client.ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	steps := s.run(t, redrive.Job{})
	var left []string
	for _, step := range steps {
		if step.Back == nil {
			left = append(left, step.Left)
		} else if step.Back.Topic != small || step.Letter.Record.Offset != 4 {
			t.Errorf("%s went to %s", step.Letter.Name(), step.Back.Topic)
		}
	}
	for i, want := range []string{"nothing says where it was", `there is no topic "no-such-topic"`, "would come back", "too large", "but a record-batch"} {
		if i >= len(left) || !strings.Contains(left[i], want) {
			t.Errorf("left: %q, want %q in number %d", left, want, i)
		}
	}
	if got := s.run(t, redrive.Job{To: other}); len(got) != 5 || got[4].Back != nil {
		t.Errorf("the steps of a run to elsewhere are %q, want 4 letters there, and the batch left", s.lines(got))
	}
	if n := len(s.read(t, other)[0]); n != 4 {
		t.Errorf("%d records are there, want 4", n)
	}
}

// A plan says what a run would do, and does nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	s.fill(t, 2)
	job, steps := s.job(t, redrive.Job{})
	client := s.open(t, redrive.ReadOptions()...)
	defer client.Close()
	if err := job.Plan(testContext(t), client); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.lines(*steps), s.lines(s.run(t, redrive.Job{}))); diff != "" {
		t.Errorf("the run differs from the plan (-plan +run):\n%s", diff)
	}
	s.complete(t, 2)
}

// A second redrive ends the first, so that no letter goes back twice.
func TestTheLastRedriveWins(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	s.fill(t, 2)
	first, steps := s.job(t, redrive.Job{Batch: 1})
	second := false
	report := first.Report
	first.Report = func(step redrive.Step) error {
		if !second {
			second = true
			s.run(t, redrive.Job{})
		}
		return report(step)
	}
	client := s.open(t, redrive.RunOptions(s.dlt, 1<<20)...)
	defer client.Close()
	err := first.Run(testContext(t), client)
	if err == nil || !strings.Contains(err.Error(), "taken over") {
		t.Errorf("the first run has put back %d letters and ended with: %v", len(*steps), err)
	}
	s.complete(t, 2)
}

// Letters are written and redriven by others while somebody looks at their topic.
func TestOpenBesideAnotherRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	n := 0
	others := func() {
		s.fail(t, &kgo.Record{Topic: s.topic, Offset: int64(n), Value: []byte("x")})
		s.run(t, redrive.Job{})
		n++
	}
	watched := s.open(t, kgo.WithHooks(answers(func(key int16) {
		if k := kmsg.Key(key); k == kmsg.ListOffsets || k == kmsg.OffsetFetch {
			others()
		}
	})))
	topics, err := redrive.Open(testContext(t), kadm.NewClient(watched), s.dlt)
	if err != nil {
		t.Fatal(err)
	}
	if p := topics[0].Partitions[0]; n < 3 || p.End < p.Ledger.End() {
		t.Errorf("after %d letters the topic ends at %d, redriven up to %d", n, p.End, p.Ledger.End())
	}
}

// answers is called with the key of each answer of a broker before its asker gets it.
type answers func(key int16)

func (a answers) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	a(key)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	s := newSite(t, siskintest.Brokers(t))
	s.fill(t, 3)
	s.run(t, redrive.Job{Limit: 1})
	topic := func() *redrive.Topic {
		job, _ := s.job(t, redrive.Job{})
		return job.Topic
	}
	cuts, err := topic().Cuts(testContext(t), s.admin, redrive.Bounds{Redriven: true})
	if err != nil || len(cuts) != 1 || cuts[0].Begin != 0 || cuts[0].End != 1 {
		t.Fatalf("cuts %v, %v", cuts, err)
	}
	both, err := topic().Cuts(testContext(t), s.admin, redrive.Bounds{Redriven: true, Before: time.Now().Add(-time.Hour)})
	if err != nil || len(both) != 0 {
		t.Fatalf("cuts of what is old and redriven: %v, %v", both, err)
	}
	if err := topic().Purge(testContext(t), s.admin, cuts); err != nil {
		t.Fatal(err)
	}
	begins, err := s.admin.ListStartOffsets(testContext(t), s.dlt)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(3 * partitions)
	begins.Each(func(begin kadm.ListedOffset) { left -= begin.Offset })
	if left != 3*partitions-1 {
		t.Errorf("%d letters are left, want all but one", left)
	}
	if n := len(s.run(t, redrive.Job{})); n != 3*partitions-1 {
		t.Errorf("%d letters went back after the purge, want all but one", n)
	}
	s.complete(t, 3)
	all, err := topic().Cuts(testContext(t), s.admin, redrive.Bounds{Before: time.Now().Add(time.Hour)})
	if err != nil || len(all) != partitions {
		t.Errorf("cuts of what was before an hour from now: %v, %v", all, err)
	}
}
