package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// firstCalls measures how long new clients need from nothing to their first
// answer. The sides take turns, client by client.
func (b *bench) firstCalls(ctx context.Context) ([]firstCalls, error) {
	ctx, cancel := context.WithTimeout(ctx, slack+time.Duration(b.set.firstCalls*len(b.set.sides))*callBound)
	defer cancel()
	stages, err := b.setStages(ctx)
	if err != nil {
		return nil, err
	}
	latencies := make([]measure.Histogram, len(stages))
	for n := range b.set.firstCalls {
		for i, s := range b.set.sides {
			took, err := firstCall(ctx, s, stages[i].at)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("side %s, client %d: %w", s.Name(), n+1, err), clearAll(stages))
			}
			latencies[i].Record(took)
		}
	}
	results := make([]firstCalls, len(stages))
	for i, s := range b.set.sides {
		results[i] = newFirstCalls(s.Name(), &latencies[i])
	}
	return results, clearAll(stages)
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
