// Package brokerwatch tells one outage of the brokers from the many failed
// attempts to connect that make it up.
package brokerwatch

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Watch is a hook for the Kafka client. It emits BrokerAway when connecting
// fails, once, and BrokerBack at the next success. Safe for concurrent use.
type Watch struct {
	brokers []string
	emit    events.Sink

	mu    sync.Mutex
	fails int
	since time.Time // zero while the brokers answer
	last  error
}

// New returns a watch that names brokers in its events.
func New(brokers []string, emit events.Sink) *Watch {
	return &Watch{brokers: brokers, emit: emit}
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
	if err != nil {
		w.fails++
		w.last = err
		if w.fails >= w.patience() && w.since.IsZero() {
			w.since = time.Now()
			return events.BrokerAway{Brokers: w.brokers, Err: err}
		}
		return nil
	}
	w.fails = 0
	if w.since.IsZero() {
		return nil
	}
	e := events.BrokerBack{Broker: net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port))), After: time.Since(w.since)}
	w.since = time.Time{}
	return e
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
