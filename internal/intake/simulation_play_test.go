//go:build synctests

package intake_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// play is one run of the simulation.
type play struct {
	t       *testing.T
	script  script
	ledger  *ledger
	cluster *cluster
	began   time.Time // when the first scene begins
	alive   []*actor
	waves   sync.WaitGroup
	exits   sync.WaitGroup // of members that were told to end
	replies sync.WaitGroup
	ghosts  sync.WaitGroup
}

func stage(t *testing.T, s script) *play {
	l := newLedger(s)
	return &play{t: t, script: s, ledger: l, cluster: newCluster(t, s, l)}
}

func (p *play) perform() {
	defer time.Sleep(limit) // for what still ends by itself
	defer p.cluster.close()
	ctx, cancel := context.WithCancel(context.Background())
	p.ghosts.Go(func() { p.cluster.exorcise(ctx, p.script.settings) })
	defer p.ghosts.Wait()
	defer cancel()
	p.send(p.script.before)
	if p.script.atEnd {
		ends, _ := p.cluster.ends(p.script.topics)
		p.ledger.starts(ends)
		p.enters(p.script.lives[0])
		<-p.alive[0].joined
		p.ledger.started()
	}
	p.began = time.Now()
	p.waves.Go(p.sendAll)
	for _, s := range p.scenes() {
		time.Sleep(s.at - time.Since(p.began))
		s.play()
	}
	p.cluster.relax()
	p.ends()
	p.ledger.closes(p.cluster.ends(p.script.topics))
	p.ledger.closesRetries(p.cluster.ends(p.script.retryTopics()))
}

// scene is something that happens at a moment.
type scene struct {
	at   time.Duration
	play func()
}

func (p *play) scenes() []scene {
	scenes := []scene{{theEnd, func() {}}}
	for i, l := range p.script.lives {
		if i > 0 || !p.script.atEnd {
			scenes = append(scenes, scene{l.join, func() { p.enters(l) }})
		}
		switch l.how {
		case leaves:
			scenes = append(scenes, scene{l.end, func() { p.leaves(l.name) }})
		case dies:
			scenes = append(scenes, scene{l.end, func() { p.dies(l.name) }})
		}
	}
	for _, tr := range p.script.troubles {
		scenes = append(scenes, scene{tr.at, func() { p.strikes(tr) }})
	}
	slices.SortStableFunc(scenes, func(a, b scene) int { return int(a.at - b.at) })
	return scenes
}

func (p *play) send(w wave) {
	if err := p.cluster.writer.ProduceSync(p.t.Context(), w.records...).FirstErr(); err != nil {
		p.t.Errorf("the simulation cannot write: %v", err)
	}
	p.ledger.tells("%d records were sent", len(w.records))
}

func (p *play) sendAll() {
	for _, w := range p.script.waves {
		time.Sleep(w.at - time.Since(p.began))
		p.send(w)
	}
}

func (p *play) enters(l lifeline) {
	p.alive = append(p.alive, p.newActor(l))
}

// takeOut takes a member out of those alive.
func (p *play) takeOut(name string) *actor {
	i := slices.IndexFunc(p.alive, func(a *actor) bool { return a.name == name })
	a := p.alive[i]
	p.alive = slices.Delete(p.alive, i, i+1)
	return a
}

func (p *play) leaves(name string) {
	a := p.takeOut(name)
	p.ledger.leaves(name)
	p.exits.Go(a.stop)
}

// dies kills a member: from now on nobody hears from it, and what it does has no
// effect. What is left of it is cleared away.
func (p *play) dies(name string) {
	a := p.takeOut(name)
	a.link.cut(true)
	p.ledger.dies(name)
	p.exits.Go(a.stop)
}

func (p *play) strikes(tr trouble) {
	p.ledger.strikes(tr)
	switch tr.kind {
	case refuse:
		p.cluster.refuse(tr.key, tr.err, tr.count)
	case hangUp:
		p.cluster.hangUp(tr.key, tr.count)
	case slow:
		p.cluster.late.add(tr.key, tr.span)
	case moveBoth:
		p.cluster.move()
	case forget:
		for range tr.count {
			p.cluster.late.add(tr.key, tr.span)
		}
		p.exits.Go(p.cluster.forget)
	case lag, away:
		p.disconnects(tr)
	}
}

func (p *play) disconnects(tr trouble) {
	if len(p.alive) == 0 {
		return
	}
	l := p.alive[tr.victim%len(p.alive)].link
	if tr.kind == lag {
		l.lag(tr.span)
		return
	}
	l.cut(true)
	p.exits.Go(func() {
		time.Sleep(tr.span)
		p.ledger.strikes(tr)
		l.up()
	})
}

// limit is how long the members may take, in virtual time, when nothing goes
// wrong any more.
const limit = 5 * time.Minute

// ends lets the members finish, or one that is new, and stops all.
func (p *play) ends() {
	p.waves.Wait()
	if p.script.relieved {
		p.stopAll()
	}
	if len(p.alive) == 0 {
		p.enters(lifeline{name: "last", kind: p.script.last})
	}
	p.exits.Wait() // what those have sent may come as late
	finished := p.finishes()
	p.stopAll()
	p.replies.Wait()
	if finished && !p.finished() {
		// A member that did not know yet that it had lost a partition has written a copy
		// while it left: it is for whoever comes next.
		p.enters(lifeline{name: "heir", kind: p.script.last})
		p.finishes()
		p.stopAll()
		p.replies.Wait()
	}
}

// finishes waits until all is done, and reports false when that takes too long.
func (p *play) finishes() bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if p.finished() {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return p.finished()
}

func (p *play) finished() bool {
	ends, committed := p.cluster.ends(p.script.retryTopics())
	return p.ledger.isFinished(p.cluster.ends(p.script.topics)) && retriesAt(ends, committed) == nil
}

func (p *play) stopAll() {
	for len(p.alive) > 0 {
		p.leaves(p.alive[0].name)
	}
	p.exits.Wait()
}
