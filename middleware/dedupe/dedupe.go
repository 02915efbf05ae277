package dedupe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
)

// Config is the settings of one use of the middleware.
type Config struct {
	// Name tells what this use remembers apart from what others do in the same
	// store: two with one name share it, so that two handlers of one topic need
	// two names. It must stay the same across restarts. Required with a Store.
	Name string

	// By is what a record is known again by. Required.
	By By

	// Store remembers. Default: a Memory of its own with the default Bounds.
	Store Store

	// ReplyBytes is how large the replies to one request can be to be kept, in
	// all. A duplicate of a larger one gets an error with siskin.CodeConflict:
	// it is not run again. Default: 256 KiB. At most 512 KiB.
	ReplyBytes int

	// Patience is how long to try to remember an outcome, also after the
	// handler's context has ended. After that the outcome counts all the same,
	// is logged as an error, and a duplicate will run. Default: 10 seconds.
	Patience time.Duration

	// Logger gets an error for each outcome that could not be remembered, and
	// duplicates at the level Debug. Default: slog.Default().
	Logger *slog.Logger
}

const (
	defaultReplyBytes = 256 << 10
	mostReplyBytes    = 512 << 10 // in a record of the usual 1 MB, as base64
	defaultPatience   = 10 * time.Second
)

// New returns the middleware. Put it around one handler, a scope or a service; it
// keeps the handlers apart that it is put around, by the order in which they were
// registered. Its error names all wrong settings.
func New(cfg Config) (siskin.Middleware, error) {
	var errs []error
	bad := func(field string, value any, want string) {
		errs = append(errs, wrong("Config."+field, value, want))
	}
	if cfg.By == nil {
		bad("By", nil, "say what a duplicate is known by, such as dedupe.ByPosition()")
	}
	if cfg.Name == "" && cfg.Store != nil {
		bad("Name", "", "without one, two handlers with this store would take each other's records for duplicates")
	}
	if cfg.ReplyBytes < 0 || cfg.ReplyBytes > mostReplyBytes {
		bad("ReplyBytes", cfg.ReplyBytes, "want 1 to 524288, or 0 for the default")
	}
	if cfg.Patience < 0 {
		bad("Patience", cfg.Patience, "want a duration, or 0 for the default")
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cfg.Store == nil {
		cfg.Store, _ = NewMemory(Bounds{})
	}
	if cfg.ReplyBytes == 0 {
		cfg.ReplyBytes = defaultReplyBytes
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &middleware{cfg: cfg}
	return m.wrap, nil
}

// middleware is one use. Its flights are shared by all its handlers.
type middleware struct {
	cfg      Config
	handlers atomic.Uint64
	flights  flights
}

func (m *middleware) wrap(next siskin.Handler) siskin.Handler {
	number := m.handlers.Add(1) - 1
	return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
		raw, ok := m.cfg.By(d)
		if !ok {
			return next(ctx, d, reply)
		}
		return m.once(ctx, identify(m.cfg.Name, number, d.Topic(), raw), next, d, reply)
	}
}

// once runs the handler, or waits for the one that runs, or replays what is
// remembered.
func (m *middleware) once(
	ctx context.Context, id ID, next siskin.Handler, d *siskin.Delivery, reply func(any) error,
) error {
	for {
		at, first := m.flights.join(id)
		if first {
			return m.fly(ctx, id, at, next, d, reply)
		}
		select {
		case <-at.landed:
		case <-ctx.Done():
			return fmt.Errorf("dedupe: wait for the first delivery of the same id: %w", ctx.Err())
		}
		if at.kept {
			return m.duplicate(ctx, at.outcome, d, reply)
		}
	}
}

// fly is the way of the first delivery. Those who wait go on when it is over, also
// by a panic.
func (m *middleware) fly(
	ctx context.Context, id ID, at *flight, next siskin.Handler, d *siskin.Delivery, reply func(any) error,
) error {
	defer m.flights.land(id, at)
	known, found, err := m.cfg.Store.Find(ctx, id)
	if err != nil {
		return unsure(err)
	}
	if found {
		at.outcome, at.kept = known, true
		return m.duplicate(ctx, known, d, reply)
	}
	r := recorder{delivery: d, send: reply, limit: m.cfg.ReplyBytes}
	err = next(ctx, d, r.reply)
	if at.outcome, at.kept = r.result(err); at.kept {
		m.remember(ctx, id, at.outcome, d)
	}
	return err
}

// unsure is the error of a record of which nobody knows whether it was handled. It
// is not run: its caller can ask again.
func unsure(err error) error {
	return siskin.Errorf(siskin.CodeUnavailable, "it cannot be looked up whether the record was handled before").
		WithCause(fmt.Errorf("dedupe: %w", err))
}

// remember keeps an outcome even when the record's context is over: its partition
// may be another member's by now, which gets the record again.
func (m *middleware) remember(ctx context.Context, id ID, o Outcome, d *siskin.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.Patience)
	defer cancel()
	if err := m.cfg.Store.Remember(ctx, id, o); err != nil {
		m.cfg.Logger.ErrorContext(ctx, "an outcome could not be remembered; a duplicate of the record will be handled again",
			"dedupe", m.cfg.Name, "topic", d.Topic(), "partition", d.Partition(), "offset", d.Offset(), "error", err)
	}
}

func (m *middleware) duplicate(ctx context.Context, o Outcome, d *siskin.Delivery, reply func(any) error) error {
	if m.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		m.cfg.Logger.DebugContext(ctx, "a duplicate gets the outcome of the first one",
			"dedupe", m.cfg.Name, "topic", d.Topic(), "partition", d.Partition(), "offset", d.Offset())
	}
	return o.replay(ctx, d, reply)
}
