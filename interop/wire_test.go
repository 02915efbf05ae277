package interop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// sameOnTheWire compares the raw records of both sides with each other and with
// the golden files. Requests and events of both go to the same topics. Replies
// go to a Siskin client: those of NestJS from its server, those of Siskin from
// a service with the same patterns under a prefix of its own, the twin.
func sameOnTheWire(t *testing.T, n *nest) {
	n.nestServer(t)
	w := wire{
		nest: n, twinPrefix: n.topic("twin."), client: n.siskinClient(t), release: make(chan struct{}),
		theirs: &served{nest: n, client: n.nestClient(t)},
	}
	w.twin(t)
	t.Run("requests", w.requests)
	t.Run("events", w.events)
	t.Run("replies", w.replies)
}

type wire struct {
	*nest
	twinPrefix string
	client     *siskin.Client
	theirs     *served
	release    chan struct{} // lets the twin end its late stream
}

// twin runs a Siskin service that does as the NestJS server.
func (w wire) twin(t *testing.T) {
	svc, err := siskin.NewService(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	type inner struct {
		C map[string]string `json:"c"`
	}
	type object struct {
		A      int   `json:"a"`
		B      []any `json:"b"`
		Nested inner `json:"nested"`
	}
	for pattern, serve := range map[string]func(siskin.Registrar, string){
		"sum":   handles(sum),
		"text":  replies(`Grüße, "peer"`),
		"void":  replies(struct{}{}),
		"array": replies([]any{1, "two", nil, map[string]int{"three": 3}}),
		"object": replies(object{
			1, []any{true, nil, "x"}, inner{map[string]string{"d": "e"}},
		}),
		"count":      streams(nil, 1, 2, 3),
		"empty":      streams(nil),
		"fail.text":  fails(siskin.Errorf(siskin.CodeConflict, "msg")),
		"fail.plain": fails(errors.New("secret")),
		"fail.after": streams(siskin.Errorf(siskin.CodeConflict, "after two"), 1, 2),
	} {
		serve(svc, w.twinPrefix+pattern)
	}
	siskin.HandleStream(svc, w.twinPrefix+"late", func(ctx context.Context, _ any, send func(int) error) error {
		if err := errors.Join(send(1), send(2)); err != nil {
			return err
		}
		select {
		case <-w.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	siskintest.Run(t, svc)
}

// scene is how both sides write records to a topic.
type scene struct {
	name         string
	topic        string // without prefix
	siskin, nest func(t *testing.T)
}

func (w wire) play(t *testing.T, s scene) {
	t.Run(s.name, func(t *testing.T) {
		ours := w.written(t, w.topic(s.topic), func() { s.siskin(t) })
		theirs := w.written(t, w.topic(s.topic), func() { s.nest(t) })
		w.golden(t, s.name, ours, theirs)
		w.agree(t, ours, theirs)
	})
}

// nestDoes makes a call of the NestJS client.
func (w wire) nestDoes(op, pattern string, data any) func(t *testing.T) {
	return func(t *testing.T) {
		outcome, err := w.theirs.begin(t, op, pattern, data).End(w.ctx(t))
		if err != nil || outcome.Err != nil {
			t.Fatalf("%s, %v", outcome, err)
		}
	}
}

func (w wire) sends(req any, opts ...siskin.CallOption) func(t *testing.T) {
	return func(t *testing.T) {
		if _, err := siskin.Send[any](w.ctx(t), w.client, w.topic("echo"), req, opts...); err != nil {
			t.Fatal(err)
		}
	}
}

func (w wire) requests(t *testing.T) {
	w.play(t, scene{
		"request", "echo", w.sends(map[string]any{"a": 1, "b": "ü"}),
		w.nestDoes("send", "echo", map[string]any{"a": 1, "b": "ü"}),
	})
	w.play(t, scene{
		"request-with-key-and-headers", "echo",
		w.sends("x", siskin.WithKey("k"), siskin.WithHeader("b", "2"), siskin.WithHeader("tenant", "ü")),
		w.nestDoes("send", "echo", message("k", "x", map[string]string{"b": "2", "tenant": "ü"})),
	})
	w.play(t, scene{
		"request-without-value", "echo", w.sends(nil),
		w.nestDoes("send", "echo", map[string]any{"value": nil}),
	})
}

// message is what NestJS's serializer takes for a Kafka message.
func message(key, value any, headers map[string]string) map[string]any {
	return map[string]any{"key": key, "value": value, "headers": headers}
}

func (w wire) emits(messages ...siskin.Message) func(t *testing.T) {
	return func(t *testing.T) {
		if _, err := w.client.EmitBatch(w.ctx(t), w.topic("note"), messages); err != nil {
			t.Fatal(err)
		}
	}
}

func (w wire) events(t *testing.T) {
	w.play(t, scene{
		"event", "note", w.emits(siskin.Message{Value: map[string]any{"a": 1}}),
		w.nestDoes("emit", "note", map[string]any{"a": 1}),
	})
	w.play(t, scene{
		"event-with-key-and-headers", "note",
		w.emits(siskin.Message{Value: "x", Options: []siskin.CallOption{
			siskin.WithKey("schlüssel"), siskin.WithHeader("a", "1"), siskin.WithHeader("empty", ""),
		}}),
		w.nestDoes("emit", "note", message("schlüssel", "x", map[string]string{"a": "1", "empty": ""})),
	})
	w.values(t)
}

// values are written under one key, so that they stay in order.
func (w wire) values(t *testing.T) {
	var ours []siskin.Message
	var theirs []any
	for _, v := range []any{
		nil, "", "text", `{"looks":"like JSON"}`, unicode, 0, -42.25, 1e21, 1e-7, 123456789.5, true,
		[]any{},
		[]any{1, "two", nil, []any{false}},
		map[string]any{},
		map[string]any{"a": "<&>", "ü": nil, "value": 5},
	} {
		ours = append(ours, siskin.Message{Value: v, Options: []siskin.CallOption{siskin.WithKey("k")}})
		theirs = append(theirs, map[string]any{"key": "k", "value": v})
	}
	w.play(t, scene{
		"event-values", "note", w.emits(ours...),
		w.nestDoes("emitBatch", "note", map[string]any{"messages": theirs}),
	})
}

func (w wire) replies(t *testing.T) {
	for _, r := range []struct {
		name, pattern string
		request       any
	}{
		{"reply-number", "sum", []int{1, 2}},
		{"reply-text", "text", "x"},
		{"reply-object", "object", "x"},
		{"reply-list", "array", "x"},
		{"reply-without-value", "void", "x"},
		{"error", "fail.text", "x"},
		{"error-internal", "fail.plain", "x"},
		{"stream", "count", map[string]int{"n": 3}},
		{"stream-late-end", "late", map[string]int{"n": 2}},
		{"stream-empty", "empty", "x"},
		{"stream-error", "fail.after", "x"},
	} {
		t.Run(r.name, func(t *testing.T) {
			twin := siskin.NewRPC[any, any](w.twinPrefix + r.pattern)
			nest := siskin.NewRPC[any, any](w.topic(r.pattern))
			if err := w.client.Ready(w.ctx(t), twin, nest); err != nil { // makes the reply topics
				t.Fatal(err)
			}
			ours := w.written(t, twin.Pattern()+".reply", func() { w.call(t, twin, r.request) })
			theirs := w.written(t, nest.Pattern()+".reply", func() { w.call(t, nest, r.request) })
			w.golden(t, r.name, ours, theirs)
			w.agree(t, ours, theirs)
		})
	}
}

// call reads the replies to the end, whatever it is.
func (w wire) call(t *testing.T, rpc siskin.RPC[any, any], request any) {
	read := 0
	for _, err := range rpc.Stream(w.ctx(t), w.client, request) {
		if e, ok := errors.AsType[*siskin.Error](err); err != nil && !(ok && e.Remote) {
			t.Fatal(err)
		}
		if read++; read == 2 && rpc.Pattern() == w.twinPrefix+"late" {
			w.release <- struct{}{}
		}
	}
}
