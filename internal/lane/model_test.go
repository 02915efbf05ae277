package lane_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// script is lanes that share places, and what comes to them.
type script struct {
	service int   // places
	handler []int // places of each topic
	lanes   []laneScript
	slow    int           // one of so many takes time
	unit    time.Duration // of how much
	seed    uint64
}

type laneScript struct {
	topic  int
	order  lane.Order
	pushes []push
	stop   time.Duration // from the start, or zero for never
}

type push struct {
	after time.Duration
	keys  []string
}

func drawScript(t *rapid.T) script {
	s := script{
		service: rapid.IntRange(1, 20).Draw(t, "service"),
		handler: rapid.SliceOfN(rapid.IntRange(1, 20), 1, 3).Draw(t, "handler"),
		slow:    rapid.SampledFrom([]int{1, 1, 10, 100}).Draw(t, "slow"),
		unit:    rapid.SampledFrom([]time.Duration{time.Millisecond, time.Millisecond / 10}).Draw(t, "unit"),
		seed:    rapid.Uint64().Draw(t, "seed"),
	}
	key := rapid.SampledFrom([]string{"", "", "a", "b", "c"})
	s.lanes = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) laneScript {
		l := laneScript{
			topic: rapid.IntRange(0, len(s.handler)-1).Draw(t, "topic"),
			order: rapid.SampledFrom([]lane.Order{lane.ByKey, lane.Whole, lane.Nothing}).Draw(t, "order"),
		}
		l.pushes = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) push {
			return push{
				after: time.Duration(rapid.IntRange(0, 50).Draw(t, "after")) * time.Millisecond,
				keys:  rapid.SliceOfN(key, 1, 30*min(s.slow, 10)).Draw(t, "keys"),
			}
		}), 1, 5).Draw(t, "pushes")
		if rapid.IntRange(0, 4).Draw(t, "stops") == 0 {
			l.stop = time.Duration(rapid.IntRange(1, 200).Draw(t, "stop")) * time.Millisecond
		}
		return l
	}), 1, 5).Draw(t, "lanes")
	return s
}

// The promises of lanes, whatever comes: keys in order, never more at once than
// there are places, every record served once unless its lane was stopped.
func TestLanesKeepTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		var failures []string
		synctest.Test(t, func(t *testing.T) { failures = play(s) })
		if len(failures) > 0 {
			rt.Fatalf("%d failures; the first: %s", len(failures), failures[0])
		}
	})
}

// stage is a script being played.
type stage struct {
	script
	places   *lane.Places
	topics   []*lane.Places
	mu       sync.Mutex
	rand     *rand.Rand
	running  []int // by lane
	failures []string
}

func (s *stage) failf(format string, args ...any) {
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func play(script script) []string {
	s := &stage{
		script: script, places: lane.NewPlaces(script.service, true), running: make([]int, len(script.lanes)),
		rand: rand.New(rand.NewPCG(script.seed, 1)),
	}
	for _, most := range script.handler {
		s.topics = append(s.topics, lane.NewPlaces(most, false))
	}
	var all sync.WaitGroup
	for i := range script.lanes {
		all.Go(func() { s.playLane(i) })
	}
	all.Wait()
	if used := s.places.Used(); used != 0 {
		s.failf("%d places are still taken", used)
	}
	return s.failures
}

// track is what one lane has served.
type track struct {
	s      *stage
	number int
	script laneScript
	lane   *lane.Lane
	keys   map[string]bool  // being served
	last   map[string]int64 // the offset served last, by key
	served map[int64]int
	marks  map[int64]uint64
}

func (s *stage) playLane(i int) {
	tr := &track{
		s: s, number: i, script: s.lanes[i], keys: make(map[string]bool), last: make(map[string]int64),
		served: make(map[int64]int), marks: make(map[int64]uint64),
	}
	topic := tr.script.topic
	tr.lane = lane.Start(lane.Config{
		Order: tr.script.order, Places: []*lane.Places{s.places, s.topics[topic]}, Serve: tr.serve,
	})
	if tr.script.stop > 0 {
		time.AfterFunc(tr.script.stop, tr.lane.Stop)
	}
	pushed := int64(0)
	for i, p := range tr.script.pushes {
		time.Sleep(p.after)
		mark := uint64(pushed) + uint64(i)*1000 // a batch that cannot be read has marks too
		s.mu.Lock()
		for n := range p.keys {
			tr.marks[pushed+int64(n)] = mark + uint64(n)
		}
		s.mu.Unlock()
		tr.lane.Push(records(pushed, p.keys...), mark)
		pushed += int64(len(p.keys))
	}
	time.Sleep(time.Hour)
	tr.lane.Stop()
	<-tr.lane.Ended()
	s.mu.Lock()
	defer s.mu.Unlock()
	for offset := range pushed {
		if n := tr.served[offset]; n > 1 || n == 0 && tr.script.stop == 0 {
			s.failf("lane %d: record %d was served %d times", i, offset, n)
		}
	}
}

func (tr *track) serve(rec *kgo.Record, mark uint64, now time.Time) {
	took, rests := tr.enter(rec, mark, now)
	time.Sleep(took)
	if rests > 0 {
		tr.moved(-1)
		_ = tr.lane.Rest(context.Background(), rests)
		tr.moved(+1)
	}
	tr.leave(rec)
}

// key is what a record waits for, or "".
func (tr *track) key(rec *kgo.Record) string {
	switch {
	case tr.script.order == lane.Whole:
		return "whole"
	case tr.script.order == lane.Nothing:
		return ""
	}
	return string(rec.Key)
}

func (tr *track) enter(rec *kgo.Record, mark uint64, now time.Time) (took, rests time.Duration) {
	tr.moved(+1)
	s := tr.s
	s.mu.Lock()
	defer s.mu.Unlock()
	tr.served[rec.Offset]++
	if want := tr.marks[rec.Offset]; mark != want {
		s.failf("lane %d: record %d has the mark %d, want %d", tr.number, rec.Offset, mark, want)
	}
	if off := time.Since(now); off < 0 || off > 2*time.Millisecond {
		s.failf("lane %d: record %d is told a time that is %v off", tr.number, rec.Offset, off)
	}
	if k := tr.key(rec); k != "" {
		if last, ok := tr.last[k]; tr.keys[k] || ok && last >= rec.Offset {
			s.failf("lane %d: record %d with key %q runs behind %d, beside another: %v", tr.number, rec.Offset, k, last, tr.keys[k])
		}
		tr.keys[k], tr.last[k] = true, rec.Offset
	}
	if s.rand.IntN(s.slow) > 0 {
		return 0, 0
	}
	if s.rand.IntN(4) == 0 {
		rests = time.Duration(s.rand.IntN(100)) * time.Millisecond
	}
	return time.Duration(s.rand.IntN(20)) * s.unit, rests
}

func (tr *track) leave(rec *kgo.Record) {
	tr.s.mu.Lock()
	delete(tr.keys, tr.key(rec))
	tr.s.mu.Unlock()
	tr.moved(-1)
}

// moved checks the bounds with each change of how many run.
func (tr *track) moved(n int) {
	s := tr.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[tr.number] += n
	total, ofTopic := 0, 0
	for i, r := range s.running {
		if s.lanes[i].stop > 0 {
			continue // a lane that stops lets its last workers out without asking
		}
		total += r
		if s.lanes[i].topic == tr.script.topic {
			ofTopic += r
		}
	}
	if most := s.service + len(s.lanes); total > most {
		s.failf("%d records run at once, want at most %d", total, most)
	}
	if most := s.handler[tr.script.topic]; ofTopic > most {
		s.failf("%d records of topic %d run at once, want at most %d", ofTopic, tr.script.topic, most)
	}
}
