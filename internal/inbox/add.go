package inbox

import (
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// addition is a route that the reader must take over.
type addition struct {
	*Route
	offset int64
}

// add makes the reader take a route over. Those that come while it takes others over
// wait for that: each time costs more with each route that is read, and one that is
// added while the library asks for the topics of others is put off by it for a second.
// The caller holds mu.
func (in *Inbox) add(a addition) {
	in.added = append(in.added, a)
	if !in.adding {
		in.adding = true
		in.tasks.Go(in.addAll)
	}
}

// othersWait is how long routes wait for others that the reader takes over. One of
// these can have lost its leader.
const othersWait = 100 * time.Millisecond

// addAll takes over what there is to take over.
func (in *Inbox) addAll() {
	for {
		together := in.addTogether()
		if len(together) == 0 {
			return
		}
		over := make(chan struct{})
		in.tasks.Go(func() { in.hurry(together, over) })
		select {
		case <-over:
		case <-time.After(othersWait):
		case <-in.ctx.Done():
		}
	}
}

// addFirst waits until the reader has taken over the route that it was made with.
func (in *Inbox) addFirst(a addition) {
	in.settle([]addition{a}, othersWait)
	in.addAll()
}

// addTogether gives the reader all routes that wait, and returns them.
func (in *Inbox) addTogether() []addition {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	together := in.added
	in.added = nil
	if in.closed || len(together) == 0 {
		in.adding = false
		return nil
	}
	where := make(map[string]map[int32]kgo.Offset, len(together))
	for _, a := range together {
		if where[a.Topic] == nil {
			where[a.Topic] = make(map[int32]kgo.Offset, 1)
		}
		where[a.Topic][a.Partition] = kgo.NewOffset().At(a.offset)
	}
	in.reader.AddConsumePartitions(where)
	return together
}

// forget takes back the additions of a topic that is not read any more. The caller
// holds mu.
func (in *Inbox) forget(topic string) {
	in.added = slices.DeleteFunc(in.added, func(a addition) bool { return a.Topic == topic })
}

// hurry makes the reader fetch new routes at once. Routes that are added while a
// fetch waits at the broker are otherwise read only when that fetch ends.
//
// It restarts the fetches when the reader knows the partitions, unless they go on by
// themselves. The library takes a partition over a moment after it knows it, so this
// can come too early, and one that was put off needs two: it goes on until there is a
// reply. SetOffsets restarts them for any topic, also for one that is not read. It
// closes over when the library can be given others.
func (in *Inbox) hurry(together []addition, over chan<- struct{}) {
	polls := in.settle(together, fetchWait)
	if in.polls.Load() == polls {
		in.restart()
	}
	close(over)
	for wait := firstRestart; wait < fetchWait; wait *= 2 {
		in.await(wait, func() bool { return !slices.ContainsFunc(together, unheard) })
		if !slices.ContainsFunc(together, unheard) {
			return
		}
		in.restart()
	}
}

// firstRestart is when there should have been a reply.
const firstRestart = 20 * time.Millisecond

// settle returns when the reader has taken over partitions, but after most, and with
// the number of polls when it knew them.
func (in *Inbox) settle(together []addition, most time.Duration) (polls uint64) {
	in.await(most, func() bool { return !slices.ContainsFunc(together, in.unknown) })
	polls = in.polls.Load()
	in.await(2*time.Millisecond, func() bool { return false })
	return polls
}

// await asks each millisecond whether there is something, but not for longer than most.
func (in *Inbox) await(most time.Duration, there func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); in.ctx.Err() == nil && !there() && time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-in.ctx.Done():
		}
	}
}

// unknown reports whether the reader does not yet know who leads a partition.
func (in *Inbox) unknown(a addition) bool {
	leader, _, _ := in.reader.PartitionLeader(a.Topic, a.Partition)
	return leader < 0
}

func unheard(a addition) bool { return !a.heard.Load() }

// restart ends the fetches that wait at the brokers; the library starts new
// ones with all partitions that it knows by now. Those who ask while another one's
// restart runs share the next one: it costs more with each route that is read.
//
// The fetches of the last restart are let through first. Restarts are asked for
// where no reply comes; too many would be why none comes.
func (in *Inbox) restart() {
	asked := in.asked.Add(1)
	in.restarts.Lock()
	defer in.restarts.Unlock()
	if asked <= in.restarts.served {
		return
	}
	in.await(time.Until(in.restarts.at.Add(in.fetchTime())), func() bool { return in.polls.Load() != in.restarts.polls })
	if in.ctx.Err() != nil {
		return
	}
	in.restarts.served, in.restarts.polls, in.restarts.at = in.asked.Load(), in.polls.Load(), time.Now()
	in.reader.SetOffsets(map[string]map[int32]kgo.EpochOffset{"siskin.no-such-topic": {0: {Epoch: -1}}})
}

// restarts is the last restart. It is locked while one runs.
type restarts struct {
	sync.Mutex
	served uint64 // the last one who asked before it
	polls  uint64 // when it began
	at     time.Time
}

// fetchTime is how long fetches have that begin anew: each makes a connection and
// names all partitions.
func (in *Inbox) fetchTime() time.Duration {
	in.mu.Lock()
	defer in.mu.Unlock()
	return firstRestart + time.Duration(len(in.routes))*200*time.Microsecond
}
