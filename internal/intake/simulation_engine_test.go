//go:build synctests

package intake_test

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// settings are what a run varies of the engine's configuration.
type settings struct {
	queueLimit       int
	uncommittedLimit int
	commitInterval   time.Duration
	drain            time.Duration
	session          time.Duration
	order            order
	concurrency      int
	smallFetches     bool
	batch            int // records that are served together, or zero
	wait             time.Duration
	retries          retrying
	failing          int // of 100 records
}

// order is which records are served one after the other.
type order string

const (
	byKey       order = "by key"
	byPartition order = "by partition"
	noOrder     order = "no order"
)

var orders = map[order]lane.Order{byKey: lane.ByKey, byPartition: lane.Whole, noOrder: lane.Nothing}

// hooks are where the engine meets the simulation.
type hooks struct {
	serve  func(context.Context, intake.Item)
	batch  func(context.Context, []intake.Item)
	joined func()
	emit   events.Sink
}

// engine is the configuration of a member.
func engine(s settings, atEnd bool, h hooks, options ...kgo.Opt) intake.Config {
	return intake.Config{
		Options: options, Group: group,
		Serve: h.serve, Joined: h.joined, Emit: h.emit,
		Lanes:       func(string) (lane.Order, *lane.Places) { return orders[s.order], nil },
		Batches:     func(string) (int, time.Duration) { return s.batch, s.wait },
		ServeBatch:  h.batch,
		Concurrency: s.concurrency, QueueLimit: s.queueLimit, UncommittedLimit: s.uncommittedLimit, QueueBytes: 1 << 20,
		CommitInterval: s.commitInterval, Drain: s.drain, Session: s.session,
		StuckAfter: time.Second, Refresh: time.Minute,
		Start: intake.Start{Beginning: !atEnd},
	}
}
