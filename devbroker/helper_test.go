package devbroker_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// patience bounds whatever a test waits for.
const patience = 20 * time.Second

// start runs a broker on any free port until the test ends.
func start(t *testing.T, cfg devbroker.Config) *devbroker.Broker {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	b, err := devbroker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return b
}

func closeBroker(t *testing.T, b *devbroker.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// lastPort makes the ports of this process's tests differ. They lie below the
// range that systems hand out by themselves, so nothing takes one while its
// broker is away.
var lastPort atomic.Int32

// freePort is a port that nobody listens on, and no other test is given.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 21000 + int(lastPort.Add(10)) // room for next free ones
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// client connects to the broker at addr until the test ends.
func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)
	c, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// produce sends the values to a topic in order and waits for them.
func produce(t *testing.T, c *kgo.Client, topic string, values ...string) {
	t.Helper()
	ctx := testContext(t)
	for _, v := range values {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatalf("produce %q to %s: %v", v, topic, err)
		}
	}
}

// consume polls n records and returns their values.
func consume(t *testing.T, c *kgo.Client, n int) []string {
	t.Helper()
	ctx := testContext(t)
	var values []string
	for len(values) < n {
		fetches := c.PollRecords(ctx, n-len(values))
		if err := ctx.Err(); err != nil {
			t.Fatalf("%d of %d records after %v: %q", len(values), n, patience, values)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// readAll reads n records of a topic from its start, without a group.
func readAll(t *testing.T, addr, topic string, n int) []string {
	t.Helper()
	c := client(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	return consume(t, c, n)
}

// consumeGroup reads n records as a group member, commits them and leaves.
func consumeGroup(t *testing.T, addr, group, topic string, n int) []string {
	t.Helper()
	c := client(t, addr, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	values := consume(t, c, n)
	if err := c.CommitUncommittedOffsets(testContext(t)); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return values
}

// committed is the offset that a group committed for partition 0 of a topic.
func committed(t *testing.T, addr, group, topic string) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(client(t, addr)).FetchOffsets(testContext(t), group)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := offsets.Lookup(topic, 0)
	if !ok {
		t.Fatalf("group %s has no offset for %s", group, topic)
	}
	return o.At
}

// endOffset is the end of partition 0 of a topic.
func endOffset(t *testing.T, addr, topic string) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(client(t, addr)).ListEndOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := offsets.Lookup(topic, 0)
	if !ok || o.Err != nil {
		t.Fatalf("no end offset of %s: %v", topic, o.Err)
	}
	return o.Offset
}
