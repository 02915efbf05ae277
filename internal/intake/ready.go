package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// A group that starts at the end must know where that was, for each partition,
// before anybody sends. What this member owns it has committed itself. But others
// may not yet have done so for theirs, and a partition on its way from a member
// that never learnt where it starts to one that does not know of it yet has no
// position at all: the new owner would take the end of that later moment.
//
// Nor may it miss a topic: a broker can say for a moment that one does not exist which
// was just made. This member then joins without it, and takes it over a little later,
// from the end of that moment.

// joined calls Joined as soon as nothing that is sent from then on can be missed.
func (in *Intake) joined() {
	switch {
	case in.settled.Load(), in.cfg.Start.fixed():
		in.cfg.Joined()
	case in.cfg.NestJS: // its servers do not commit where they start
		if in.sees() && in.placed() { // else this comes again: with the next join, or the commit of what is placed
			in.settled.Store(true)
			in.cfg.Joined()
		}
	case !in.waiting.Swap(true):
		in.tasks.Go(func() {
			defer in.waiting.Store(false)
			in.awaitStarts()
		})
	}
}

// fixed says whether each member comes to the same position, whenever it looks.
func (s Start) fixed() bool { return s.Beginning || !s.At.IsZero() }

// startsLook is the time between two looks at where the group has started.
const startsLook = 100 * time.Millisecond

// awaitStarts calls Joined when the group has started everywhere.
func (in *Intake) awaitStarts() {
	ticker := time.NewTicker(startsLook)
	defer ticker.Stop()
	for {
		if in.started(in.session) {
			in.settled.Store(true)
			in.cfg.Joined()
			return
		}
		select {
		case <-ticker.C:
		case <-in.session.Done():
			return
		}
	}
}

// sees reports whether the Kafka client knows each topic that has a handler, and has it
// look for those that it does not: with patterns it would do so only once in a while.
func (in *Intake) sees() bool {
	unseen := slices.ContainsFunc(in.cfg.Topics, func(name string) bool {
		leader, _, err := in.client.PartitionLeader(name, 0)
		return leader < 0 && !errors.Is(err, kerr.LeaderNotAvailable)
	})
	if unseen {
		in.client.ForceMetadataRefresh()
	}
	return !unseen
}

// started reports whether this member's topics are known, and the group has a position
// for each partition of them.
func (in *Intake) started(ctx context.Context) bool {
	if !in.sees() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	admin := kadm.NewClient(in.client)
	topics, err := admin.ListTopics(ctx, in.listed()...)
	if err != nil || !in.knows(topics) {
		return false
	}
	committed, err := admin.FetchOffsets(ctx, in.cfg.Group)
	return err == nil && in.allCommitted(topics, committed)
}

// knows reports whether a broker knows each topic that has a handler.
func (in *Intake) knows(topics kadm.TopicDetails) bool {
	return !slices.ContainsFunc(in.cfg.Topics, func(name string) bool {
		d, ok := topics[name]
		return !ok || d.Err != nil
	})
}

func (in *Intake) allCommitted(topics kadm.TopicDetails, committed kadm.OffsetResponses) bool {
	for topic, d := range topics {
		if !in.isRead(topic) {
			continue
		}
		for n := range d.Partitions {
			if c, ok := committed.Lookup(topic, n); !ok || c.Err != nil || c.At < 0 {
				return false
			}
		}
	}
	return true
}

// listed are the topics to ask for: none stands for all.
func (in *Intake) listed() []string {
	if len(in.cfg.Patterns) > 0 {
		return nil
	}
	return in.cfg.Topics
}

func (in *Intake) isRead(topic string) bool {
	return len(in.cfg.Patterns) == 0 || in.starts.reads(topic) || slices.Contains(in.cfg.Topics, topic)
}
