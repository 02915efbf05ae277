package proof_test

import (
	"encoding/json"
	"os"
	"sync"

	"github.com/siskin-go/siskin/events"
)

// line is what a service writes on its standard output, as JSON.
type line struct {
	// What is "ready", "assigned", "revoked", "lost", "begin", "done" or, with
	// its Reason, "commit failed".
	What string
	PID  int

	// Partitions are by topic; of assigned, revoked and lost.
	Partitions map[string][]int32 `json:",omitempty"`

	Reason string `json:",omitempty"`

	// The rest is of begin and done.
	Handler    string // "event" or "request"
	Topic      string
	Partition  int32
	Offset     int64
	Key        string
	Seq        int
	Generation int // counts how often the process was given the partition
}

// partition names a partition of a topic.
type partition struct {
	topic  string
	number int32
}

// journal writes the lines of one process, in the order in which things happen.
// A line is written before the process goes on, so a process that is killed has
// told all that it did.
type journal struct {
	mu          sync.Mutex
	generations map[partition]int
}

func (j *journal) write(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writeLocked(l)
}

func (j *journal) writeLocked(l line) {
	l.PID = os.Getpid()
	text, err := json.Marshal(l)
	if err == nil {
		_, err = os.Stdout.Write(append(text, '\n'))
	}
	if err != nil {
		os.Exit(exitMute) // a service that nobody hears proves nothing
	}
}

// generation is how often this process was given the partition.
func (j *journal) generation(topic string, number int32) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.generations[partition{topic, number}]
}

func (j *journal) observe(e events.Event) {
	switch e := e.(type) {
	case events.PartitionsAssigned:
		j.assigned(e.Partitions)
	case events.PartitionsRevoked:
		what := "revoked"
		if e.Lost {
			what = "lost"
		}
		j.write(line{What: what, Partitions: e.Partitions})
	case events.CommitFailed:
		j.write(line{What: "commit failed", Reason: e.Err.Error()})
	}
}

func (j *journal) assigned(partitions map[string][]int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for topic, numbers := range partitions {
		for _, n := range numbers {
			j.generations[partition{topic, n}]++
		}
	}
	j.writeLocked(line{What: "assigned", Partitions: partitions})
}
