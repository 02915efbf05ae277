package dedupe_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// childEnv makes the test binary an instance of the service: its settings, by
// spaces. It ends when its standard input does, so also when the test is killed.
const childEnv = "SISKIN_DEDUPE_CHILD"

// program is the service that is killed.
type program struct{ brokers, group, topic, effects, outcomes string }

func (p program) String() string {
	return strings.Join([]string{p.brokers, p.group, p.topic, p.effects, p.outcomes}, " ")
}

func (p program) config() siskin.Config {
	return siskin.Config{
		Brokers: strings.Split(p.brokers, ","), Group: p.group, Topics: "create", Logger: siskintest.Quiet(),
		CommitInterval: time.Minute, // so that all is delivered again after a kill
	}
}

// build returns the service. Its effect is a record on the topic for effects, and
// its reply names that record, so that no two runs answer the same.
func (p program) build() (*siskin.Service, *dedupe.TopicStore, *siskin.Client, error) {
	cfg := p.config()
	store, err := dedupe.NewTopicStore(cfg, p.outcomes, dedupe.Bounds{})
	if err != nil {
		return nil, nil, nil, err
	}
	once, err := dedupe.New(dedupe.Config{Name: "work", By: dedupe.ByHeader("id"), Store: store})
	if err != nil {
		return nil, nil, nil, err
	}
	client, err := siskin.NewClient(cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	svc, err := siskin.NewService(cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	siskin.Handle(svc, p.topic, func(ctx context.Context, _ string) (string, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		id, _ := d.Header("id")
		meta, err := client.Emit(ctx, p.effects, string(id))
		return fmt.Sprintf("effect %d", meta.Offset), err
	}, siskin.WithMiddleware(once))
	return svc, store, client, nil
}

// child is the process that is killed.
func child() {
	f := strings.Fields(os.Getenv(childEnv))
	svc, store, _, err := program{f[0], f[1], f[2], f[3], f[4]}.build()
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	go func() {
		if err := store.Ready(context.Background()); err != nil {
			panic(err)
		}
		if err := svc.Ready(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println("ready")
	}()
	panic(svc.Run(context.Background()))
}

// A process is killed with requests in flight, before it has committed anything.
// Its successor gets all of them again. Whoever had a reply gets the same one again,
// and there is one effect for each.
func TestAKilledProcess(t *testing.T) {
	t.Parallel()
	cfg := siskintest.Config(t)
	prog := program{
		strings.Join(cfg.Brokers, ","), cfg.Group,
		siskintest.Name("work"), siskintest.Name("effects"), siskintest.Name("outcomes"),
	}
	createTopic(t, cfg, prog.topic, 1)
	createTopic(t, cfg, prog.effects, 1)
	p := newPeer(t, cfg)

	kill := startChild(t, prog)
	const requests = 1_000
	var batch []*kgo.Record
	for i := range requests {
		id := fmt.Sprint(i)
		batch = append(batch, p.asking(prog.topic, 0, "x", id, header("id", id)))
	}
	p.produce(batch...)
	before := p.byCorrelation(100)
	kill()
	var answered []string
	for id := range before {
		answered = append(answered, id)
	}

	svc, store, client, err := prog.build()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	if err := store.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	siskintest.Run(t, svc)
	for i := range requests {
		p.request(prog.topic, "x", fmt.Sprintf("again-%d", i), header("id", fmt.Sprint(i)))
	}
	for again := 0; again < requests; {
		rec := p.read(1)[0]
		to, _ := wire.Last(rec.Headers, wire.CorrelationID)
		id, second := strings.CutPrefix(string(to), "again-")
		if second {
			again++
		}
		if want, ok := before[id]; ok && see(rec).Value != want.Value {
			t.Errorf("request %s got %q and then %q", id, want.Value, rec.Value)
		}
	}
	times := countEffects(t, cfg, prog.effects)
	for _, id := range answered {
		if times[id] != 1 {
			t.Errorf("request %s, which was answered, had %d effects", id, times[id])
		}
	}
	// A kill between an effect and its memory cannot be told from one before it.
	for i := range requests {
		if n := times[fmt.Sprint(i)]; n < 1 || n > 2 {
			t.Errorf("request %d had %d effects", i, n)
		}
	}
}

func startChild(t *testing.T, prog program) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+prog.String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return kill
}

// countEffects returns how many records each value has.
func countEffects(t *testing.T, cfg siskin.Config, topic string) map[string]int {
	t.Helper()
	client := rawClient(t, cfg)
	if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte("end")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	reader := rawClient(t, cfg, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	got := make(map[string]int)
	for {
		fetches := reader.PollFetches(testContext(t))
		for _, rec := range fetches.Records() {
			if string(rec.Value) == "end" {
				return got
			}
			got[string(rec.Value)]++
		}
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
	}
}
