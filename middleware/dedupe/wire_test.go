package dedupe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seen is a reply as a peer sees it, without what says to whom it goes.
type seen struct {
	Value   string
	Null    bool
	Key     string
	Headers []string
}

func see(rec *kgo.Record) seen {
	s := seen{Value: string(rec.Value), Null: rec.Value == nil, Key: string(rec.Key)}
	for _, h := range rec.Headers {
		if h.Key != wire.CorrelationID {
			s.Headers = append(s.Headers, fmt.Sprintf("%s=%s", h.Key, h.Value))
		}
	}
	return s
}

// stores are what each test of the whole way runs with.
func stores(t *testing.T, test func(t *testing.T, cfg siskin.Config, store dedupe.Store)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, siskintest.Config(t), memory(t, dedupe.Bounds{}))
	})
	t.Run("topic", func(t *testing.T) {
		t.Parallel()
		cfg := siskintest.Config(t)
		test(t, cfg, topicStore(t, cfg, siskintest.Name("outcomes"), dedupe.Bounds{}))
	})
}

type nested struct {
	Numbers []float64         `json:"numbers"`
	Text    string            `json:"text"`
	Map     map[string]string `json:"map"`
}

// A duplicate's reply has the bytes of the first one, whatever the handler sends.
func TestADuplicateGetsTheSameBytes(t *testing.T) {
	t.Parallel()
	deep := nested{Numbers: []float64{1, 2.5, 1e300}, Text: "<&> ü \u2028", Map: map[string]string{"b": "2", "a": "1"}}
	for name, send := range map[string]func() (any, error){
		"text":       func() (any, error) { return "plain, not JSON", nil },
		"number":     func() (any, error) { return 0.1, nil },
		"object":     func() (any, error) { return deep, nil },
		"raw JSON":   func() (any, error) { return json.RawMessage(`{ "spaces":  1 }`), nil },
		"bytes":      func() (any, error) { return []byte{0, 1, 0xff}, nil },
		"nothing":    func() (any, error) { return nil, nil },
		"empty text": func() (any, error) { return "", nil },
		"message": func() (any, error) {
			return siskin.Message{Value: deep, Options: []siskin.CallOption{
				siskin.WithKey("k"), siskin.WithHeader("trace", "1"), siskin.WithHeader("trace", ""),
			}}, nil
		},
		"verdict": func() (any, error) {
			return nil, fmt.Errorf("look: %w", siskin.Errorf(siskin.CodeNotFound, "no such thing").WithDetails(deep))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores(t, func(t *testing.T, cfg siskin.Config, store dedupe.Store) {
				topic, ran := siskintest.Name("work"), atomic.Int32{}
				svc := service(t, cfg)
				siskin.Handle(svc, topic, func(context.Context, any) (any, error) { ran.Add(1); return send() },
					siskin.WithMiddleware(once(t, dedupe.Config{Name: "work", By: dedupe.ByHeader("id"), Store: store})))
				siskintest.Run(t, svc)
				p := newPeer(t, cfg)
				p.request(topic, "x", "first", header("id", "7"))
				first := p.read(1)[0]
				p.request(topic, "x", "second", header("id", "7"))
				second := p.read(1)[0]
				if to, _ := wire.Last(second.Headers, wire.CorrelationID); string(to) != "second" {
					t.Errorf("the duplicate's reply goes to %q", to)
				}
				if diff := cmp.Diff(see(first), see(second)); diff != "" {
					t.Errorf("the duplicate got something else (-first +second):\n%s", diff)
				}
				p.request(topic, "x", "third", header("id", "8"))
				p.read(1)
				if n := ran.Load(); n != 2 {
					t.Errorf("the handler ran %d times for two ids", n)
				}
			})
		})
	}
}

// All values of a stream come again, in their order, then its end or its error.
func TestADuplicateOfAStream(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, cfg siskin.Config, store dedupe.Store) {
		count, ran := siskin.NewRPC[int, string](siskintest.Name("count")), atomic.Int32{}
		svc := service(t, cfg)
		count.HandleStream(svc, func(_ context.Context, n int, send func(string) error) error {
			ran.Add(1)
			for i := range n {
				if err := send(strings.Repeat("x", i)); err != nil {
					return err
				}
			}
			return siskin.Errorf(siskin.CodeConflict, "that is all")
		}, siskin.WithMiddleware(once(t, dedupe.Config{Name: "count", By: dedupe.ByHeader("id"), Store: store})))
		siskintest.Run(t, svc)
		client := siskintest.Client(t, cfg)
		read := func() (got []string, last error) {
			for v, err := range count.Stream(testContext(t), client, 30, siskin.WithHeader("id", "7")) {
				if err != nil {
					return got, err
				}
				got = append(got, v)
			}
			return got, nil
		}
		first, firstErr := read()
		second, secondErr := read()
		if len(first) != 30 || siskin.CodeOf(firstErr) != siskin.CodeConflict {
			t.Fatalf("the first one got %d values and %v", len(first), firstErr)
		}
		if diff := cmp.Diff(first, second); diff != "" || siskin.CodeOf(secondErr) != siskin.CodeConflict {
			t.Errorf("the duplicate got %v:\n%s", secondErr, diff)
		}
		if n := ran.Load(); n != 1 {
			t.Errorf("the handler ran %d times", n)
		}
	})
}
