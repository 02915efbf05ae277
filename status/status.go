// Package status has what a running service says about itself.
package status

import "time"

// State is where a service is in its life.
type State string

// The states.
const (
	Starting State = "starting" // it has not joined its consumer group yet
	Joined   State = "joined"   // it is a member
	Outside  State = "outside"  // it has lost its place and tries to come back
	Stopping State = "stopping" // it finishes what runs
	Ended    State = "ended"    // it reads nothing any more
)

// Service is the state of a service at one moment.
type Service struct {
	Group string
	// InstanceID is that of Config, or empty.
	InstanceID string
	State      State
	// Failure is why the service has lost its place in the group, or nil.
	Failure error
	// Running is how many workers run handlers.
	Running int
	// Unread are topics of this service that nobody in its consumer group reads;
	// see events.TopicsDiffer.
	Unread []string
	// Partitions are the assigned ones, by topic and number.
	Partitions []Partition
}

// Partition is the state of one assigned partition.
type Partition struct {
	Topic     string
	Partition int32
	// Position is the offset that would be committed now, and Committed the one
	// that was; -1 when there is none.
	Position, Committed int64
	// Waiting is how many fetched records wait for their handlers or are in them,
	// Unfinished how many have no final outcome yet, and Span how many there are
	// from the oldest of those to the newest record fetched.
	Waiting, Unfinished, Span int
	// Bytes is how much the unfinished records hold, without what the Kafka client
	// keeps beside them.
	Bytes int
	// Skipped is how many offsets were passed over because their batches could not
	// be read.
	Skipped int64
	// Oldest is the offset of the oldest unfinished record, or -1, and Age the
	// time since it was fetched.
	Oldest int64
	Age    time.Duration
	// Stuck is true when the oldest record has held up the commits for longer
	// than Config.StuckAfter.
	Stuck bool
	// Paused is true while too much is unfinished to fetch more.
	Paused bool
}

// Health says whether a service does its work. A probe can use it.
type Health struct {
	// Problems say what is wrong, each in one sentence. Without one the service
	// is healthy.
	Problems []string
	Service  Service
}

// OK reports whether there is no problem.
func (h Health) OK() bool { return len(h.Problems) == 0 }
