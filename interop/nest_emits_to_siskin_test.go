package interop_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
)

func (s *served) events(t *testing.T) {
	headers := map[string]any{"a": "1", "b": []string{"é", "twice"}}
	for _, e := range []struct {
		name, op string
		data     any
		want     []delivered // without the number of the handler
	}{
		{"string", "emit", "hello", []delivered{{Value: "hello"}}},
		{"unicode", "emit", unicode, []delivered{{Value: unicode}}},
		{"number", "emit", 5.5, []delivered{{Value: "5.5"}}},
		{"object", "emit", map[string]any{"a": 1, "b": "ü"}, []delivered{
			{Value: map[string]any{"a": json.Number("1"), "b": "ü"}},
		}},
		{"nothing", "emit", map[string]any{"value": nil}, []delivered{{}}},
		{"key-and-headers", "emit", map[string]any{"key": "schlüssel", "value": []int{1}, "headers": headers}, []delivered{{
			Value: []any{json.Number("1")}, Key: "schlüssel",
			Headers: []siskin.Header{
				{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("é")}, {Key: "b", Value: []byte("twice")},
			},
		}}},
		{
			"batch", "emitBatch",
			map[string]any{"messages": []any{"one", map[string]any{"key": 2, "value": "two"}}},
			[]delivered{{Value: "one"}, {Value: "two", Key: "2"}},
		},
	} {
		t.Run(e.name, func(t *testing.T) {
			outcome, err := s.begin(t, e.op, "go.noted", e.data).End(s.ctx(t))
			if err != nil || outcome.Err != nil {
				t.Fatalf("%s, %v", outcome, err)
			}
			var want []delivered
			for _, d := range e.want {
				for d.Handler = 1; d.Handler <= 2; d.Handler++ {
					want = append(want, d)
				}
			}
			s.arrive(t, want...)
		})
	}
}

// arrive checks the next events, in this order.
func (s *served) arrive(t *testing.T, want ...delivered) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-s.noted:
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("wrong event (-want +got):\n%s", diff)
			}
		case <-s.ctx(t).Done():
			t.Fatal("an event did not come")
		}
	}
}

// requestToEvents: the handlers of the event run, and nobody answers.
func (s *served) requestToEvents(t *testing.T) {
	call, err := s.client.Begin("send", "go.noted", "request", 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for handler := 1; handler <= 2; handler++ {
		select {
		case got := <-s.noted:
			if got.Handler != handler || got.Value != "request" || len(got.Headers) != 3 {
				t.Errorf("got %+v, want the request at handler %d", got, handler)
			}
		case <-s.ctx(t).Done():
			t.Fatal("an event did not come")
		}
	}
	outcome, err := call.End(s.ctx(t))
	if err != nil || len(outcome.Values) > 0 || !strings.Contains(string(outcome.Err), "TimeoutError") {
		t.Errorf("%s, %v; want a timeout", outcome, err)
	}
	s.unanswered(t, "go.noted")
}

// eventToRequests: the handler of the request runs, its result is nobody's.
func (s *served) eventToRequests(t *testing.T) {
	if outcome, err := s.begin(t, "emit", "go.accepts", "event").End(s.ctx(t)); err != nil || outcome.Err != nil {
		t.Fatalf("%s, %v", outcome, err)
	}
	s.arrive(t, delivered{Handler: 3, Value: "event"})
}

// unanswered checks that no reply to the pattern was ever written.
func (s *served) unanswered(t *testing.T, pattern string) {
	t.Helper()
	topic := s.topic(pattern + ".reply")
	ends, err := s.admin(t).ListEndOffsets(s.ctx(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := ends.Lookup(topic, 0); !ok || end.Err != nil || end.Offset != 0 {
		t.Errorf("the end of %s is %+v, want 0", topic, end)
	}
}
