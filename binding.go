package siskin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/callsite"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/route"
	"github.com/siskin-go/siskin/internal/serving"
	"github.com/siskin-go/siskin/internal/wire"
)

// registration is one handler, erased to its untyped shape.
type registration struct {
	topic   string
	kind    serving.Kind
	handler Handler
	batch   func(*batch) error // in place of handler, for OnBatch
	options []HandlerOption
	where   string // file:line of the call that registered it
}

// caller is the first file and line outside this package.
func caller() string { return callsite.Outside("github.com/siskin-go/siskin.") }

// bind adds one registration to the routes, or says what is wrong with it.
func (s *Service) bind(reg registration) error {
	wrong := func(format string, args ...any) error {
		return &ConfigError{Field: "handler at " + reg.where, Value: reg.topic, Err: fmt.Errorf(format, args...)}
	}
	if expression, ok := route.Expression(reg.topic); ok {
		if _, err := regexp.Compile(expression); err != nil {
			return wrong("%w", err)
		}
	} else if err := wire.CheckTopic(reg.topic); err != nil {
		return wrong("%w", err)
	}
	o := handlerOptions{
		dialect: s.cfg.Dialect, batchSize: min(100, s.cfg.QueueLimit), batchWait: min(200*time.Millisecond, s.cfg.StuckAfter/2),
	}
	for _, opt := range reg.options {
		opt.applyHandler(&o)
	}
	if err := s.check(reg, o); err != nil {
		return wrong("%w", err)
	}
	if err := s.routes.At(reg.topic).Add(s.handler(reg, o)); err != nil {
		return wrong("%w", err)
	}
	return nil
}

// check says what is wrong with the settings of a handler.
func (s *Service) check(reg registration, o handlerOptions) error {
	if o.retry != nil {
		if err := o.retry.check(reg.topic, s.cfg.Group); err != nil {
			return err
		}
	}
	switch cfg := s.cfg; {
	case reg.batch == nil:
		return nil
	case len(s.middleware)+len(o.middleware) > 0:
		return errors.New("middleware wraps one record and cannot wrap a batch: wrap the function itself, " +
			"and give middleware to a Scope with the other handlers in place of Service.Use")
	case o.batchSize > cfg.QueueLimit:
		return fmt.Errorf("a batch of %d records never comes together: Config.QueueLimit is %d", o.batchSize, cfg.QueueLimit)
	case o.batchWait >= cfg.StuckAfter:
		return fmt.Errorf("records that wait %v for a batch would count as stuck: Config.StuckAfter is %v", o.batchWait, cfg.StuckAfter)
	}
	return nil
}

// handler is a registration with its chain built.
func (s *Service) handler(reg registration, o handlerOptions) *serving.Handler {
	h := &serving.Handler{
		Kind: reg.kind, Where: reg.where, Name: reg.topic, Dialect: o.dialect, Policy: s.cfg.policy(o.retry), Retry: o.retry.kind(),
		Timeout: o.timeout, Manual: o.manual, Order: o.order, Most: o.most,
	}
	if reg.batch != nil {
		h.Size, h.Wait, h.Batch = o.batchSize, o.batchWait, s.runBatch(reg.batch)
		h.Run = alone(h.Batch)
	} else {
		h.Run = s.runOne(chain(reg.handler, slices.Concat(s.middleware, o.middleware)))
	}
	return h
}

func (s *Service) delivery(a serving.Attempt) Delivery {
	return Delivery{record: a.Record, item: a.Item, attempt: a.Number, request: a.Request, codec: s.cfg.Codec}
}

func (s *Service) runOne(h Handler) serving.Run {
	return func(ctx context.Context, a serving.Attempt, reply func(any) error) error {
		c := &deliveryContext{Context: ctx, delivery: s.delivery(a)}
		return h(c, &c.delivery, reply)
	}
}

func (s *Service) runBatch(h func(*batch) error) serving.RunBatch {
	return func(ctx context.Context, size int, attempt func(int) serving.Attempt) ([]error, error) {
		b := &batch{Context: ctx, service: s, size: size, attempt: attempt}
		err := outcome.Contain(b, func(context.Context) error { return h(b) })
		if _, panicked := errors.AsType[*outcome.Panic](err); panicked {
			return b.failed, err // what could not be decoded keeps its own error
		}
		rest := b.split(err)
		return b.failed, rest
	}
}

// alone makes a batch of each record.
func alone(run serving.RunBatch) serving.Run {
	return func(ctx context.Context, a serving.Attempt, _ func(any) error) error {
		failed, err := run(ctx, 1, func(int) serving.Attempt { return a })
		if err == nil && failed != nil {
			return failed[0]
		}
		return err
	}
}
