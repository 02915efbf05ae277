package retry_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// attempts is how often a record is tried before it is a dead letter.
const attempts = 4

// owner is a member that has the pair of partitions, or believes so.
type owner struct {
	w         *world
	gen, life int
	q         *retry.Queue
	token     string
	committed committed // what it has found
	last      retry.Position
	begun     bool
	confirmed bool // the group has taken a commit with its number: it may write
	refused   bool // the group knows it no more

	sourceMarks, retryMarks *commit.Partition
	sourceNext, retryNext   int64
	lane                    []*job // in the order of offsets
	runs                    []*job // from the retry partition
	commit                  *request
	wake                    time.Time

	// For the checks.
	end     map[*fact]bool
	highest map[string]*fact // that was given to a handler, by key
	attempt map[*fact]int    // the last one, or what earlier owners have stored
}

// job is a record on its way through an owner.
type job struct {
	fact    *fact
	rec     *kgo.Record
	mark    commit.Mark // in the source partition
	attempt int
	state   jobState
	retried bool // it comes from the retry partition
}

type jobState uint8

const (
	queued jobState = iota
	handled
	resting // before its next attempt in place
	flying  // its copy is being written
	left    // a copy of it waits already
)

// request is a commit that is being put together, or on its way.
type request struct {
	source, retry int64
	metadata      string
	sent, number  bool
}

func newOwner(w *world) *owner {
	o := &owner{
		w: w, gen: w.gen, life: w.life, confirmed: !w.ordered, token: fmt.Sprint("token ", w.gen),
		sourceMarks: commit.NewPartition(), retryMarks: commit.NewPartition(),
		end: make(map[*fact]bool), highest: make(map[string]*fact), attempt: make(map[*fact]int),
	}
	o.q = retry.NewQueue(retry.Config{
		Group: "g", Topic: "t", KeepOrder: w.ordered, Token: o.token, Records: w.limit, Bytes: 1 << 20,
		Marks: o.retryMarks,
	})
	o.committed, o.last = w.committed, w.position()
	o.retryNext, o.sourceNext = w.committed.retry, max(0, w.committed.source)
	o.sourceMarks.Start(o.sourceNext, false)
	w.say("owner %d: source from %d, retries from %d, last owner %d", o.gen, o.sourceNext, o.retryNext, o.last.Owner)
	if !w.ordered {
		o.begin()
		return o
	}
	f := &flight{by: o, rec: retry.Marker("r", 0, o.token), stored: -1}
	f.acked = func(int64) { o.begin() }
	w.flights = append(w.flights, f)
	return o
}

// begin asks for the end of the source. It must be asked when the marker is stored: a
// record that comes later can be in the retry partition by then.
func (o *owner) begin() {
	o.q.Begin(o.committed.source, o.w.end, o.last)
	o.retryMarks.Start(o.retryNext, false)
	o.begun = true
}

// fetchRetry reads the next records of the retry partition.
func (o *owner) fetchRetry(n int) {
	to := min(o.retryNext+int64(n), int64(len(o.w.log)))
	records := o.w.log[o.retryNext:to]
	o.retryNext = to
	mark, _ := o.retryMarks.Begin(records, o.w.now)
	for i, rec := range records {
		c := retry.Read(rec, o.w.now)
		if !o.opened() && c.Record != nil && o.w.timely[c.Offset] {
			f := o.w.factOf(c.Record)
			o.attempt[f] = max(o.attempt[f], c.Attempt)
		}
		o.q.Read(c, mark+commit.Mark(i))
	}
}

func (o *owner) opened() bool {
	select {
	case <-o.q.Opened():
		return true
	default:
		return false
	}
}

// fetchSource reads the next records of the source partition.
func (o *owner) fetchSource(n int) {
	for _, f := range o.w.source {
		if f.removed || f.life != o.life || f.rec.Offset < o.sourceNext {
			continue
		}
		if n == 0 {
			return
		}
		n--
		o.sourceNext = f.rec.Offset + 1
		mark, _ := o.sourceMarks.Begin([]*kgo.Record{f.rec}, o.w.now)
		o.lane = append(o.lane, &job{fact: f, rec: f.rec, mark: mark, attempt: 1})
	}
}

// next are the records whose turn it is in the lane: the first of each key.
func (o *owner) next() []*job {
	var jobs []*job
	busy := make(map[string]bool)
	for _, j := range o.lane {
		if j.rec.Key != nil && busy[string(j.rec.Key)] {
			continue
		}
		busy[string(j.rec.Key)] = busy[string(j.rec.Key)] || j.rec.Key != nil
		if j.state == queued {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// turn is what the engine does with a record whose turn has come.
func (o *owner) turn(j *job) {
	switch o.q.Meet(j.rec) {
	case retry.Run:
		o.handle(j)
	case retry.Skip:
		o.w.say("owner %d skips %s", o.gen, j.fact)
		o.leave(j)
	case retry.Park:
		if !o.confirmed || !o.reserve(j) {
			return // its turn comes again
		}
		j.state = flying
		o.write(j, retry.Note{Attempt: 1})
	}
}

// reserve reports whether the record is to be written.
func (o *owner) reserve(j *job) bool {
	before, _ := o.q.Len()
	switch o.q.Reserve(j.rec) {
	case retry.Run:
		return false
	case retry.Skip:
		o.w.say("owner %d has a copy of %s", o.gen, j.fact)
		o.leave(j)
		j.state = left
		return false
	}
	if records, _ := o.q.Len(); records > max(before, o.w.limit) {
		o.w.wrong(bounds, "%d records in the queue, the most is %d", records, o.w.limit)
	}
	return true
}

// leave ends a record in the lane.
func (o *owner) leave(j *job) {
	o.sourceMarks.Done(j.mark)
	o.lane = without(o.lane, j)
}

// write sends a copy. What comes of it is told later, or never.
func (o *owner) write(j *job, n retry.Note) {
	n.Group, n.Owner = "g", o.q.Owner()
	f := &flight{by: o, rec: n.Record("r", j.rec), note: n, fact: j.fact, stored: -1}
	f.acked = func(offset int64) {
		o.q.Stored(j.rec, n, offset)
		if j.retried {
			o.runs = without(o.runs, j)
		} else {
			o.leave(j)
		}
	}
	f.failed = func() {
		if !j.retried {
			o.q.Cancel(j.rec)
		}
		if n.Cause == nil {
			j.state = queued
			return
		}
		j.attempt, j.state = n.Attempt, resting
	}
	o.w.flights = append(o.w.flights, f)
}

var errFailed = errors.New("failed")

// ended is the end of an attempt.
func (o *owner) ended(j *job, ok bool) {
	if ok || j.attempt >= attempts {
		o.finish(j)
		return
	}
	n := retry.Note{Attempt: j.attempt + 1, Due: o.w.now.Add(time.Second), Cause: errFailed}
	if !j.retried && !o.reserve(j) {
		if j.state != left {
			j.attempt, j.state = n.Attempt, resting
		}
		return
	}
	j.state = flying
	o.write(j, n)
}

func (o *owner) finish(j *job) {
	o.ends(j)
	o.q.Finish(j.rec)
	if j.retried {
		o.runs = without(o.runs, j)
		return
	}
	o.leave(j)
}

// run gives what may run to handlers.
func (o *owner) run() {
	entries, wake := o.q.Next(o.w.now)
	o.wake = wake
	for _, e := range entries {
		j := &job{fact: o.w.factOf(e.Record), rec: e.Record, attempt: e.Attempt, retried: true}
		if e.Due.After(o.w.now) {
			o.w.wrong(sane, "%s runs before it is due", j.fact)
		}
		o.runs = append(o.runs, j)
		o.handle(j)
	}
}

// move writes the oldest entry once more.
func (o *owner) move() {
	e, ok := o.q.Oldest()
	if !ok {
		return
	}
	n := retry.Note{Group: "g", Owner: o.q.Owner(), Attempt: e.Attempt, Due: e.Due, Handlers: e.Handlers}
	f := &flight{by: o, rec: n.Record("r", e.Record), note: n, fact: o.w.factOf(e.Record), stored: -1}
	f.acked = func(offset int64) { o.q.Stored(e.Record, n, offset) }
	f.failed = func() { o.q.Return(e.Record) }
	o.w.flights = append(o.w.flights, f)
}

// ask and send put a commit together. Everything can happen between the two.
func (o *owner) ask() {
	o.commit = &request{}
	o.commit.source, _, _ = o.sourceMarks.Position()
}

func (o *owner) send() {
	r := o.commit
	r.sent, r.number = true, o.opened()
	r.retry, _, r.metadata = o.q.Position() // retry is -1 before begin
}

func (o *owner) passed() {
	offset, _, _ := o.sourceMarks.Position()
	o.q.Passed(offset)
}

// jobs are all records on their way.
func (o *owner) jobs() []*job { return slices.Concat(o.lane, o.runs) }

func without(jobs []*job, j *job) []*job {
	return slices.DeleteFunc(slices.Clone(jobs), func(k *job) bool { return k == j })
}
