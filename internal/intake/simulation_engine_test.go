//go:build synctests

package intake_test

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// settings are what a run varies of the engine's configuration.
type settings struct {
	queueLimit     int
	commitInterval time.Duration
	drain          time.Duration
	session        time.Duration
	order          order
	concurrency    int
	smallFetches   bool
}

// order is which records are served one after the other.
type order string

const (
	byKey       order = "by key"
	byPartition order = "by partition"
	noOrder     order = "no order"
)

// hooks are where the engine meets the simulation.
type hooks struct {
	serve  func(context.Context, intake.Item)
	joined func()
	emit   events.Sink
}

// engine is the configuration of a member.
func engine(s settings, atEnd bool, h hooks, options ...kgo.Opt) intake.Config {
	return intake.Config{
		Options: options, Group: group,
		Serve: h.serve, Joined: h.joined, Emit: h.emit,
		QueueLimit: s.queueLimit, CommitInterval: s.commitInterval, Drain: s.drain, Session: s.session,
		Start: intake.Start{Beginning: !atEnd},
	}
}

// What this engine does not promise (yet).
const (
	// queueSlack is how many records more than the limit a partition can hold
	// next to one fetch: those that left the queue together to be served.
	queueSlack = 64
	// settledCounts says that a record counts until its outcome is final. If
	// not, it counts until its handler has returned.
	settledCounts = false
	// goesBack says that the group's position can go back. A member that was
	// thought dead learns it when it commits or joins. The Kafka client then
	// joins under a new id without a word about lost partitions, and the next
	// commit under that id is taken for partitions that others own by then.
	goesBack = true
	// stopsLate says that a member that stops while the group rebalances waits
	// for the end of that: closing the Kafka client does, without a limit.
	stopsLate = true
)

// letGo ends a goroutine that the Kafka client can leave behind: with
// BlockRebalanceOnPoll, its Close polls once more and never releases that poll,
// and a second leave of the group waits for it for ever.
func letGo(client *kgo.Client) {
	time.Sleep(time.Second)
	client.AllowRebalance()
}
