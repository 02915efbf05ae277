package siskin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committed is the offset that the service's group has stored, or -1.
func (b *bundle) committed(svc *siskin.Service, topic string) int64 {
	b.t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...))
	if err != nil {
		b.t.Fatal(err)
	}
	defer kafka.Close()
	offsets, err := kadm.NewClient(kafka).FetchOffsets(b.ctx(), svc.Config().Group)
	if err != nil {
		b.t.Fatal(err)
	}
	if o, ok := offsets.Lookup(topic, 0); ok {
		return o.At
	}
	return -1
}

// deliveries runs a service with ManualCommit that hands its deliveries out.
func (b *bundle) deliveries(n int) (svc *siskin.Service, topic string, all []*siskin.Delivery) {
	b.t.Helper()
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan *siskin.Delivery, n)
	svc = b.service()
	note.On(svc, func(ctx context.Context, _ string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		got <- d
		return nil
	}, siskin.ManualCommit())
	b.run(svc)
	emit(b.t, b, b.client(), note, "k", make([]string, n)...)
	for range n {
		all = append(all, receive(b.t, got))
	}
	return svc, note.Pattern(), all
}

func TestManualCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	svc, topic, got := b.deliveries(4)
	want := func(offset int64) {
		t.Helper()
		if at := b.committed(svc, topic); at != offset {
			t.Errorf("committed %d, want %d", at, offset)
		}
	}
	commit := func(d *siskin.Delivery) {
		t.Helper()
		if err := d.Commit(b.ctx()); err != nil {
			t.Error(err)
		}
	}
	want(0)
	commit(got[1]) // the first one is not done
	want(0)
	commit(got[0])
	want(2)
	commit(got[0]) // again, does nothing
	want(2)

	at := func(offset int64) events.Position { return events.Position{Topic: topic, Offset: offset} }
	if err := svc.CommitOffsets(b.ctx(), at(5)); !errors.Is(err, siskin.ErrUnfinished) {
		t.Errorf("an offset that was never read: %v", err)
	}
	if err := svc.CommitOffsets(b.ctx(), events.Position{Topic: topic, Partition: 7}); !errors.Is(err, siskin.ErrPartitionLost) {
		t.Errorf("a partition of nobody: %v", err)
	}
	want(2)
	if err := svc.CommitOffsets(b.ctx(), at(4)); err != nil {
		t.Error(err)
	}
	want(4)
}

// Within a handler, as with kafkajs; and the record is not delivered again.
func TestManualCommitWithinTheHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	committed := make(chan error, 2)
	svc := b.service()
	note.On(svc, func(ctx context.Context, s string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		if s == "offsets" {
			committed <- svc.CommitOffsets(ctx, events.Position{Topic: d.Topic(), Partition: d.Partition(), Offset: d.Offset() + 1})
		} else {
			committed <- d.Commit(ctx)
		}
		return nil
	}, siskin.ManualCommit())
	b.run(svc)
	client := b.client()
	for i, s := range []string{"delivery", "offsets"} {
		emit(t, b, client, note, "", s)
		if err := receive(t, committed); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if at := b.committed(svc, note.Pattern()); at != int64(i+1) {
			t.Errorf("%s: committed %d, want %d", s, at, i+1)
		}
	}
}

func TestCommitWithoutManualCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rpc := siskin.NewRPC[string, string](siskintest.Name("rpc"))
	svc := b.service()
	rpc.Handle(svc, func(ctx context.Context, s string) (string, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		if err := d.Commit(ctx); !errors.Is(err, siskin.ErrNotManual) {
			t.Errorf("Commit = %v, want %v", err, siskin.ErrNotManual)
		}
		return s, nil
	})
	b.run(svc)
	if _, err := rpc.Send(b.ctx(), b.client(), "x"); err != nil {
		t.Error(err)
	}
}

// What was not committed comes again; a failure needs no commit.
func TestWithoutItsCommitARecordComesAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.RetryAttempts = 1
	note := siskin.NewEvent[string](siskintest.Name("note"))
	serve := func() (<-chan string, func() error) {
		got := make(chan string, 10)
		svc := b.service()
		note.On(svc, func(_ context.Context, s string) error {
			got <- s
			if s == "bad" {
				return errors.New("no")
			}
			return nil
		}, siskin.ManualCommit(), siskin.Ordered())
		return got, b.run(svc)
	}
	got, stop := serve()
	emit(t, b, b.client(), note, "", "bad", "good")
	receive(t, got)
	receive(t, got)
	wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "done" })
	if err := stop(); err != nil {
		t.Errorf("a record that waits for its commit keeps the service from stopping: %v", err)
	}
	again, _ := serve()
	if s := receive(t, again); s != "good" {
		t.Errorf("%q came again, want the one that was not committed", s)
	}
}
