package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
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
		cfg.RetryInitial, cfg.RetryAttempts = 2*time.Second, 3
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
func (s *service) open()         { s.opened.Do(func() { close(s.gate) }) }
func (s *service) hold()         { s.valve.hold() }
func (s *service) release()      { s.valve.release() }

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

func (s *service) event(ctx context.Context, i int, does string, j job, tries *sync.Map) error {
	switch does {
	case "empty":
		s.journal.add(entry{Did: "start", Handler: i})
		return nil
	case "commit":
		d, _ := siskin.DeliveryFrom(ctx)
		err := d.Commit(ctx)
		s.journal.add(entry{Did: "end", Handler: i})
		return err
	case "fail-once":
		j.BadOnce = true
	}
	return s.work(ctx, i, j, tries)
}

// work does what its payload says.
func (s *service) work(ctx context.Context, i int, j job, tries *sync.Map) error {
	n, _ := tries.LoadOrStore(j.N, 0)
	attempt := n.(int) + 1
	tries.Store(j.N, attempt)
	s.journal.add(entry{Did: "start", Handler: i, N: j.N, Attempt: attempt})
	select {
	case <-time.After(time.Duration(j.Ms) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if j.Gated {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if j.Bad || j.BadOnce && attempt == 1 {
		return errors.New("bad")
	}
	s.journal.add(entry{Did: "end", Handler: i, N: j.N, Attempt: attempt})
	return nil
}

func (s *service) request(
	to *siskin.Service, i int, topic, does string, tries *sync.Map, opts []siskin.HandlerOption,
) {
	switch does {
	case "work":
		siskin.Handle(to, topic, func(ctx context.Context, j job) (int, error) {
			return j.N, s.work(ctx, i, j, tries)
		}, opts...)
	case "length":
		siskin.Handle(to, topic, func(_ context.Context, text string) (int, error) { return len(text), nil })
	case "ticks":
		siskin.HandleStream(to, topic, s.ticks)
	case "gated-stream":
		siskin.HandleStream(to, topic, s.gatedStream)
	default:
		siskin.Handle(to, topic, fixed[does])
	}
}

func (s *service) ticks(ctx context.Context, _ any, send func(int) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := range 60 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := send(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) gatedStream(ctx context.Context, _ any, send func(int) error) error {
	if err := send(1); err != nil {
		return err
	}
	select {
	case <-s.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	return send(2)
}

// fixed are the handlers that always do the same.
var fixed = map[string]func(context.Context, json.RawMessage) (any, error){
	"echo":         func(_ context.Context, v json.RawMessage) (any, error) { return []byte(v), nil },
	"value-field":  gives(map[string]any{"value": 5, "currency": "USD"}),
	"unencodable":  gives(map[string]any{"n": math.Inf(1)}),
	"typed-array":  gives([]byte{1, 2}),
	"map":          gives(map[string]int{"a": 1}),
	"date":         gives(time.Unix(0, 0).UTC()),
	"empty-filter": fails(siskin.Errorf(siskin.CodeConflict, "%s", "")),
	// There are no filters that could make a number of an error.
	"number-filter": fails(siskin.Errorf(siskin.CodeConflict, "%d", 7)),
	"inner":         fails(siskin.Errorf(siskin.CodeConflict, "%w", errors.New("inner"))),
	"nothing": func(_ context.Context, v json.RawMessage) (any, error) {
		if v == nil {
			return "nothing", nil
		}
		return "something", nil
	},
	"headers": func(ctx context.Context, _ json.RawMessage) (any, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		var values []string
		for _, h := range d.Headers() {
			if h.Key == "h" {
				values = append(values, string(h.Value))
			}
		}
		return values, nil
	},
}

func gives(v any) func(context.Context, json.RawMessage) (any, error) {
	return func(context.Context, json.RawMessage) (any, error) { return v, nil }
}

func fails(err error) func(context.Context, json.RawMessage) (any, error) {
	return func(context.Context, json.RawMessage) (any, error) { return nil, err }
}
