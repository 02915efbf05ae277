package main

import (
	"context"
	"errors"
	"io"

	"github.com/siskin-go/siskin/bench/internal/report"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// mostSamples is how often the memory of a long run is looked at.
const mostSamples = 100

// endurance is one long run on each broker. Of one that was broken off it only
// prints what there is.
func (set *settings) endurance(ctx context.Context, stdout, stderr io.Writer) error {
	for _, start := range set.brokers() {
		if err := set.endureOn(ctx, start, stdout, stderr); err != nil {
			return err
		}
	}
	return nil
}

func (set *settings) endureOn(ctx context.Context, start func(context.Context) (*broker, error), stdout, stderr io.Writer) (err error) {
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	side, err := rounds.ChooseSides(set.sides, []string{"siskin"})
	if err != nil {
		return err
	}
	w := work.Endurance()
	session := &rounds.Session{Sides: side, Works: []work.Work{w}, Progress: stderr}
	rep := report.NewEndurance(b.Name, w)
	samples, broken := session.Endure(ctx, b.Broker, set.endure, int(min(mostSamples, set.endure)))
	rep.End(samples)
	if err := errors.Join(broken, rep.Print(stdout)); err != nil {
		return err
	}
	return set.publishEndurance(rep)
}

// endureAgain prints and publishes what an earlier run has written.
func (set *settings) endureAgain(stdout io.Writer) error {
	rep, err := report.ReadEndurance(set.from)
	if err != nil {
		return err
	}
	rep.Sum()
	if err := rep.Print(stdout); err != nil {
		return err
	}
	return set.publishEndurance(rep)
}

func (set *settings) publishEndurance(rep *report.Endurance) error {
	if set.json != "" {
		if err := rep.Write(set.json); err != nil {
			return err
		}
	}
	if set.document == "" {
		return nil
	}
	return rep.Publish(set.document, folder(set.document))
}
