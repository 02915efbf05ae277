package cli_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A redrive that is killed with SIGKILL, or ended with Ctrl-C, is started again, and
// each record comes once.
func TestRedriveIsKilled(t *testing.T) {
	t.Parallel()
	w := world{cfg: siskintest.Config(t)}
	orders := siskintest.Name("orders")
	w.create(t, orders, 1)
	w.create(t, orders+"-dlt", 1)
	const count = 12
	var want []string
	for i := range count {
		want = append(want, fmt.Sprint(i))
		w.write(t, &kgo.Record{Topic: orders + "-dlt", Value: fmt.Append(nil, i), Headers: []kgo.RecordHeader{
			{Key: "kafka_dlt-original-topic", Value: []byte(orders)},
		}})
	}
	redrive := func() *process {
		// So slow that each signal comes to a run that is under way.
		return start(t, "siskin", w.variables(), "dlt", "redrive", orders+"-dlt", "--yes", "--rate", "5/s")
	}
	for at, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGKILL} {
		p := redrive()
		for range at + 1 {
			p.stdout.line(t, "redriven "+orders+"-dlt/0@")
		}
		p.signal(end)
		if end == syscall.SIGKILL {
			p.exits(-1)
		} else {
			p.exits(130)
		}
	}
	redrive().exits(0)
	var got []string
	for _, r := range w.committed(t, orders) {
		got = append(got, string(r.Value))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what a reader of committed records finds (-want +got):\n%s", diff)
	}
	again := start(t, "siskin", w.variables(), "dlt", "redrive", orders+"-dlt", "--yes")
	again.exits(0)
	if out := again.stdout.all(); out != "" {
		t.Errorf("one more run says %q", out)
	}
}

// A record that fails for ever comes back as a letter of the same service, until the
// bound.
func TestRedriveOfARecordThatFailsForEver(t *testing.T) {
	t.Parallel()
	w := world{cfg: siskintest.Config(t)}
	orders := siskintest.Name("orders")
	svc, err := siskin.NewService(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	runs := make(chan struct{}, 10)
	siskin.On(svc, orders, func(context.Context, string) error {
		runs <- struct{}{}
		return siskin.DeadLetter(errors.New("no stock"))
	})
	siskintest.Run(t, svc)
	w.write(t, &kgo.Record{Topic: orders, Value: []byte(`"hi"`)})
	for n := range 3 {
		<-runs
		w.awaitLetters(t, orders+"-dlt", n+1)
		p := start(t, "siskin", w.variables(), "dlt", "redrive", orders+"-dlt", "--yes", "--max-redrives", "2")
		p.exits(0)
		want := "redriven " + orders + "-dlt/"
		if n == 2 {
			want = "left " + orders + "-dlt/"
		}
		if out := p.stdout.all(); !strings.HasPrefix(out, want) || strings.Count(out, "\n") != 1 {
			t.Errorf("run %d says %q", n, out)
		}
	}
}

func (w world) write(t *testing.T, r *kgo.Record) {
	t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := kafka.ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// awaitLetters returns when topic has n records.
func (w world) awaitLetters(t *testing.T, topic string, n int) {
	t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for found := 0; found < n; found += kafka.PollFetches(ctx).NumRecords() {
		if ctx.Err() != nil {
			t.Fatalf("%s has %d letters, want %d", topic, found, n)
		}
	}
}

// committed is what a reader of committed records finds in partition 0 of topic, up
// to what is the end now.
func (w world) committed(t *testing.T, topic string) (found []*kgo.Record) {
	t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ends, err := kadm.NewClient(kafka).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	for next := int64(0); next < end.Offset; {
		for r := range kafka.PollFetches(ctx).RecordsAll() {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				found = append(found, r)
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("read up to %d of %d", next, end.Offset)
		}
	}
	return found
}
