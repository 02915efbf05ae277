package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// moments are the situations in which a first call is measured.
var moments = []string{"first call of a new client", "second pattern, client at work", "third pattern, client idle"}

// firstCalls measures how long new clients need from nothing to their first
// answer, and used clients to the first answer of another pattern. The sides
// take turns, client by client.
func (b *bench) firstCalls(ctx context.Context) (results []firstCalls, err error) {
	ctx, cancel := context.WithTimeout(ctx, slack+time.Duration(b.set.firstCalls*len(b.set.sides))*callBound)
	defer cancel()
	var all []*stage
	defer func() { err = errors.Join(err, clearAll(all)) }()
	stages := make([][]*stage, len(moments)) // by moment and side
	for m := range moments {
		if stages[m], err = b.setStages(ctx); err != nil {
			return nil, err
		}
		all = append(all, stages[m]...)
	}
	for i, s := range b.set.sides {
		c := &candidate{side: s}
		for m := range moments {
			c.at = append(c.at, stages[m][i].at)
		}
		b.candidates = append(b.candidates, c)
	}
	for n := range b.set.firstCalls {
		for _, c := range b.candidates {
			if err := c.newClient(ctx); err != nil {
				return nil, fmt.Errorf("side %s, client %d: %w", c.side.Name(), n+1, err)
			}
		}
	}
	for _, c := range b.candidates {
		for m, what := range moments {
			if h := &c.took[m]; h.Count() > 0 {
				results = append(results, newFirstCalls(c.side.Name(), what, h))
			}
		}
	}
	return results, nil
}

// candidate is one side with its figures, by moment.
type candidate struct {
	side side.Side
	at   []side.Target
	took [3]measure.Histogram
}

// newClient measures one client in all moments that its side can be measured in.
func (c *candidate) newClient(ctx context.Context) (err error) {
	begin := time.Now()
	caller, err := c.side.Dial(ctx, c.at[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caller.Close()) }()
	if err := caller.Call(ctx); err != nil {
		return err
	}
	c.took[0].Record(time.Since(begin))
	adder, ok := caller.(side.Adder)
	if !ok {
		return nil
	}
	stop := atWork(ctx, caller)
	err = c.other(ctx, adder, 1)
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	return c.other(ctx, adder, 2)
}

func (c *candidate) other(ctx context.Context, adder side.Adder, moment int) error {
	begin := time.Now()
	if err := adder.CallOther(ctx, c.at[moment].Pattern); err != nil {
		return err
	}
	c.took[moment].Record(time.Since(begin))
	return nil
}

// atWork keeps one call of caller in flight until the returned function is
// called. It returns after the first of them, when the client's fetch waits.
func atWork(ctx context.Context, caller side.Caller) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for once := sync.OnceFunc(func() { close(started) }); err == nil; once() {
			if err = caller.Call(ctx); ctx.Err() != nil {
				err = nil
				break
			}
		}
		ended <- err
	}()
	select {
	case <-started:
	case <-ctx.Done():
	}
	return func() error {
		cancel()
		return <-ended
	}
}

// callBound is how long one first call may take.
const callBound = 15 * time.Second

// setStages starts a server for each side and waits until it answers.
func (b *bench) setStages(ctx context.Context) ([]*stage, error) {
	var stages []*stage
	for _, s := range b.set.sides {
		st, err := b.setStage(ctx, s)
		if err != nil {
			return nil, errors.Join(err, clearAll(stages))
		}
		stages = append(stages, st)
		if _, err := firstCall(ctx, s, st.at); err != nil {
			return nil, errors.Join(fmt.Errorf("side %s: %w", s.Name(), err), clearAll(stages))
		}
	}
	return stages, nil
}

// firstCall is the time from making a client to its first answer.
func firstCall(ctx context.Context, s side.Side, at side.Target) (took time.Duration, err error) {
	begin := time.Now()
	caller, err := s.Dial(ctx, at)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, caller.Close()) }()
	if err := caller.Call(ctx); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

func clearAll(stages []*stage) error {
	var errs []error
	for _, st := range stages {
		errs = append(errs, st.clear())
	}
	return errors.Join(errs...)
}
