package siskin_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/siskin-go/siskin/status"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// admin is a client for what only an operator does.
func (b *bundle) admin() *kadm.Client {
	b.t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(kafka.Close)
	return kadm.NewClient(kafka)
}

// A handler of a pattern gets the topics that fit, also those that are made
// later, and of those everything.
func TestPatternsOfTopics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Refresh = 100 * time.Millisecond
	prefix := siskintest.Name("shop")
	client := b.client()
	for _, topic := range []string{prefix + ".a", prefix + ".named", prefix + ".a-dlt", prefix + ".a.reply"} {
		if _, err := client.Emit(b.ctx(), topic, "before the service"); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan string, 10)
	handler := func(name string) func(context.Context, string) error {
		return func(ctx context.Context, s string) error {
			d, _ := siskin.DeliveryFrom(ctx)
			got <- name + " " + strings.TrimPrefix(d.Topic(), prefix) + " " + s
			return nil
		}
	}
	svc := b.service()
	siskin.On(svc, "/^"+prefix+`\./`, handler("pattern"))
	siskin.On(svc, prefix+".named", handler("named"))
	b.run(svc)
	for topic, want := range map[string]string{
		prefix + ".a": "pattern .a x", prefix + ".named": "named .named x", prefix + ".later": "pattern .later x",
	} {
		if _, err := client.Emit(b.ctx(), topic, "x"); err != nil {
			t.Fatal(err)
		}
		if s := receive(t, got); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
	for _, topic := range []string{prefix + ".a-dlt", prefix + ".a.reply"} {
		if _, err := client.Emit(b.ctx(), topic, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range svc.Info().Partitions {
		if strings.HasSuffix(p.Topic, "-dlt") || strings.HasSuffix(p.Topic, ".reply") {
			t.Errorf("the service reads %s", p.Topic)
		}
	}
}

func TestAPatternForRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	prefix := siskintest.Name("calc")
	rpc := siskin.NewRPC[string, string](prefix + ".double")
	client := b.client()
	if err := client.Ready(b.ctx(), rpc); err != nil {
		t.Fatal(err)
	}
	svc := b.service()
	siskin.Handle(svc, "/"+prefix+"/", func(_ context.Context, s string) (string, error) { return s + s, nil })
	b.run(svc)
	if s, err := rpc.Send(b.ctx(), client, "x"); s != "xx" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestAPatternThatIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	svc := b.service()
	siskin.On(svc, "/(/", func(context.Context, string) error { return nil })
	siskin.On(svc, "/^fine/", func(context.Context, string) error { return nil })
	siskin.On(svc, "orders-dlt", func(context.Context, string) error { return nil })
	err := svc.Run(b.ctx())
	if err == nil || !strings.Contains(err.Error(), "missing closing") || !strings.Contains(err.Error(), `cannot read "orders-dlt"`) {
		t.Errorf("Run = %v", err)
	}
}

// Partitions that are added while a service runs are read from their beginning.
func TestPartitionsThatAreAdded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Refresh = 100 * time.Millisecond
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 10)
	svc := b.service()
	note.On(svc, func(_ context.Context, s string) error { got <- s; return nil })
	b.run(svc)
	client := b.client()
	emit(t, b, client, note, "", "before") // now the client knows how many there are
	if s := receive(t, got); s != "before" {
		t.Fatalf("got %q", s)
	}
	if _, err := b.admin().CreatePartitions(b.ctx(), 2, note.Pattern()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		// The broker may need a moment to tell of the partition.
		for ctx := b.ctx(); ; runtime.Gosched() {
			_, err := note.Emit(ctx, client, text, siskin.WithPartition(2), siskin.WithTimeout(time.Second))
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"first", "second"} {
		if s := receive(t, got); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
}

// A static member that ends without leaving keeps its place for its session, and
// the next process with its name takes it without a wait.
func TestAStaticMemberComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.InstanceID, b.cfg.Session = siskintest.Name("worker"), 30*time.Second
	rpc := siskin.NewRPC[string, string](siskintest.Name("rpc"))
	serve := func() (*siskin.Service, func() error) {
		svc := b.service()
		rpc.Handle(svc, upper)
		return svc, b.run(svc)
	}
	members := func(svc *siskin.Service) int {
		groups, err := b.admin().DescribeGroups(b.ctx(), svc.Config().Group)
		if err != nil {
			t.Fatal(err)
		}
		return len(groups[svc.Config().Group].Members)
	}
	client := b.client()
	svc, stop := serve()
	if _, err := rpc.Send(b.ctx(), client, "x"); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := members(svc); n != 1 {
		t.Errorf("%d members after a static one has stopped, want 1", n)
	}
	svc, stop = serve()
	if s, err := rpc.Send(b.ctx(), client, "again"); s != "AGAIN" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
	svc.Leave()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := members(svc); n != 0 {
		t.Errorf("%d members after a static one has left, want none", n)
	}
}

// Two processes with one name do not fight for their place: the older one ends.
func TestAStaticMemberThatIsReplacedEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.InstanceID = siskintest.Name("worker")
	rpc := siskin.NewRPC[string, string](siskintest.Name("rpc"))
	older := b.service()
	rpc.Handle(older, upper)
	_, ended := b.start(older)
	newer := b.service()
	rpc.Handle(newer, upper)
	b.run(newer)
	if err := receive(t, ended); !errors.Is(err, siskin.ErrFenced) {
		t.Errorf("the older one ends with %v, want %v", err, siskin.ErrFenced)
	}
	if h := older.Health(); h.OK() || h.Service.State != status.Ended {
		t.Errorf("health of the older one: %+v", h)
	}
	if s, err := rpc.Send(b.ctx(), b.client(), "x"); s != "X" || err != nil {
		t.Errorf("the newer one answers %q, %v", s, err)
	}
	if !newer.Health().OK() {
		t.Errorf("health of the newer one: %+v", newer.Health())
	}
}

// The group protocol in which the broker assigns (KIP-848).
func TestTheConsumerProtocol(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Protocol, b.cfg.Partitions = "consumer", 4
	rpc := siskin.NewRPC[string, string](siskintest.Name("rpc"))
	serve := func() (*siskin.Service, func() error) {
		svc := b.service()
		rpc.Handle(svc, upper)
		return svc, b.run(svc)
	}
	first, _ := serve()
	client := b.client()
	call := func() {
		t.Helper()
		for p := range int32(4) {
			if s, err := rpc.Send(b.ctx(), client, "x", siskin.WithPartition(p)); s != "X" || err != nil {
				t.Errorf("partition %d: %q, %v", p, s, err)
			}
		}
	}
	call()
	groups, err := b.admin().DescribeConsumerGroups(b.ctx(), first.Config().Group)
	if err != nil {
		t.Fatal(err)
	}
	if g := groups[first.Config().Group]; g.Err != nil || len(g.Members) != 1 {
		t.Errorf("the broker knows the consumer group as %+v", g)
	}
	_, stop := serve()
	wait(t, b.watch, func(e events.PartitionsRevoked) bool { return !e.Lost })
	call()
	if err := stop(); err != nil {
		t.Error(err)
	}
	call()
}
