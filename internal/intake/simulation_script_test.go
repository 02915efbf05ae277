//go:build synctests

package intake_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// script is everything that is decided before a run: it follows from the seed
// alone.
type script struct {
	seed     uint64
	brokers  int
	topics   map[string]int32 // how many partitions each has
	settings settings
	atEnd    bool // the group starts at the end of the log
	before   wave // what was sent before the first member joined
	waves    []wave
	lives    []lifeline
	troubles []trouble
	// relieved: at the end all members stop and one that is new finishes.
	relieved bool
	last     sharing // of that one
}

// wave is a number of records that are sent together.
type wave struct {
	at      time.Duration
	records []*kgo.Record
}

// lifeline is one member from its start to its end.
type lifeline struct {
	name string
	kind sharing
	join time.Duration
	end  time.Duration
	how  ending
}

// sharing is how a member shares partitions with others.
type sharing string

const (
	plain   sharing = ""             // as Protocol "classic" has it
	mixing  sharing = "mixing "      // as Protocol "nestjs" has it
	foreign sharing = "like NestJS " // it offers nothing but what kafkajs offers
)

// mixes are the kinds that there can be in one group.
var mixes = [][]sharing{{plain}, {plain}, {mixing, mixing, foreign}, {mixing, plain}}

type ending string

const (
	stays  ending = "stays"
	leaves ending = "leaves"
	dies   ending = "dies"
)

// theEnd is when nothing new happens any more.
const theEnd = 10 * time.Second

// write draws the script of a seed.
func write(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := script{
		seed: seed, brokers: 1 + rng.IntN(3), topics: map[string]int32{"a": 1 + rng.Int32N(4)},
		settings: drawSettings(rng), atEnd: rng.IntN(4) == 0, relieved: rng.IntN(2) == 0,
	}
	if rng.IntN(2) == 0 {
		s.topics["b"] = 1 + rng.Int32N(4)
	}
	s.drawRecords(rng)
	s.drawLives(rng)
	s.drawTroubles(rng)
	s.drawKinds(rand.New(rand.NewPCG(seed, 1)))
	s.settings.drawRetries(rand.New(rand.NewPCG(seed, 3)))
	s.drawForgets(rand.New(rand.NewPCG(seed, 4)))
	if s.settings.retries == inPlace {
		s.drawBatches(rand.New(rand.NewPCG(seed, 2)))
	}
	return s
}

func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func drawSettings(rng *rand.Rand) settings {
	return settings{
		queueLimit:       pick(rng, 1, 3, 10, 30),
		uncommittedLimit: 30 + rng.IntN(100),
		commitInterval:   pick(rng, time.Millisecond, 20*time.Millisecond, 300*time.Millisecond, time.Second),
		drain:            between(rng, 50*time.Millisecond, 1500*time.Millisecond),
		session:          between(rng, time.Second, 3*time.Second),
		order:            pick(rng, byKey, byKey, byPartition, noOrder),
		concurrency:      pick(rng, 1, 2, 4, 16),
		smallFetches:     rng.IntN(3) > 0,
	}
}

func (s *script) drawRecords(rng *rand.Rand) {
	keys := 1 + rng.IntN(8)
	left := 20 + rng.IntN(181)
	draw := func(n int) (out []*kgo.Record) {
		left -= n
		for range n {
			out = append(out, s.drawRecord(rng, keys))
		}
		return out
	}
	s.before.records = draw(rng.IntN(left/2 + 1))
	for left > 0 {
		s.waves = append(s.waves, wave{at: between(rng, 0, theEnd*9/10), records: draw(min(left, 1+rng.IntN(20)))})
	}
	slices.SortFunc(s.waves, func(a, b wave) int { return int(a.at - b.at) })
}

// drawRecord draws a record. One key is in one partition of a topic.
func (s *script) drawRecord(rng *rand.Rand, keys int) *kgo.Record {
	r := &kgo.Record{Topic: "a"}
	if n, ok := s.topics["b"]; ok && rng.IntN(3) == 0 {
		r.Topic = "b"
		r.Partition = rng.Int32N(n)
	} else {
		r.Partition = rng.Int32N(s.topics["a"])
	}
	if rng.IntN(4) > 0 {
		k := rng.IntN(keys)
		r.Key = fmt.Appendf(nil, "k%d", k)
		r.Partition = int32(k) % s.topics[r.Topic]
	}
	return r
}

// drawLives draws one to three members at a time. One life at least ends with a
// kill and another begins, so the group is rebalanced in every run.
func (s *script) drawLives(rng *rand.Rand) {
	for slot := range 1 + rng.IntN(3) {
		at := time.Duration(0)
		if slot > 0 {
			at = between(rng, 0, theEnd/2)
		}
		for n := range 1 + rng.IntN(3) {
			l := lifeline{
				name: fmt.Sprintf("m%d.%d", slot+1, n+1), join: at, end: at + between(rng, 100*time.Millisecond, theEnd/2),
				how: pick(rng, stays, leaves, leaves, dies, dies),
			}
			s.lives = append(s.lives, l)
			at = l.end + between(rng, 0, 2*time.Second)
			if l.how == stays || at > theEnd {
				break
			}
		}
	}
	if !slices.ContainsFunc(s.lives, func(l lifeline) bool { return l.how == dies }) {
		s.lives[rng.IntN(len(s.lives))].how = dies
	}
}

// drawBatches draws whether records are served in batches: in every third run.
func (s *script) drawBatches(rng *rand.Rand) {
	if rng.IntN(3) == 0 {
		s.settings.batch, s.settings.wait = pick(rng, 1, 2, 5, 20), between(rng, 0, 300*time.Millisecond)
	}
}

// drawKinds draws which members are of which kind, but that of who may be needed
// in the end.
func (s *script) drawKinds(rng *rand.Rand) {
	kinds := pick(rng, mixes...)
	for i := range s.lives {
		s.lives[i].kind = pick(rng, kinds...)
	}
	s.last = pick(rng, kinds...)
}

func (s script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d brokers, topics %v, %+v, at the end %t, relieved %t\n%d records before",
		s.seed, s.brokers, s.topics, s.settings, s.atEnd, s.relieved, len(s.before.records))
	for _, w := range s.waves {
		fmt.Fprintf(&b, ", %d at %v", len(w.records), w.at)
	}
	for _, l := range s.lives {
		fmt.Fprintf(&b, "\n%s%s joins at %v, %s at %v", l.kind, l.name, l.join, l.how, l.end)
	}
	for _, tr := range s.troubles {
		fmt.Fprintf(&b, "\n%v: %v", tr.at, tr)
	}
	return b.String()
}
