package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// order has the field names that NestJS's serializer takes for a Kafka message.
type order struct {
	Key   string            `json:"key"`
	Value int               `json:"value"`
	Tags  []string          `json:"tags"`
	Notes map[string]string `json:"notes,omitempty"`
}

func TestEachKindOfValueComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	svc := b.service()
	topics := map[string]string{}
	for _, kind := range []string{"number", "text", "flag", "object", "list", "bytes", "nothing", "pointer", "any"} {
		topics[kind] = siskintest.Name(kind)
	}
	echo[float64](svc, topics["number"])
	echo[string](svc, topics["text"])
	echo[bool](svc, topics["flag"])
	echo[order](svc, topics["object"])
	echo[[]int](svc, topics["list"])
	echo[[]byte](svc, topics["bytes"])
	echo[struct{}](svc, topics["nothing"])
	echo[*order](svc, topics["pointer"])
	echo[any](svc, topics["any"])
	b.run(svc)
	client := b.client()

	same(t, b, client, topics["number"], 2.5)
	same(t, b, client, topics["number"], -1e21)
	same(t, b, client, topics["text"], "")
	same(t, b, client, topics["text"], `{"looks":"like JSON"}`)
	same(t, b, client, topics["text"], "žluťoučký 🐦 <&>")
	same(t, b, client, topics["flag"], true)
	same(t, b, client, topics["object"], order{Key: "k", Value: 7, Tags: []string{"a<b"}})
	same(t, b, client, topics["list"], []int{1, 2, 3})
	same(t, b, client, topics["list"], []int{})
	same(t, b, client, topics["bytes"], []byte{0, 1, 255})
	same(t, b, client, topics["nothing"], struct{}{})
	same(t, b, client, topics["pointer"], &order{Value: 1})
	same(t, b, client, topics["pointer"], (*order)(nil))
	same[any](t, b, client, topics["any"], map[string]any{"a": []any{"b", nil, true}})
	same[any](t, b, client, topics["any"], nil)
}

func echo[T any](svc *siskin.Service, topic string) {
	siskin.Handle(svc, topic, func(_ context.Context, v T) (T, error) { return v, nil })
}

func same[T any](t *testing.T, b *bundle, client *siskin.Client, topic string, v T) {
	t.Helper()
	got, err := siskin.Send[T](b.ctx(), client, topic, v)
	if err != nil {
		t.Errorf("%#v: %v", v, err)
		return
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("sent %#v, got %#v\n%s", v, got, diff)
	}
}

func TestManyCallsAtOnceEachGetTheirOwnReply(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Partitions = 3
	double := siskin.NewRPC[int, int](siskintest.Name("double"))
	svc := b.service()
	double.Handle(svc, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	b.run(svc)
	clients := []*siskin.Client{b.client(), b.client()} // they may share a reply partition
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			got, err := double.Send(b.ctx(), clients[i%2], i)
			if err != nil || got != 2*i {
				t.Errorf("double(%d) = %d, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

func TestOneReplyTopicForAllPatterns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := siskintest.Name("one"), siskintest.Name("two")
	svc := b.service()
	echo[string](svc, one)
	echo[string](svc, two)
	b.run(svc)
	b.cfg.ReplyTopic = siskintest.Name("answers") + "-replies"
	client := b.client()
	same(t, b, client, one, "1")
	same(t, b, client, two, "2")
	opened := wait(t, b.watch, func(events.RouteOpened) bool { return true })
	if n := count(b.watch, func(events.RouteOpened) bool { return true }); n != 1 || opened.ReplyTopic != b.cfg.ReplyTopic {
		t.Errorf("%d routes, the first on %q; want one on %q", n, opened.ReplyTopic, b.cfg.ReplyTopic)
	}
}

func TestErrorsCrossOnlyWhenAuthored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fail := siskin.NewRPC[string, string](siskintest.Name("fail"))
	svc := b.service()
	remote := &siskin.Error{Code: siskin.CodeDenied, Message: "somebody else's", Remote: true}
	fail.Handle(svc, func(_ context.Context, how string) (string, error) {
		switch how {
		case "authored":
			return "", siskin.Errorf(siskin.CodeConflict, "seat %d is taken", 4).WithDetails(map[string]int{"seat": 4})
		case "wrapped":
			return "", fmt.Errorf("local text: %w", siskin.Errorf(siskin.CodeNotFound, "no seat"))
		case "cause":
			return "", siskin.Errorf(siskin.CodeUnavailable, "later").WithCause(errors.New("password=hunter2"))
		case "remote":
			return "", remote
		case "panic":
			panic("password=hunter2")
		}
		return "", errors.New("password=hunter2")
	})
	b.run(svc)
	client := b.client()
	for how, want := range map[string]siskin.Error{
		"authored": {Code: siskin.CodeConflict, Message: "seat 4 is taken", Details: []byte(`{"seat":4}`), Remote: true},
		"wrapped":  {Code: siskin.CodeNotFound, Message: "no seat", Remote: true},
		"cause":    {Code: siskin.CodeUnavailable, Message: "later", Remote: true},
		"remote":   {Code: siskin.CodeInternal, Message: "Internal server error", Remote: true},
		"panic":    {Code: siskin.CodeInternal, Message: "Internal server error", Remote: true},
		"plain":    {Code: siskin.CodeInternal, Message: "Internal server error", Remote: true},
	} {
		_, err := fail.Send(b.ctx(), client, how)
		got, ok := errors.AsType[*siskin.Error](err)
		if !ok {
			t.Errorf("%s: got %v", how, err)
			continue
		}
		if got.Code != want.Code || got.Message != want.Message || string(got.Details) != string(want.Details) || !got.Remote {
			t.Errorf("%s: got %+v, want %+v", how, *got, want)
		}
		if siskin.CodeOf(err) != want.Code {
			t.Errorf("%s: CodeOf is %q", how, siskin.CodeOf(err))
		}
	}
	wait(t, b.watch, func(e events.HandlerFailed) bool {
		return strings.Contains(e.Err.Error(), "hunter2") && strings.Contains(e.Stack, "call_test.go")
	})
}

type even int

func (e even) Validate() error {
	if e%2 != 0 {
		return errors.New("it is odd")
	}
	return nil
}

func TestABadRequestIsAnsweredAsInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	half := siskin.NewRPC[even, int](siskintest.Name("half"))
	svc := b.service()
	half.Handle(svc, func(_ context.Context, n even) (int, error) { return int(n) / 2, nil })
	b.run(svc)
	client := b.client()
	_, err := half.Send(b.ctx(), client, 3)
	if siskin.CodeOf(err) != siskin.CodeInvalid || !strings.Contains(err.Error(), "it is odd") {
		t.Errorf("not valid: %v", err)
	}
	_, err = siskin.Send[int](b.ctx(), client, half.Pattern(), "no number")
	if siskin.CodeOf(err) != siskin.CodeInvalid || strings.Contains(err.Error(), "no number") {
		t.Errorf("not decodable: %v", err)
	}
	if got, err := half.Send(b.ctx(), client, 8); got != 4 || err != nil {
		t.Errorf("after bad requests: %d, %v", got, err)
	}
}

// limited has its Validate on the pointer.
type limited struct{ N int }

func (l *limited) Validate() error {
	if l.N > 9 {
		return errors.New("it is too large")
	}
	return nil
}

func TestValidateOnAPointer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	byValue := siskin.NewRPC[limited, int](siskintest.Name("value"))
	byPointer := siskin.NewRPC[*limited, int](siskintest.Name("pointer"))
	svc := b.service()
	byValue.Handle(svc, func(_ context.Context, l limited) (int, error) { return l.N, nil })
	byPointer.Handle(svc, func(_ context.Context, l *limited) (int, error) {
		if l == nil {
			return -1, nil
		}
		return l.N, nil
	})
	b.run(svc)
	client := b.client()
	if _, err := byValue.Send(b.ctx(), client, limited{10}); siskin.CodeOf(err) != siskin.CodeInvalid {
		t.Errorf("a value: %v", err)
	}
	if _, err := byPointer.Send(b.ctx(), client, &limited{10}); siskin.CodeOf(err) != siskin.CodeInvalid {
		t.Errorf("a pointer: %v", err)
	}
	if n, err := byPointer.Send(b.ctx(), client, nil); n != -1 || err != nil {
		t.Errorf("no value: %d, %v", n, err)
	}
}

func TestAReplyThatDoesNotFitItsType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("word")
	svc := b.service()
	echo[string](svc, topic)
	b.run(svc)
	_, err := siskin.Send[int](b.ctx(), b.client(), topic, "abc")
	if _, ok := errors.AsType[*siskin.CallError](err); !ok || !strings.Contains(err.Error(), "decode JSON into *int") {
		t.Errorf("got %v", err)
	}
}

func TestAReplyTooLargeForTheBrokerIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	grow := siskin.NewRPC[int, []byte](siskintest.Name("grow"))
	svc := b.service()
	grow.Handle(svc, func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })
	b.run(svc)
	client := b.client()
	_, err := grow.Send(b.ctx(), client, 3<<20)
	if siskin.CodeOf(err) != siskin.CodeInternal || !strings.Contains(err.Error(), "larger than the broker accepts") {
		t.Errorf("got %v", err)
	}
	if got, err := grow.Send(b.ctx(), client, 10); len(got) != 10 || err != nil {
		t.Errorf("after it: %d bytes, %v", len(got), err)
	}
}

func TestTheDeliveryIsInTheContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	look := siskin.NewRPC[string, []string](siskintest.Name("look"))
	svc := b.service()
	look.Handle(svc, func(ctx context.Context, _ string) ([]string, error) {
		d, ok := siskin.DeliveryFrom(ctx)
		if !ok {
			return nil, errors.New("no delivery")
		}
		color, _ := d.Header("color")
		_, hasDeadline := ctx.Deadline()
		return []string{
			d.Topic(), string(d.Key()), string(color), string(d.Value()),
			fmt.Sprint(d.Partition(), d.Attempt(), d.Request(), hasDeadline, d.Timestamp().IsZero()),
		}, nil
	})
	b.run(svc)
	got, err := look.Send(b.ctx(), b.client(), "x", siskin.WithKey("k"),
		siskin.WithHeader("color", "red"), siskin.WithHeader("color", "blue"), siskin.WithHeader("kafka_replyTopic", "evil.reply"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{look.Pattern(), "k", "blue", "x", "0 1 true true false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := siskin.DeliveryFrom(t.Context()); ok {
		t.Error("a delivery outside of a handler")
	}
}

func TestTraceContextAndTimeGoOnToInnerCalls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	inner := siskin.NewRPC[string, string](siskintest.Name("inner"))
	outer := siskin.NewRPC[string, string](siskintest.Name("outer"))
	client := b.client()
	svc := b.service()
	inner.Handle(svc, func(ctx context.Context, _ string) (string, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		trace, _ := d.Header("traceparent")
		_, leaked := d.Header("color")
		deadline, ok := ctx.Deadline()
		return fmt.Sprintf("%s %t %t", trace, leaked, ok && deadline.Sub(d.Timestamp()) <= patience+time.Second), nil
	})
	outer.Handle(svc, func(ctx context.Context, s string) (string, error) { return inner.Send(ctx, client, s) })
	b.run(svc)
	got, err := outer.Send(b.ctx(), client, "x",
		siskin.WithTimeout(patience), siskin.WithHeader("traceparent", "00-abc-def-01"), siskin.WithHeader("color", "red"))
	if err != nil || got != "00-abc-def-01 false true" {
		t.Errorf("got %q, %v", got, err)
	}
}
