package migration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
)

// The load: each caller makes one call after the other, at this pace at most.
const (
	pace      = 10 * time.Millisecond
	mostCalls = 10_000 // of one caller, so that a test that hangs ends
	callLimit = 30 * time.Second
)

// send makes one call and returns the reply.
type send func(ctx context.Context, payload string) (string, error)

// load is callers that work side by side.
type load struct {
	stage   *stage
	callers sync.WaitGroup
	stop    chan struct{}
	calls   atomic.Int64
}

func (s *stage) load() *load { return &load{stage: s, stop: make(chan struct{})} }

// caller makes calls until the load ends, or until it has made most of them.
func (l *load) caller(name string, most int, call send) {
	l.callers.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for i := range most {
			select {
			case <-l.stop:
				return
			case <-ticker.C:
			}
			payload := fmt.Sprintf("%s %d", name, i)
			ctx, cancel := context.WithTimeout(context.Background(), callLimit)
			reply, err := call(ctx, payload)
			cancel()
			l.calls.Add(1)
			l.stage.ledger.answered(payload, reply, err)
		}
	})
}

// end lets the calls under way finish.
func (l *load) end() {
	close(l.stop)
	l.callers.Wait()
}

func (s *stage) bySiskin(client *siskin.Client, pattern string) send {
	topic := s.topic(pattern)
	return func(ctx context.Context, payload string) (string, error) {
		return siskin.Send[string](ctx, client, topic, payload)
	}
}

func (s *stage) byNest(client *peer.Client, pattern string) send {
	return func(ctx context.Context, payload string) (string, error) {
		call, err := client.Begin("send", pattern, payload, callLimit)
		if err != nil {
			return "", err
		}
		outcome, err := call.End(ctx)
		switch {
		case err != nil:
			return "", err
		case outcome.Err != nil:
			return "", errors.New(string(outcome.Err))
		case len(outcome.Values) != 1:
			return "", fmt.Errorf("%d values", len(outcome.Values))
		}
		var reply string
		err = json.Unmarshal(outcome.Values[0], &reply)
		return reply, err
	}
}
