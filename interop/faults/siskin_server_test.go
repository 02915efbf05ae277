package faults_test

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ours is Siskin, in this process.
type ours struct{ *broker }

func (ours) name() string { return "Siskin" }

// config is what a service or a client of a check has.
func (o ours) config(group string) siskin.Config {
	return siskin.Config{
		Brokers: o.addrs, ClientID: group, Group: group, Topics: "create", Refresh: 500 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}
}

// service is a Siskin service of a check.
type service struct {
	journal *journal
	cfg     siskin.Config
	valve   *valve
	gate    chan struct{}
	opened  sync.Once
	cancel  context.CancelFunc
	ended   chan struct{}
	why     string
}

func (o ours) serve(x *exam, s serving) server {
	cfg := o.config(s.group)
	if s.quick {
		cfg.RetryInitial, cfg.RetryAttempts = 4*time.Second, 3
	}
	if s.throws {
		cfg.Codec = panics{codec.JSON}
	}
	svc := &service{
		journal: newJournal(), valve: &valve{}, gate: make(chan struct{}), ended: make(chan struct{}),
	}
	cfg.Kafka = []kgo.Opt{kgo.Dialer(svc.valve.dial)}
	cfg.Observe = func(e events.Event) {
		if e.Level() >= slog.LevelWarn {
			svc.journal.add(entry{Did: "complaint", Text: e.Message()})
		}
	}
	made, err := siskin.NewService(cfg)
	x.must(err)
	svc.cfg = made.Config()
	for i, h := range s.handlers {
		svc.register(made, i, h, s.manual)
	}
	svc.run(x, made)
	x.Cleanup(svc.close)
	return svc
}

// panics is a codec with a mistake.
type panics struct{ codec.Codec }

func (p panics) Decode(data []byte, into any) error {
	if string(data) == unreadable {
		panic("broken")
	}
	return p.Codec.Decode(data, into)
}

func (s *service) run(x *exam, made *siskin.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	ready, stop := context.WithCancel(x.ctx)
	defer stop()
	go func() {
		defer close(s.ended)
		defer stop()
		if err := made.Run(ctx); err != nil {
			s.why = err.Error()
		}
	}()
	if made.Ready(ready) == nil {
		return
	}
	cancel()
	<-s.ended
	if s.why == "" {
		x.Fatal("the service did not start in time")
	}
}

func (s *service) log() *journal { return s.journal }

func (s *service) group() string { return s.cfg.Group }

func (s *service) open() { s.opened.Do(func() { close(s.gate) }) }

func (s *service) hold() { s.valve.hold() }

func (s *service) cut() { s.valve.cut() }

func (s *service) release() { s.valve.release() }

func (s *service) refused() string { return s.why }

func (s *service) close() {
	s.cancel()
	<-s.ended
	s.valve.release()
}

func (s *service) register(to *siskin.Service, i int, h handler, manual bool) {
	topic := h.Topic
	if h.Kind == expression {
		topic = "/" + topic + "/"
	}
	tries := new(sync.Map)
	// NestJS has one order for all records of a partition.
	opts := []siskin.HandlerOption{}
	if h.Does == "ordered" {
		opts = append(opts, siskin.Ordered())
	}
	if manual {
		opts = append(opts, siskin.ManualCommit())
	}
	if h.Kind == requests {
		s.request(to, i, topic, h.Does, tries, opts)
		return
	}
	siskin.On(to, topic, func(ctx context.Context, j job) error { return s.event(ctx, i, h.Does, j, tries) }, opts...)
}
