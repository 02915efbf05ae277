package conformance_test

import (
	"context"
	"slices"
	"testing"

	"github.com/siskin-go/siskin/siskintest"
)

// scenes are all cases, by section.
func scenes() []scene {
	return slices.Concat(
		encodingScenes(),
		messageScenes(),
		decodingScenes(),
		dispatchScenes(),
		replyScenes(),
		errorScenes(),
		patternScenes(),
		headerScenes(),
		[]scene{emptyStops(), noCompression()}, // last, for what they leave and look at
	)
}

// TestConformance plays every scene with every version of NestJS.
func TestConformance(t *testing.T) {
	cfg := siskintest.Config(t)
	g := goldens{make(map[string]map[int]string)}
	r := newResults(t)
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			s := newStage(t, v, cfg)
			for _, c := range scenes() {
				if !c.knows(v) {
					r.add(c, v, result{Verdict: "absent"})
					continue
				}
				t.Run(c.id, func(t *testing.T) { s.perform(t, c, g, r) })
			}
		})
	}
	if *update {
		g.write(t)
	}
	r.finish(t)
}

// perform plays one scene.
func (s *stage) perform(t *testing.T, c scene, g goldens, r *results) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := &play{T: t, stage: s, ctx: ctx}
	own := false
	defer func() {
		one := result{Ways: p.ways.String(), Verdict: "same", Own: own}
		switch {
		case t.Failed():
			one.Verdict = "fails"
		case c.differs != "":
			one.Verdict = "differs"
		}
		r.add(c, s.version, one)
	}()
	select {
	case <-s.nest.Done():
		t.Fatal("the NestJS program has ended in an earlier case")
	default:
	}
	c.play(p)
	s.quiet(t)
	own = g.compare(t, c.id, s.version, c.id+": "+c.rule+"\n"+p.script.String())
}

// quiet checks that nothing is left of a scene.
func (s *stage) quiet(t *testing.T) {
	t.Helper()
	select {
	case d := <-s.seen:
		t.Errorf("a handler of Siskin got more than was expected: %+v", d)
	default:
	}
	for {
		select {
		case <-s.events:
			continue
		default:
		}
		break
	}
	for _, n := range s.nest.Server.Unread() {
		t.Errorf("a handler of NestJS got more than was expected: %s at %s", n.Payload, n.Event)
	}
	strays := s.nest.Client.Strays()
	for _, stray := range strays[s.strays:] {
		t.Errorf("NestJS's client got something after the end of a call: next %s, error %s", stray.Next, stray.Error)
	}
	s.strays = len(strays)
}
