package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
)

// line is what a service writes into its journal, as JSON.
type line struct {
	What string `json:"w"`
	At   int64  `json:"at"` // microseconds of the clock

	// Of begin, fine, failed and letter.
	Topic      string `json:"t,omitempty"`
	Partition  int32  `json:"p,omitempty"`
	Offset     int64  `json:"o,omitempty"`
	Key        string `json:"k,omitempty"`
	Generation int    `json:"g,omitempty"` // counts how often the process gave the partition up before
	Attempt    int    `json:"a,omitempty"`

	Partitions map[string][]int32 `json:"ps,omitempty"` // of assigned, revoked and lost
	Text       string             `json:"x,omitempty"`

	// Of sample.
	Heap       uint64 `json:"heap,omitempty"`
	Goroutines int    `json:"gor,omitempty"`
	Waiting    int    `json:"wait,omitempty"` // the most of a partition, as Span and Bytes
	Span       int    `json:"span,omitempty"`
	Bytes      int    `json:"bytes,omitempty"`

	Left int `json:"left,omitempty"` // goroutines, of end
}

// What a line says.
const (
	began      = "begin"  // an attempt of a handler
	went       = "fine"   // it ended without an error
	failed     = "failed" // it ended with one
	stale      = "stale"  // it began although the partition was given up already
	lettered   = "letter" // a dead letter is stored, and the record done
	unstored   = "unstored"
	assigned   = "assigned"
	revoked    = "revoked"
	lost       = "lost"
	uncommit   = "commit failed"
	dataLost   = "offsets lost"
	replyLost  = "reply lost"
	outOfGroup = "group failed"
	sampled    = "sample"
	ended      = "end" // in order
)

// journal is the file of one process. A line is in the file, as far as the
// operating system is concerned, before the process goes on: one that is killed
// has told all that it did.
type journal struct {
	mu          sync.Mutex
	file        *os.File
	generations map[place]int
}

// place is a partition of a topic.
type place struct {
	Topic     string
	Partition int32
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &journal{file: file, generations: make(map[place]int)}, nil
}

func (j *journal) write(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writeLocked(l)
}

func (j *journal) writeLocked(l line) {
	l.At = time.Now().UnixMicro()
	text, err := json.Marshal(l)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the journal cannot be written:", err)
		os.Exit(exitMute) // a service without a journal proves nothing
	}
}

// exitMute is the code of a service that cannot write its journal.
const exitMute = 3

// generation is how often this process gave the partition up before. The end of a
// generation is told after the contexts of its handlers have ended and before the
// next one begins; its beginning is told too late for this.
func (j *journal) generation(topic string, partition int32) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.generations[place{topic, partition}]
}

// observe is a sink of events.
func (j *journal) observe(e events.Event) {
	switch e := e.(type) {
	case events.PartitionsAssigned:
		j.write(line{What: assigned, Partitions: e.Partitions})
	case events.PartitionsRevoked:
		j.givenUp(e)
	case events.Handled:
		if e.Outcome == "dead-lettered" {
			j.about(lettered, e.Position, "")
		}
	case events.PublishFailed:
		j.about(unstored, e.Position, e.Err.Error())
	case events.ReplyLost:
		j.about(replyLost, e.Position, e.Err.Error())
	case events.OffsetsLost:
		j.about(dataLost, e.Position, fmt.Sprintf("nearest %d", e.Nearest))
	case events.CommitFailed:
		j.write(line{What: uncommit, Text: e.Err.Error()})
	case events.GroupFailed:
		j.write(line{What: outOfGroup, Text: e.Err.Error()})
	}
}

func (j *journal) givenUp(e events.PartitionsRevoked) {
	j.mu.Lock()
	defer j.mu.Unlock()
	what := revoked
	if e.Lost {
		what = lost
	}
	j.writeLocked(line{What: what, Partitions: e.Partitions})
	for topic, numbers := range e.Partitions {
		for _, n := range numbers {
			j.generations[place{topic, n}]++
		}
	}
}

func (j *journal) about(what string, at events.Position, text string) {
	j.write(line{
		What: what, Topic: at.Topic, Partition: at.Partition, Offset: at.Offset,
		Generation: j.generation(at.Topic, at.Partition), Text: text,
	})
}

// readJournal reads what a process has written. A last line without an end is what
// a killed one could not finish.
func readJournal(path string) ([]line, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var lines []line
	in := bufio.NewReaderSize(file, 1<<20)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return lines, nil
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, text, err)
		}
		lines = append(lines, l)
	}
}
