package intake

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pressure is how a full partition holds back what is fetched for it.
//
// To pause it is not enough, and costs much: what is fetched for a paused partition is
// thrown away and fetched again; and a fetch for the others alone waits at the broker
// until they have something, while the one that is resumed cannot be fetched. So a
// partition that will soon have room is not paused: the poll loop waits for it. One that
// will not is paused before the next fetch is made.
type pressure struct {
	mu     sync.Mutex
	state  atomic.Int32
	coming atomic.Bool   // records were fetched and are not in the lane yet
	room   chan struct{} // holds a token when an awaited partition has room

	crowded time.Time     // when it was last found full
	full    int           // how many records were unfinished then
	each    time.Duration // how long one of them took, until there was room
}

// What a partition's state can be.
const (
	flows   int32 = iota
	awaited       // the poll loop waits for room
	paused        // it is not fetched
)

const (
	// fetchWait is how long the broker holds a fetch that finds nothing. A partition
	// that is resumed meanwhile is first read after that: it must not be longer than
	// what is left in a lane that is resumed lasts.
	fetchWait = 100 * time.Millisecond
	// longPatience is how long the poll loop waits for a full partition while the
	// others have nothing. With fewer records a second than a fetch brings in that
	// time, there is enough in the lane for fetchWait.
	longPatience = 50 * time.Millisecond
	// shortPatience is how long it waits while they have.
	shortPatience = 5 * time.Millisecond
	// busy is how long a partition that was full counts as one of those that are.
	busy = time.Second
)

// brake looks for partitions that are full with what has just been fetched. It comes
// first after a poll: the client makes its next fetch at once.
func (in *Intake) brake(fetches kgo.Fetches, now time.Time) {
	in.patience = in.silence.patience(now)
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		p := in.find(key{f.Topic, f.Partition})
		if p == nil || len(f.Records) == 0 {
			return
		}
		p.coming.Store(true)
		switch over, lasts := p.excess(f.Records); {
		case over <= 0 && now.Sub(p.pressure.crowded) > busy:
			in.silence.end(now)
		case over <= 0:
		case lasts > in.patience:
			p.pause()
		case p.state.CompareAndSwap(flows, awaited):
			in.awaited = append(in.awaited, p)
		}
	})
}

// silence is how long there is nothing for partitions that are not full. A fetch for them
// waits so long at the broker.
type silence struct {
	since time.Time
	last  time.Duration
}

func (s *silence) end(now time.Time) {
	if now.After(s.since) { // not twice in a poll
		s.last, s.since = now.Sub(s.since), now
	}
}

// patience is how long it is better to wait for a full partition, which can hold up the
// others, than to pause it, which can make it wait for the others' silence to end.
func (s *silence) patience(now time.Time) time.Duration {
	return max(shortPatience, min(max(s.last, now.Sub(s.since))/2, longPatience))
}

// excess is how many records too many the partition has with those that come, and how
// long they will last. Their bytes are estimated by the first one.
func (p *partition) excess(coming []*kgo.Record) (over int, lasts time.Duration) {
	p.pressure.mu.Lock()
	defer p.pressure.mu.Unlock()
	cfg, size := &p.in.cfg, p.marks.Size()
	n, bytes := len(coming), 1+len(coming[0].Key)+len(coming[0].Value)
	over = max(p.lane.Held()+n-cfg.QueueLimit, size.Span+n-cfg.UncommittedLimit, (size.Bytes-cfg.QueueBytes)/bytes+n)
	return over, time.Duration(over) * p.each
}

// pushed ends what brake began: the records are in the lane, which is full or not.
func (p *partition) pushed(full bool, now time.Time) {
	p.coming.Store(false)
	if full && p.state.Load() == flows {
		p.pause()
	}
	if p.state.Load() == flows {
		return
	}
	p.pressure.mu.Lock()
	p.crowded, p.full = now, p.marks.Size().Unfinished
	p.pressure.mu.Unlock()
	p.lane.Hurry()
	p.relax()
}

// breathe waits for partitions that will have room soon. The caller is not in the gate: a
// rebalance may go on.
func (in *Intake) breathe(ctx context.Context) {
	if len(in.awaited) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, in.patience)
	defer cancel()
	for _, p := range in.awaited {
		p.await(ctx)
	}
}

func (p *partition) await(ctx context.Context) {
	for p.state.Load() == awaited {
		select {
		case <-p.room:
		case <-p.ctx.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// giveUp pauses what was awaited in vain. The caller is in the gate, so that no new
// generation is paused instead.
func (in *Intake) giveUp() {
	for _, p := range in.awaited {
		if p.state.Load() == awaited && in.find(p.key) == p {
			p.pause()
		}
	}
	clear(in.awaited)
	in.awaited = in.awaited[:0]
}

// left is called when the lane has one record less.
func (p *partition) left(held int) {
	switch limit := p.in.cfg.QueueLimit; p.state.Load() {
	case awaited:
		if held <= limit {
			p.relax()
		}
	case paused:
		if held <= low(limit) {
			p.relax()
		}
	}
}

// eased is called when records have got their outcome.
func (p *partition) eased(size commit.Size) {
	if p.state.Load() != flows && size.Span <= p.in.cfg.UncommittedLimit && size.Bytes <= p.in.cfg.QueueBytes {
		p.relax()
	}
}

// pause stops fetching. The partition can drain meanwhile, so its size is looked at
// again under the lock that relax takes.
func (p *partition) pause() {
	p.pressure.mu.Lock()
	defer p.pressure.mu.Unlock()
	p.state.Store(paused)
	p.in.client.PauseFetchPartitions(map[string][]int32{p.key.topic: {p.key.partition}})
	if p.roomy() {
		p.unpause()
		return
	}
	p.lane.Hurry()
}

// relax goes on fetching when there is room.
func (p *partition) relax() {
	p.pressure.mu.Lock()
	defer p.pressure.mu.Unlock()
	switch p.state.Load() {
	case awaited:
		if p.coming.Load() || p.in.full(p.lane.Held(), p.marks.Size()) {
			return
		}
		p.state.Store(flows)
		select {
		case p.room <- struct{}{}:
		default:
		}
	case paused:
		if !p.roomy() {
			return
		}
		p.unpause()
	default:
		return
	}
	if ended := p.full - p.marks.Size().Unfinished; ended > 0 {
		p.each = time.Since(p.crowded) / time.Duration(ended)
	}
}

func (p *partition) unpause() {
	p.state.Store(flows)
	if !p.closed.Load() {
		p.in.client.ResumeFetchPartitions(map[string][]int32{p.key.topic: {p.key.partition}})
	}
}

// full counts what the lane holds, what lies behind the oldest unfinished record,
// and the bytes of what is unfinished. A record whose reply or commit is still to
// come is not in the first: one dead reply topic must not fill the queue for the
// callers of all others.
func (in *Intake) full(held int, s commit.Size) bool {
	return held > in.cfg.QueueLimit || s.Span > in.cfg.UncommittedLimit || s.Bytes > in.cfg.QueueBytes
}

// low is the part of a bound at which a paused partition is resumed.
func low(bound int) int { return bound - bound/4 }

// roomy is below full: what is left lasts until the next fetch is there.
func (p *partition) roomy() bool {
	if p.coming.Load() || p.heldBack() {
		return false
	}
	cfg, size := &p.in.cfg, p.marks.Size()
	return p.lane.Held() <= low(cfg.QueueLimit) && size.Span <= low(cfg.UncommittedLimit) && size.Bytes <= low(cfg.QueueBytes)
}
