package inbox

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ends returns the end offsets of topic's partitions, after making the topic
// where it is missing. A topic that was just made takes a moment to reach all
// brokers, so it asks again for a while.
//
// It makes sure first and asks then: asking for the offsets of a topic that
// does not exist makes the Kafka client remember that it does not.
func (in *Inbox) ends(topic string) (map[int32]kadm.ListedOffset, error) {
	if err := in.cfg.Ensure(in.ctx, topic); err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		listed, err := in.offsets.Ask(in.ctx, topic)
		if err == nil && usable(listed[topic]) || tries == mostTries {
			return listed[topic], err
		}
		select {
		case <-time.After(time.Duration(tries) * 20 * time.Millisecond):
		case <-in.ctx.Done():
			return nil, in.ctx.Err()
		}
	}
}

// mostTries makes ends give up after about four seconds.
const mostTries = 20

func usable(parts map[int32]kadm.ListedOffset) bool {
	for _, p := range parts {
		if p.Err == nil {
			return true
		}
	}
	return false
}

var errNoPartition = errors.New("no partition of it can be read now; is the broker that leads it away?")

// choose picks a partition at random, so that many clients spread. Partitions
// that this client has seen appearing are left alone while older ones exist: a
// NestJS server drops replies to a partition that it does not know yet.
func (in *Inbox) choose(topic string, ends map[int32]kadm.ListedOffset, avoid int32) (int32, int64, error) {
	in.mu.Lock()
	if in.known[topic] == 0 {
		in.known[topic] = int32(len(ends))
	}
	known := in.known[topic]
	in.mu.Unlock()

	var best, spare []kadm.ListedOffset
	var failed error
	for _, end := range ends {
		switch {
		case end.Err != nil:
			failed = end.Err
		case end.Partition < known && end.Partition != avoid:
			best = append(best, end)
		default:
			spare = append(spare, end)
		}
	}
	if len(best) == 0 {
		best = spare
	}
	if len(best) == 0 {
		return 0, 0, errors.Join(errNoPartition, failed)
	}
	end := best[rand.IntN(len(best))]
	return end.Partition, end.Offset, nil
}

// patience is how many calls in a row may time out on a route before new calls
// use another one.
const patience = 3

// TimedOut notes a call whose request was stored and not answered in time.
func (in *Inbox) TimedOut(r *Route) {
	if r.timeouts.Add(1) != patience {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.routes[r.Topic]
	if s == nil || in.closed || in.known[r.Topic] < 2 || !current(s, r) {
		return
	}
	next := &slot{ready: make(chan struct{})}
	in.routes[r.Topic] = next
	in.ready.Delete(r.Topic)
	in.tasks.Go(func() { in.make(r.Topic, next, r.Partition) })
	in.cfg.Emit(events.RouteLeft{ReplyTopic: r.Topic, Partition: r.Partition, Reason: "its calls time out"})
}

// current reports whether the slot holds r.
func current(s *slot, r *Route) bool {
	select {
	case <-s.ready:
		return s.route == r
	default:
		return false
	}
}

// Answered notes that a reply arrived on the route.
func (r *Route) Answered() {
	if r.timeouts.Load() != 0 {
		r.timeouts.Store(0)
	}
}

// gone reports whether a fetch error means that the partition does not exist.
func gone(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) ||
		errors.Is(err, kerr.InconsistentTopicID)
}
