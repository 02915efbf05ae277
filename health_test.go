package siskin_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/siskin-go/siskin/status"
)

func TestHealthOverALife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	done := make(chan struct{}, 1)
	svc := b.service()
	note.On(svc, func(context.Context, string) error { done <- struct{}{}; return nil })
	if h := svc.Health(); h.OK() || h.Service.State != status.Starting {
		t.Errorf("before Run: %+v", h)
	}
	stop := b.run(svc)
	if h := svc.Health(); !h.OK() || h.Service.State != status.Joined || len(h.Service.Partitions) != 1 {
		t.Errorf("as a member: %+v", h)
	}
	emit(t, b, b.client(), note, "", "x")
	receive(t, done)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if h := svc.Health(); h.OK() || h.Service.State != status.Ended {
		t.Errorf("at the end: %+v", h)
	}
}

// A record that is stuck is named, with what waits behind it.
func TestAStuckRecordIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.StuckAfter, b.cfg.QueueLimit, b.cfg.UncommittedLimit = 50*time.Millisecond, 5, 5
	note := siskin.NewEvent[string](siskintest.Name("note"))
	hold := make(chan struct{})
	svc := b.service()
	note.On(svc, func(_ context.Context, s string) error {
		if s == "stuck" {
			<-hold
		}
		return nil
	})
	b.run(svc)
	client := b.client()
	emit(t, b, client, note, "", "stuck")
	emit(t, b, client, note, "", slices.Repeat([]string{"x"}, 20)...)
	e := wait(t, b.watch, func(events.RecordStuck) bool { return true })
	if e.Topic != note.Pattern() || e.Offset != 0 || e.Age < b.cfg.StuckAfter {
		t.Errorf("event %+v", e)
	}
	eventually(t, "a paused partition", func() bool { return svc.Info().Partitions[0].Paused })
	h := svc.Health()
	if h.OK() || !strings.Contains(strings.Join(h.Problems, "\n"), note.Pattern()+"/0@0") {
		t.Errorf("health: %+v", h)
	}
	p := h.Service.Partitions[0]
	if !p.Stuck || !p.Paused || p.Oldest != 0 || p.Position != 0 || p.Unfinished < 1 || p.Span < 6 {
		t.Errorf("partition: %+v", p)
	}
	close(hold)
	waitFor(t, b.watch, 21, func(e events.Handled) bool { return e.Outcome == "done" })
}

func TestHealthWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	svc, err := siskin.NewService(siskin.Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Logger: siskintest.Quiet()})
	if err != nil {
		t.Fatal(err)
	}
	siskin.Handle(svc, "x", upper)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	eventually(t, "an outage in the health", func() bool {
		return strings.Contains(strings.Join(svc.Health().Problems, "\n"), "no Kafka broker answers")
	})
	cancel()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}
