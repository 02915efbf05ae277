package redrive

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/siskin-go/siskin/internal/letter"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"
)

// RunOptions are what a client needs for Run on topic. largest is the largest record
// that is sent, in bytes.
func RunOptions(topic string, largest int) []kgo.Opt {
	return append(ReadOptions(),
		kgo.TransactionalID(Group(topic)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // kafkajs can read nothing but gzip
		kgo.ProducerBatchMaxBytes(int32(min(largest, math.MaxInt32))),
		kgo.ProducerLinger(0),
	)
}

// ErrTakenOver is another redrive of the topic that has begun meanwhile.
var ErrTakenOver = errors.New("another redrive of this topic has begun and taken over")

// Run puts the chosen letters back. Each goes in one transaction with the position
// that says so: however a run ends, at a kill too, a reader of committed records
// finds each letter once when a later run has ended. client is made with RunOptions.
func (j Job) Run(ctx context.Context, client *kgo.Client) error {
	admin := kadm.NewClient(client)
	// The id ends what another run has left open, and that run itself.
	if _, _, err := client.ProducerID(ctx); err != nil {
		return fmt.Errorf("begin to redrive as %s: %w", Group(j.Topic.Name), j.words(err))
	}
	if err := j.Topic.Recall(kadm.RequireStable(ctx), admin); err != nil {
		return err
	}
	j.Topic.pass()
	r := &run{
		Job: j, client: client, targets: newTargets(admin), limit: j.limit(), limiter: rate.NewLimiter(rate.Inf, 0),
		read: make(map[*Partition]int64),
	}
	for _, p := range j.Topic.Partitions {
		r.read[p] = p.Begin
	}
	size := most
	if j.Batch > 0 {
		size = min(most, j.Batch)
	}
	if j.Rate > 0 {
		size = int(max(1, min(rate.Limit(size), j.Rate/10)))
		r.limiter = rate.NewLimiter(j.Rate, size)
	}
	err := read(ctx, client, []*Topic{j.Topic}, size, func(letters []letter.Letter) error {
		return r.next(ctx, letters)
	})
	if err != nil {
		return err
	}
	// The broker ends a transaction a moment after it has said so. Who asks for the
	// ledger behind this run must see it.
	return j.Topic.Recall(kadm.RequireStable(ctx), admin)
}

// run is a Job under way.
type run struct {
	Job

	client  *kgo.Client
	targets *targets
	limit   *limit
	limiter *rate.Limiter
	read    map[*Partition]int64 // behind the last letter that was read
}

// next puts some letters back and reports what became of them.
func (r *run) next(ctx context.Context, letters []letter.Letter) error {
	steps, end, err := r.choose(ctx, letters)
	if err != nil {
		return err
	}
	if err := r.send(ctx, steps); err != nil {
		return err
	}
	for _, step := range steps {
		if err := r.Report(step.Step); err != nil {
			return err
		}
	}
	return end
}

// choice is a letter with the offset from which on it is the first one: what is
// between two letters is no letter, and counts as redriven with the second.
type choice struct {
	Step

	first int64
}

// choose returns what is to become of letters, and errEnough at the limit.
func (r *run) choose(ctx context.Context, letters []letter.Letter) (steps []choice, end, err error) {
	for _, l := range letters {
		step, chosen, err := r.decide(ctx, r.targets, l)
		if err != nil {
			return nil, nil, err
		}
		if step.Back != nil && !r.limit.take() {
			return steps, errEnough, nil
		}
		p := r.Topic.partition(l.Record.Partition)
		if chosen {
			steps = append(steps, choice{step, r.read[p]})
		}
		r.read[p] = l.Record.Offset + 1
	}
	return steps, nil, nil
}

// send puts letters back in one transaction. One that is too large is left.
func (r *run) send(ctx context.Context, steps []choice) error {
	for {
		var records []*kgo.Record
		ledgers := make(map[*Partition]Ledger)
		for _, step := range steps {
			if step.Back == nil {
				continue
			}
			records = append(records, step.Back)
			p := r.Topic.partition(step.Letter.Record.Partition)
			ledger, ok := ledgers[p]
			if !ok {
				ledger = p.Ledger.Clone()
			}
			ledger.Add(step.first, step.Letter.Record.Offset+1)
			ledgers[p] = ledger
		}
		if len(records) == 0 {
			return nil
		}
		if err := r.limiter.WaitN(ctx, len(records)); err != nil {
			return err
		}
		large, err := r.transact(ctx, records, ledgers)
		if large == nil {
			if err != nil {
				return r.words(err)
			}
			for p, ledger := range ledgers {
				p.Ledger = ledger
			}
			return nil
		}
		for i := range steps {
			if steps[i].Back == large {
				steps[i].Back, steps[i].Left = nil, fmt.Sprintf("it is too large for %s: %v", large.Topic, err)
			}
		}
	}
}

// words makes an error of a transaction one that a person can act on.
func (j Job) words(err error) error {
	if errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced) {
		return fmt.Errorf("%w (%w)", ErrTakenOver, err)
	}
	if errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		return security.OnTransaction(Group(j.Topic.Name), err)
	}
	return security.OnGroup(Group(j.Topic.Name), err)
}
