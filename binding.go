package siskin

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/route"
	"github.com/siskin-go/siskin/internal/serving"
	"github.com/siskin-go/siskin/internal/wire"
)

// registration is one handler, erased to its untyped shape.
type registration struct {
	topic   string
	kind    serving.Kind
	handler Handler
	options []HandlerOption
	where   string // file:line of the call that registered it
}

// thisPackage is the prefix of the names of this package's functions.
const thisPackage = "github.com/siskin-go/siskin."

// caller is the first file and line outside this package.
func caller() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, thisPackage) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

// topicBindings is all that serves one topic, and how its records wait for each
// other.
type topicBindings struct {
	serving.Topic
	where  string     // its first handler
	order  lane.Order // the strictest of all
	most   int        // the least of all, or zero
	places *lane.Places
	retry  *Retry // of the last handler that has one
}

// add joins what a handler asks for to what others of the topic do.
func (t *topicBindings) add(h *serving.Handler, o handlerOptions, where string) {
	first := t.where == ""
	if first {
		t.where = where
	}
	if h.Kind == serving.Event {
		t.Events = append(t.Events, h)
	} else {
		t.Request = h
	}
	if first || o.order == lane.Whole || t.order == lane.Nothing {
		t.order = o.order
	}
	if o.most > 0 && (t.most == 0 || o.most < t.most) {
		t.most, t.places = o.most, lane.NewPlaces(o.most, false)
	}
	t.Manual = t.Manual || o.manual
	if o.retry != nil {
		both := *o.retry
		both.KeepOrder = both.KeepOrder || t.retry != nil && t.retry.KeepOrder
		t.retry = &both
	}
}

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
	at := s.routes.At(reg.topic)
	switch {
	case at.Request != nil:
		return wrong("the topic already has a request handler, registered at %s", at.where)
	case reg.kind != serving.Event && len(at.Events) > 0:
		return wrong("the topic already has an event handler, registered at %s; "+
			"NestJS would never call one of the two", at.where)
	}
	o := handlerOptions{dialect: s.cfg.Dialect}
	for _, opt := range reg.options {
		opt.applyHandler(&o)
	}
	if o.retry != nil {
		if err := s.checkRetry(reg, o); err != nil {
			return wrong("%w", err)
		}
	}
	at.add(s.handler(reg, o), o, reg.where)
	return nil
}

// checkRetry says why a handler cannot have its retry topic.
func (s *Service) checkRetry(reg registration, o handlerOptions) error {
	if err := o.retry.check(o, reg.kind); err != nil {
		return err
	}
	if _, ok := route.Expression(reg.topic); ok {
		return nil
	}
	return wire.CheckTopic(o.retry.topic(reg.topic, s.cfg.Group))
}

// handler is a registration with its chain built.
func (s *Service) handler(reg registration, o handlerOptions) *serving.Handler {
	h := chain(reg.handler, slices.Concat(s.middleware, o.middleware))
	return &serving.Handler{
		Kind: reg.kind, Dialect: o.dialect, Policy: s.cfg.policy(o.retry), Later: o.retry != nil,
		Timeout: o.timeout, Manual: o.manual,
		Run: func(ctx context.Context, a serving.Attempt, reply func(any) error) error {
			c := &deliveryContext{Context: ctx, delivery: Delivery{
				record: a.Record, item: a.Item, attempt: a.Number, request: a.Request, codec: s.cfg.Codec,
			}}
			return h(c, &c.delivery, reply)
		},
	}
}
