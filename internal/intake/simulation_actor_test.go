//go:build synctests

package intake_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// actor is a member of the group: what would be a process.
type actor struct {
	name   string
	link   *link
	joined chan struct{} // closed at the first Joined
	cancel context.CancelFunc
	ended  chan struct{}
	ledger *ledger
	client *kgo.Client
	in     *intake.Intake
	script script
	copies *kgo.Client // writes to the retry topics; nil without
}

func (p *play) newActor(l lifeline) *actor {
	name := l.name
	a := &actor{
		name: name, link: newLink(&p.cluster.network, &p.cluster.late, p.script.seed, name), ledger: p.ledger,
		script: p.script,
		joined: make(chan struct{}), ended: make(chan struct{}),
	}
	p.ledger.joins(name)
	w := &worker{seed: p.script.seed, settings: p.script.settings, who: name, ledger: p.ledger, replies: &p.replies}
	cfg := engine(p.script.settings, p.script.atEnd, hooks{
		serve: w.serve, batch: w.serveBatch, joined: sync.OnceFunc(func() { close(a.joined) }), emit: a.emit,
	}, a.options(p.script)...)
	cfg.Topics = slices.Sorted(maps.Keys(p.script.topics))
	cfg.NestJS = l.kind != plain
	if l.kind == foreign {
		cfg.Options = append(cfg.Options, kgo.Balancers(new(balance.RoundRobin)))
	}
	if p.script.settings.retries != inPlace {
		a.copies = a.newProducer(p)
		cfg.Retries = a.retries()
	}
	in, err := intake.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	a.in = in
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() {
		defer close(a.ended)
		if _, err := in.Run(ctx); err != nil {
			p.t.Errorf("%s ends with %v", name, err)
		}
		if a.copies != nil {
			a.copies.Close()
		}
		p.ledger.stopped(name)
	}()
	return a
}

func (a *actor) options(s script) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers("127.0.0.1:9092"), kgo.ClientID(a.name), kgo.DisableClientMetrics(), kgo.Dialer(a.link.dial), kgo.WithHooks(a),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.FetchMaxWait(500 * time.Millisecond),
	}
	if s.settings.smallFetches {
		opts = append(opts, kgo.FetchMaxPartitionBytes(1)) // one batch
	}
	return opts
}

func (a *actor) stop() {
	a.cancel()
	<-a.ended
}

func (a *actor) emit(e events.Event) { a.ledger.emitted(a.name, e) }

// OnFetchRecordUnbuffered is a hook of the Kafka client, called between a poll and
// what the engine does with its records. Now and then the process stands still
// there: long enough for a rebalance, or for two.
func (a *actor) OnFetchRecordUnbuffered(r *kgo.Record, _ bool) {
	a.ledger.sees(r)
	rng := rand.New(rand.NewPCG(a.script.seed, hash("stall", a.name, r.Topic, r.Partition, r.Offset)))
	if rng.IntN(100) == 0 {
		time.Sleep(between(rng, 0, 2*a.script.settings.session))
	}
}

// OnNewClient is a hook of the Kafka client.
func (a *actor) OnNewClient(client *kgo.Client) {
	if client.OptValue(kgo.ConsumerGroup) == group {
		a.client = client
	}
}

// OnPollStart is a hook of the Kafka client.
func (a *actor) OnPollStart(context.Context) {
	if pollsRetries() {
		return
	}
	paused := a.client.PauseFetchPartitions(nil)
	a.ledger.polls(a.name, paused, a.in.Info().Partitions)
}
