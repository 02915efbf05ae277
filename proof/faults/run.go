package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/goleak"
)

// result is a run and its ledger.
type result struct {
	Plan    plan
	Cluster string
	Ledger  *ledger
	Done    map[string]int // what was done to the services and brokers
	Wrong   []string       // what must not be and is in no history, such as a process that ended by itself
	Took    time.Duration
}

// clean says whether the run shows no fault.
func (r *result) clean() bool { return r.Ledger.clean() && len(r.Wrong) == 0 }

// play runs a plan on a cluster of that kind, in a folder of its own, and tells
// its progress to out.
func play(ctx context.Context, p plan, kind, folder string, out io.Writer) (*result, error) {
	before := goleak.IgnoreCurrent()
	began := time.Now()
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(out, "%7.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	say("starting the brokers (%s)", kind)
	c, err := startCluster(kind, folder)
	if err != nil {
		return nil, err
	}
	r := &scene{plan: p, cluster: c, folder: folder, say: say}
	err = r.all(ctx)
	if stopped := c.stop(); stopped != nil {
		err = errors.Join(err, stopped)
	}
	if err != nil {
		return nil, err
	}
	say("computing the ledger")
	res := &result{Plan: p, Cluster: c.name(), Ledger: judge(&r.history), Wrong: r.stage.wrong, Took: time.Since(began)}
	res.Done = map[string]int{
		"services started": r.stage.counts.joins, "services killed": r.stage.counts.kills,
		"services stopped in order":  r.stage.counts.leaves,
		"brokers restarted in order": r.stage.counts.soft, "brokers killed": r.stage.counts.hard,
		"faults of connections": len(p.Faults),
	}
	if leak := goleak.Find(before); leak != nil {
		res.Wrong = append(res.Wrong, "goroutines of the client are left: "+leak.Error())
	}
	return res, nil
}

// scene is one run.
type scene struct {
	plan    plan
	cluster cluster
	folder  string
	say     func(string, ...any)
	stage   *stage
	load    *load
	history history
}

// all plays everything and gathers the history.
func (r *scene) all(ctx context.Context) error {
	addrs := r.cluster.addrs()
	w, err := newWatch(addrs)
	if err != nil {
		return err
	}
	defer w.client.Close()
	r.stage = &stage{plan: r.plan, cluster: r.cluster, folder: r.folder, say: r.say, slots: make(map[int]*process)}
	defer r.stage.kill()
	for slot := range bases {
		r.stage.start(slot)
	}
	l := newLink(r.plan, clients, addrs)
	defer l.stop()
	if r.load, err = newLoad(r.plan, addrs, l); err != nil {
		return err
	}
	defer func() { _ = r.load.client.Close(context.Background()) }()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	epoch := time.Now()
	r.stage.begin(epoch)
	l.begin(epoch)
	if err := r.perform(ctx, w); err != nil {
		return err
	}
	r.say("all services leave")
	r.stage.leave()
	r.say("reading what the brokers have")
	return r.gather(addrs)
}

func (r *scene) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.load.ready(ctx); err != nil {
		return err
	}
	if err := r.stage.gather(); err != nil {
		return err
	}
	r.say("ready, the plan begins")
	return nil
}

// perform runs the plan, and notes meanwhile what the group commits.
func (r *scene) perform(ctx context.Context, w *watch) error {
	watching, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { w.follow(watching) })
	beside.Go(func() { r.progress(watching) })
	err := r.carryOut(ctx, w)
	stop()
	beside.Wait()
	r.history.Commits = w.seen
	return err
}

// carryOut runs load and faults, then waits until everything has its outcome.
func (r *scene) carryOut(ctx context.Context, w *watch) error {
	var both sync.WaitGroup
	both.Go(func() { r.stage.play(ctx) })
	both.Go(func() { r.load.run(ctx, r.stage.epoch) })
	both.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(r.stage.wrong) > 0 {
		r.say("not as planned: %s", strings.Join(r.stage.wrong, "\n"))
	}
	r.say("load and faults are over, the group finishes")
	for slot := range bases {
		if r.stage.slots[slot] == nil {
			r.stage.start(slot)
		}
	}
	tick := time.Now()
	err := w.drain(ctx, func(left int64) {
		if time.Since(tick) > 3*time.Second {
			tick = time.Now()
			r.say("%d records are not committed", left)
		}
	})
	if err != nil {
		r.stage.fault("%v", err)
	}
	return nil
}

// progress tells how far the run is, until ctx ends.
func (r *scene) progress(ctx context.Context) {
	for sleep(ctx, 5*time.Second) {
		if time.Now().After(r.stage.epoch.Add(r.plan.Length + 30*time.Second)) {
			return
		}
		r.say("%d of %d events confirmed, %d refused; %d of %d requests ended; %d services",
			r.load.confirmed.Load(), r.plan.Events, r.load.refused.Load(), r.load.answered.Load(), r.plan.Requests,
			r.stage.running())
	}
}

func (r *scene) gather(addrs []string) error {
	r.history.Sent = r.load.events
	for _, c := range r.load.calls {
		r.history.Calls = append(r.history.Calls, *c)
	}
	for _, l := range r.stage.lives {
		lines, err := readJournal(l.Journal)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // one that was killed before it began
			return err
		}
		l.Lines = lines
		r.history.Lives = append(r.history.Lives, l)
	}
	if err := r.history.read(addrs); err != nil {
		return err
	}
	return r.history.keep(r.folder)
}
