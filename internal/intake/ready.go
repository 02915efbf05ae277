package intake

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// A group that starts at the end must know where that was, for each partition,
// before anybody sends. What this member owns it has committed itself. But others
// may not yet have done so for theirs, and a partition on its way from a member
// that never learnt where it starts to one that does not know of it yet has no
// position at all: the new owner would take the end of that later moment.

// joined calls Joined as soon as nothing that is sent from then on can be missed.
func (in *Intake) joined() {
	switch {
	case in.settled.Load(), in.cfg.NestJS, in.cfg.Start.fixed():
		in.cfg.Joined() // NestJS servers do not commit where they start
	case !in.waiting.Swap(true):
		in.tasks.Go(func() {
			defer in.waiting.Store(false)
			in.awaitCommits()
		})
	}
}

// fixed says whether each member comes to the same position, whenever it looks.
func (s Start) fixed() bool { return s.Beginning || !s.At.IsZero() }

// commitLook is the time between two looks at what the group has committed.
const commitLook = 100 * time.Millisecond

// awaitCommits calls Joined when each partition has a commit.
func (in *Intake) awaitCommits() {
	ticker := time.NewTicker(commitLook)
	defer ticker.Stop()
	for {
		if in.allCommitted(in.session) {
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

// allCommitted reports whether the group has a position for each partition of this
// member's topics.
func (in *Intake) allCommitted(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	admin := kadm.NewClient(in.client)
	topics, err := admin.ListTopics(ctx, in.listed()...)
	if err != nil {
		return false
	}
	committed, err := admin.FetchOffsets(ctx, in.cfg.Group)
	if err != nil {
		return false
	}
	for topic, d := range topics {
		if d.Err != nil || !in.isRead(topic) { // one that does not exist starts at its beginning
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
