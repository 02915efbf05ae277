package interop_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin"
)

// order has the field names that NestJS's serializer takes for a Kafka message:
// a NestJS client that sends such an object loses all but these two.
type order struct {
	Key      string `json:"key"`
	Value    int    `json:"value"`
	Currency string `json:"currency"`
}

const unicode = "Grüße, 你好 🐦 <&> \u2028 \"q\" \\"

func siskinCallsNest(t *testing.T, n *nest) {
	n.nestServer(t)
	c := caller{n, n.siskinClient(t)}
	t.Run("Values", c.values)
	t.Run("Echo", c.echo)
	t.Run("Headers", c.headers)
	t.Run("Stream", c.streams)
	t.Run("Errors", c.errors)
	t.Run("LateReplyIsIgnored", c.lateReply)
	t.Run("ManyAtOnce", c.manyAtOnce)
	t.Run("SeveralPatternsAtOnce", c.severalPatterns)
	t.Run("TwoClientsOnOneReplyPartition", c.twoClients)
	t.Run("OneReplyTopicForAllPatterns", c.oneReplyTopic)
	t.Run("ReplyTopicWithSeveralPartitions", c.severalReplyPartitions)
}

// caller is a Siskin client of the NestJS server.
type caller struct {
	*nest
	client *siskin.Client
}

func (c caller) values(t *testing.T) {
	type nested struct {
		C struct{ D string }
	}
	type object struct {
		A      int
		B      []any
		Nested nested
	}
	t.Run("Number", answers(c, "sum", []float64{1, 2.5}, 3.5))
	t.Run("EmptyList", answers(c, "sum", []float64(nil), 0.0))
	t.Run("String", answers(c, "text", nil, `Grüße, "peer"`))
	t.Run("Object", answers(c, "object", nil, object{
		A: 1, B: []any{true, nil, "x"}, Nested: nested{C: struct{ D string }{"e"}},
	}))
	t.Run("Array", answers(c, "array", nil, []any{1.0, "two", nil, map[string]any{"three": 3.0}}))
	t.Run("VoidAsPointer", answers[*object](c, "void", nil, nil))
	t.Run("VoidAsAny", answers[any](c, "void", nil, nil))
	t.Run("VoidAsNothing", answers(c, "void", nil, struct{}{}))
}

func (c caller) echo(t *testing.T) {
	t.Run("Number", echoes(c, -42.25))
	t.Run("LargeNumber", echoes(c, -1e21))
	t.Run("SmallNumber", echoes(c, 1e-7))
	// A bare number stays text in NestJS, so all digits come back.
	t.Run("Int64", echoes(c, int64(9_007_199_254_740_993)))
	t.Run("Bool", echoes(c, true))
	t.Run("String", echoes(c, "text"))
	t.Run("EmptyString", echoes(c, ""))
	t.Run("Unicode", echoes(c, unicode))
	t.Run("List", echoes(c, []string{"a", "", unicode}))
	t.Run("EmptyList", echoes(c, []string{}))
	t.Run("Map", echoes(c, map[string]int{"a": 1, unicode: 2}))
	t.Run("StructWithValueAndKey", echoes(c, order{Key: "k", Value: 5, Currency: "€"}))
	t.Run("Pointer", echoes(c, &order{Value: 5}))
	t.Run("Nothing", echoes[*order](c, nil))
	t.Run("Large", echoes(c, strings.Repeat("large ", 100_000)))
}

// answers calls pattern and compares the reply.
func answers[Res any](c caller, pattern string, req any, want Res) func(*testing.T) {
	return func(t *testing.T) {
		got, err := siskin.Send[Res](c.ctx(t), c.client, c.topic(pattern), req)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("wrong reply (-want +got):\n%s", diff)
		}
	}
}

func echoes[T any](c caller, v T) func(*testing.T) { return answers(c, "echo", v, v) }

func (c caller) headers(t *testing.T) {
	got, err := siskin.Send[map[string]string](c.ctx(t), c.client, c.topic("headers"), "x",
		siskin.WithHeader("tenant", unicode), siskin.WithHeader("empty", ""), siskin.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	if id := got["kafka_correlationId"]; id == "" {
		t.Error("the request has no correlation id")
	}
	delete(got, "kafka_correlationId")
	delete(got, "siskin-timeout")
	want := map[string]string{
		"tenant": unicode, "empty": "", "kafka_replyTopic": c.topic("headers.reply"), "kafka_replyPartition": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong headers (-want +got):\n%s", diff)
	}
}

func (c caller) streams(t *testing.T) {
	count := map[string]int{"n": 5}
	for _, s := range []struct {
		name, pattern string
		want          []int
		err           string
	}{
		{name: "Count", pattern: "count", want: []int{1, 2, 3, 4, 5}},
		{name: "LateEnd", pattern: "late", want: []int{1, 2, 3, 4, 5}},
		{name: "Empty", pattern: "empty"},
		{name: "Single", pattern: "sum", want: []int{0}},
		{name: "ErrorAfterValues", pattern: "fail.after", want: []int{1, 2}, err: "after two"},
		{name: "ErrorOnly", pattern: "fail.text", err: "msg"},
	} {
		t.Run(s.name, func(t *testing.T) {
			var req any = count
			if s.pattern == "sum" {
				req = []int{}
			}
			got, err := collect(siskin.Stream[int](c.ctx(t), c.client, c.topic(s.pattern), req))
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("wrong values (-want +got):\n%s", diff)
			}
			if s.err == "" && err != nil || s.err != "" && !isRemote(err, s.err) {
				t.Errorf("got the error %v, want %q", err, s.err)
			}
		})
	}
	t.Run("LeftEarly", func(t *testing.T) {
		for v, err := range siskin.Stream[int](c.ctx(t), c.client, c.topic("count"), count) {
			if v != 1 || err != nil {
				t.Errorf("got %v, %v; want 1", v, err)
			}
			break
		}
		answers(c, "sum", []int{2, 3}, 5)(t)
	})
}

func collect[T any](stream iter.Seq2[T, error]) (values []T, err error) {
	for v, err := range stream {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

func isRemote(err error, message string) bool {
	e, ok := errors.AsType[*siskin.Error](err)
	return ok && e.Remote && e.Message == message
}

func (c caller) errors(t *testing.T) {
	for _, e := range []struct {
		pattern string
		want    siskin.Error
	}{
		{"fail.text", siskin.Error{Code: siskin.CodeUnknown, Message: "msg"}},
		{"fail.rpc", siskin.Error{
			Code: siskin.CodeUnknown, Message: "m", Details: []byte(`{"code":42,"message":"m"}`),
		}},
		{"fail.plain", siskin.Error{Code: siskin.CodeInternal, Message: "Internal server error"}},
	} {
		t.Run(e.pattern, func(t *testing.T) {
			_, err := siskin.Send[any](c.ctx(t), c.client, c.topic(e.pattern), "x")
			got, ok := errors.AsType[*siskin.Error](err)
			if !ok {
				t.Fatalf("got %v, want an error from the peer", err)
			}
			e.want.Remote = true
			if diff := cmp.Diff(&e.want, got, cmpopts.IgnoreUnexported(siskin.Error{})); diff != "" {
				t.Errorf("wrong error (-want +got):\n%s", diff)
			}
		})
	}
	// The handler takes it for a list and throws a TypeError.
	t.Run("WrongRequest", func(t *testing.T) {
		_, err := siskin.Send[any](c.ctx(t), c.client, c.topic("sum"), 7)
		if !isRemote(err, "Internal server error") || siskin.CodeOf(err) != siskin.CodeInternal {
			t.Errorf("got %v, want code internal", err)
		}
	})
}

func (c caller) lateReply(t *testing.T) {
	answers(c, "slow", map[string]int{"ms": 1}, 1)(t) // from here on a request is quick
	ms := map[string]int{"ms": 400}
	_, err := siskin.Send[int](c.ctx(t), c.client, c.topic("slow"), ms, siskin.WithTimeout(150*time.Millisecond))
	if !errors.Is(err, siskin.ErrNoReply) {
		t.Errorf("got %v, want %v", err, siskin.ErrNoReply)
	}
	answers(c, "slow", map[string]int{"ms": 2}, 2)(t) // its reply comes behind the late one
}

func (c caller) manyAtOnce(t *testing.T) { c.many(t, c.client, 64, "one") }

// many makes calls at once and checks that each gets its own reply.
func (c caller) many(t *testing.T, client *siskin.Client, calls int, who string) {
	ctx := c.ctx(t)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			want := fmt.Sprintf("%s %d", who, i)
			got, err := siskin.Send[string](ctx, client, c.topic("echo"), want)
			if err != nil || got != want {
				t.Errorf("sent %q, got %q, %v", want, got, err)
			}
		})
	}
	wg.Wait()
}

func (c caller) severalPatterns(t *testing.T) {
	c = caller{c.nest, c.siskinClient(t)} // one that knows none of them yet
	var wg sync.WaitGroup
	for i := range 5 {
		n := float64(i)
		wg.Go(func() { answers(c, "sum", []float64{n, n}, 2*n)(t) })
		wg.Go(func() { answers(c, "echo", n, n)(t) })
		wg.Go(func() { answers(c, "text", nil, `Grüße, "peer"`)(t) })
		wg.Go(func() { answers(c, "slow", map[string]float64{"ms": n}, n)(t) })
	}
	wg.Wait()
}

func (c caller) twoClients(t *testing.T) {
	second := c.siskinClient(t)
	var wg sync.WaitGroup
	wg.Go(func() { c.many(t, c.client, 32, "first") })
	wg.Go(func() { c.many(t, second, 32, "second") })
	wg.Wait()
}

func (c caller) oneReplyTopic(t *testing.T) {
	own := *c.nest
	own.cfg.ReplyTopic = c.topic("all.reply")
	c = caller{&own, own.siskinClient(t)}
	answers(c, "sum", []int{1, 2}, 3)(t)
	answers(c, "echo", "x", "x")(t)
	if got := c.replyTopicOf(t, "0"); got != own.cfg.ReplyTopic {
		t.Errorf("the reply topic is %q, want %q", got, own.cfg.ReplyTopic)
	}
}

// replyTopicOf asks the server for the reply topic that the client named, and
// checks that the partition is one of those allowed.
func (c caller) replyTopicOf(t *testing.T, partitions ...string) string {
	t.Helper()
	got, err := siskin.Send[map[string]string](c.ctx(t), c.client, c.topic("headers"), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions {
		if got["kafka_replyPartition"] == p {
			return got["kafka_replyTopic"]
		}
	}
	t.Errorf("the reply partition is %q, want one of %q", got["kafka_replyPartition"], partitions)
	return got["kafka_replyTopic"]
}

// Each client picks a partition at random.
func (c caller) severalReplyPartitions(t *testing.T) {
	own := *c.nest
	own.cfg.ReplyTopic, own.cfg.Partitions = c.topic("spread.reply"), 3
	for range 6 {
		c := caller{&own, own.siskinClient(t)}
		c.replyTopicOf(t, "0", "1", "2")
		c.many(t, c.client, 5, "spread")
	}
}
