// Package brokerwatch tells one outage of the brokers from the many failed
// attempts to connect that make it up, and a broker that is away from one that
// refuses this program.
package brokerwatch

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Watch is a hook for the Kafka client. It emits BrokerAway when connecting
// fails, or BrokerRefused when a broker and this program do not accept each
// other, once, and BrokerBack at the next success. Safe for concurrent use.
type Watch struct {
	brokers []string
	secure  security.Settings
	emit    events.Sink

	mu      sync.Mutex
	fails   int
	since   time.Time // zero while the brokers answer
	last    error
	told    bool             // of a refusal, since the brokers last answered
	broker  string           // to which a connection was made last, or not
	refused map[string]error // by broker, since a connection was last made
}

// New returns a watch that names brokers in its events.
func New(brokers []string, secure security.Settings, emit events.Sink) *Watch {
	return &Watch{brokers: brokers, secure: secure, emit: emit, refused: make(map[string]error)}
}

var _ kgo.HookBrokerConnect = (*Watch)(nil)

// patience is how many connections fail in a row before an outage is
// announced: with several brokers, one that restarts is no outage.
func (w *Watch) patience() int { return max(1, len(w.brokers)) }

// OnBrokerConnect is called by the Kafka client after each attempt.
func (w *Watch) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled) {
		return // the program gave up, not the broker
	}
	if e := w.note(meta, err); e != nil {
		w.emit(e)
	}
}

func (w *Watch) note(meta kgo.BrokerMetadata, err error) events.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broker = net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	if err != nil {
		return w.failed(err)
	}
	w.fails, w.told = 0, false
	clear(w.refused)
	if w.since.IsZero() {
		return nil
	}
	e := events.BrokerBack{Broker: w.broker, After: time.Since(w.since)}
	w.since = time.Time{}
	return e
}

func (w *Watch) failed(err error) events.Event {
	w.fails++
	w.last = err
	refusal := w.secure.Explain(w.broker, err)
	if refusal != nil {
		w.last, w.refused[w.broker] = refusal, refusal
	}
	first := w.since.IsZero()
	switch {
	case w.fails < w.patience():
		return nil
	case first:
		w.since = time.Now()
	}
	switch {
	case refusal != nil && !w.told: // also of a broker that was away and has come back like this
		w.told = true
		return events.BrokerRefused{Broker: w.broker, Err: refusal}
	case first:
		return events.BrokerAway{Brokers: w.brokers, Err: err}
	}
	return nil
}

// Explain returns err in the words of package security if it means that a broker
// and this program do not accept each other, else as it is.
func (w *Watch) Explain(err error) error {
	broker, _ := w.refusal()
	if refusal := w.secure.Explain(broker, err); refusal != nil {
		return refusal
	}
	return err
}

// Refused returns why waiting cannot help a program that has got err: each of
// the brokers refuses it, or one says what it wanted instead. Else it returns
// nil.
func (w *Watch) Refused(ctx context.Context, err error) error {
	broker, refusal := w.refusal()
	if refusal != nil {
		return refusal
	}
	return w.secure.Probe(ctx, broker, err)
}

// refusal is the broker that was tried last, and why each of them refuses this
// program, or nil.
func (w *Watch) refusal() (broker string, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.refused) < w.patience() {
		return w.broker, nil
	}
	for _, err := range w.refused {
		why = err
	}
	return w.broker, why
}

// Away returns the last error of the outage that is going on, or nil.
func (w *Watch) Away() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return nil
	}
	return w.last
}
