package brokerwatch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/brokerwatch"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

var errRefused = errors.New("connection refused")

// bench is a watch and the events that it sends.
type bench struct {
	*brokerwatch.Watch
	mu   sync.Mutex
	seen []events.Event
}

func newBench(brokers ...string) *bench {
	b := &bench{}
	b.Watch = brokerwatch.New(brokers, security.Settings{}, func(e events.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, e)
	})
	return b
}

// try is an attempt of the Kafka client to connect.
func (b *bench) try(err error) {
	b.OnBrokerConnect(kgo.BrokerMetadata{Host: "kafka-1", Port: 9092}, time.Millisecond, nil, err)
}

// names are the events so far, in short.
func (b *bench) names() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := ""
	for _, e := range b.seen {
		switch e.(type) {
		case events.BrokerAway:
			out += "away "
		case events.BrokerRefused:
			out += "refused "
		case events.BrokerBack:
			out += "back "
		}
	}
	return out
}

func TestOneEventAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench("kafka-1:9092")
		b.try(nil)
		if b.Away() != nil || b.names() != "" {
			t.Errorf("away: %v, events %s, while the broker answers", b.Away(), b.names())
		}
		for range 100 {
			b.try(errRefused)
		}
		last := errors.New("no route")
		b.try(last)
		if !errors.Is(b.Away(), last) || b.names() != "away " {
			t.Errorf("away: %v, events %s; want the last error and one event", b.Away(), b.names())
		}
		<-time.After(3 * time.Second) // virtual
		b.try(nil)
		b.try(nil)
		if b.Away() != nil || b.names() != "away back " {
			t.Errorf("away: %v, events %s; want none and one more", b.Away(), b.names())
		}
		b.try(errRefused)
		b.try(nil)
		if b.names() != "away back away back " {
			t.Errorf("events %s, want a second outage like the first", b.names())
		}

		away, back := b.seen[0].(events.BrokerAway), b.seen[1].(events.BrokerBack)
		if len(away.Brokers) != 1 || away.Brokers[0] != "kafka-1:9092" || !errors.Is(away.Err, errRefused) {
			t.Errorf("event %+v, want the address and the first error", away)
		}
		if back.Broker != "kafka-1:9092" || back.After != 3*time.Second {
			t.Errorf("event %+v, want the address and 3 seconds", back)
		}
	})
}

// With several brokers, one that restarts is no outage.
func TestSeveralBrokers(t *testing.T) {
	t.Parallel()
	b := newBench("kafka-1:9092", "kafka-2:9092", "kafka-3:9092")
	for range 10 {
		b.try(errRefused)
		b.try(errRefused)
		b.try(nil)
	}
	if b.names() != "" || b.Away() != nil {
		t.Errorf("events %s, want none: a broker answered each time", b.names())
	}
	for range 3 {
		b.try(errRefused)
	}
	if b.names() != "away " {
		t.Errorf("events %s, want an outage after three failures in a row", b.names())
	}
	b.try(nil)
	if b.names() != "away back " {
		t.Errorf("events %s, want the end of the outage", b.names())
	}
}

// A program that ends gives up its attempts to connect. That is no outage.
func TestAttemptsThatAreGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench("kafka-1:9092")
	for _, err := range []error{context.Canceled, kgo.ErrClientClosed, fmt.Errorf("dial: %w", context.Canceled)} {
		b.try(err)
	}
	if b.names() != "" || b.Away() != nil {
		t.Errorf("events %s, want none", b.names())
	}
	b.try(context.DeadlineExceeded) // nobody answered in time
	if b.names() != "away " {
		t.Errorf("events %s, want one", b.names())
	}
}

func TestWithoutBrokers(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.try(errRefused)
	if b.names() != "away " {
		t.Errorf("events %s, want one", b.names())
	}
}

func TestWatchAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "brokers")
		b := newBench(make([]string, n)...)
		want, inARow, away := "", 0, false
		for _, up := range rapid.SliceOf(rapid.Bool()).Draw(t, "attempts") {
			if up {
				if b.try(nil); away {
					want += "back "
				}
				inARow, away = 0, false
			} else {
				b.try(errRefused)
				if inARow++; inARow >= n && !away {
					want, away = want+"away ", true
				}
			}
			if got := b.names(); got != want {
				t.Fatalf("events %q, want %q", got, want)
			}
			if (b.Away() != nil) != away {
				t.Fatalf("away: %v, want %v", b.Away(), away)
			}
		}
	})
}

func TestWatchIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b := newBench("kafka-1:9092")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 500 {
				var err error
				if (i+j)%3 == 0 {
					err = fmt.Errorf("attempt %d: %w", j, errRefused)
				}
				b.try(err)
				_ = b.Away()
			}
		})
	}
	wg.Wait()
	b.try(nil)
	away, back := 0, 0
	for _, e := range b.seen {
		if _, ok := e.(events.BrokerAway); ok {
			away++
		} else {
			back++
		}
	}
	if away != back {
		t.Errorf("%d outages began and %d ended", away, back)
	}
}

// tryAt is an attempt to connect to another broker.
func (b *bench) tryAt(host string, err error) {
	b.OnBrokerConnect(kgo.BrokerMetadata{Host: host, Port: 9092}, time.Millisecond, nil, err)
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	b := newBench("kafka-1:9092")
	b.try(errRefused)
	b.try(kerr.SaslAuthenticationFailed)
	b.try(kerr.SaslAuthenticationFailed)
	if got := b.names(); got != "away refused " {
		t.Errorf("events %s; want one for the outage and one for the refusal", got)
	}
	for what, err := range map[string]error{
		"away": b.Away(), "refused": b.Refused(t.Context(), errRefused), "explained": b.Explain(kerr.SaslAuthenticationFailed),
	} {
		refused, ok := errors.AsType[*security.AuthenticationError](err)
		if !ok || refused.Broker != "kafka-1:9092" {
			t.Errorf("%s: got %v, want a refusal of kafka-1:9092", what, err)
		}
	}
	if err := b.Explain(errRefused); !errors.Is(err, errRefused) || errors.Is(err, security.ErrAuthentication) {
		t.Errorf("another error was explained as %v", err)
	}
	b.try(nil)
	if err := b.Refused(t.Context(), errRefused); err != nil {
		t.Errorf("after a success it is still refused: %v", err)
	}
	b.try(kerr.SaslAuthenticationFailed)
	if got := b.names(); got != "away refused back refused " {
		t.Errorf("events %s; want a second refusal told", got)
	}
}

// Waiting can help as long as one broker has not refused.
func TestRefusalByOneOfTwo(t *testing.T) {
	t.Parallel()
	b := newBench("kafka-1:9092", "kafka-2:9092")
	for range 3 {
		b.try(kerr.SaslAuthenticationFailed)
		b.tryAt("kafka-2", errRefused)
		if err := b.Refused(t.Context(), errRefused); err != nil {
			t.Fatalf("it is refused already: %v", err)
		}
	}
	b.tryAt("kafka-2", kerr.SaslAuthenticationFailed)
	if err := b.Refused(t.Context(), errRefused); !errors.Is(err, security.ErrAuthentication) {
		t.Errorf("got %v, want ErrAuthentication", err)
	}
}
