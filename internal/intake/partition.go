package intake

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is one assigned partition during one assignment. A partition that
// comes back later gets a new one, so nothing of the old generation can leak
// into it.
type partition struct {
	key    key
	marks  *commit.Partition
	lane   *lane.Lane
	cancel context.CancelFunc
	resume func()

	pauseMu  sync.Mutex
	isPaused bool

	last int64 // offset of the last record pushed; only the poll loop touches it
}

func (in *Intake) newPartition(k key) *partition {
	ctx, cancel := context.WithCancel(context.Background())
	p := &partition{key: k, marks: commit.NewPartition(), cancel: cancel, last: -1}
	p.resume = func() { in.client.ResumeFetchPartitions(map[string][]int32{k.topic: {k.partition}}) }
	p.lane = lane.Start(in.cfg.QueueLimit, func(rec *kgo.Record) {
		mark := p.marks.Begin(rec.Offset, rec.LeaderEpoch)
		in.cfg.Serve(ctx, Item{Record: rec, marks: p.marks, mark: mark, dirty: in.wakeCommits})
	}, p.room)
	return p
}

// push hands records to the lane and reports whether the partition must be
// paused. A fetch that was polled before a rebalance can repeat records of the
// same partition; those are left out.
func (p *partition) push(records []*kgo.Record) (full bool) {
	for len(records) > 0 && records[0].Offset <= p.last {
		records = records[1:]
	}
	if len(records) == 0 {
		return false
	}
	p.last = records[len(records)-1].Offset
	return p.lane.Push(records)
}

// pause stops fetching while the lane is full. The lane can drain between push
// and pause, so its depth is looked at again under the lock that room takes: a
// lane that is still full will call room later, and room resumes.
func (p *partition) pause(client *kgo.Client) {
	p.pauseMu.Lock()
	defer p.pauseMu.Unlock()
	if p.lane.Full() {
		client.PauseFetchPartitions(map[string][]int32{p.key.topic: {p.key.partition}})
		p.isPaused = true
	}
}

// room resumes fetching when the lane has room again.
func (p *partition) room() {
	p.pauseMu.Lock()
	defer p.pauseMu.Unlock()
	if p.isPaused {
		p.resume()
		p.isPaused = false
	}
}

// stopAll ends partitions: records that have not begun are dropped, running
// handlers and replies under way get until drain to finish, then their context
// ends. It reports whether all finished in time.
func stopAll(parts []*partition, drain time.Duration) bool {
	for _, p := range parts {
		p.lane.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var wg sync.WaitGroup
	var late atomic.Bool
	for _, p := range parts {
		wg.Go(func() {
			if p.finish(ctx) != nil {
				late.Store(true)
			}
			p.cancel()
		})
	}
	wg.Wait()
	return !late.Load()
}

func (p *partition) finish(ctx context.Context) error {
	select {
	case <-p.lane.Ended():
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.marks.Wait(ctx)
}
