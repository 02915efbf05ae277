package redrive

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin/internal/letter"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"
)

// Job is which letters of a topic to put back, and how.
type Job struct {
	Topic  *Topic
	Filter Filter
	To     string     // the topic, or empty for the one where each letter was
	Max    int        // letters that were put back so often are left
	Limit  int        // at most so many, or 0 for all
	Rate   rate.Limit // letters a second, or 0 for no bound
	Batch  int        // letters in one transaction at most, or 0 for 500; a Rate makes it smaller

	// Report hears of each chosen letter what became of it, when that is certain.
	Report func(Step) error
}

// Step is what becomes of one letter: it goes back as a record, or it is left.
type Step struct {
	Letter letter.Letter
	Back   *kgo.Record // or nil
	Left   string      // why it is left, or empty
}

// Plan reports what Run would do now.
func (j Job) Plan(ctx context.Context, client *kgo.Client) error {
	j.Topic.pass()
	limit := j.limit()
	targets := newTargets(kadm.NewClient(client))
	return read(ctx, client, []*Topic{j.Topic}, most, func(letters []letter.Letter) error {
		for _, l := range letters {
			step, chosen, err := j.decide(ctx, targets, l)
			if err != nil {
				return err
			}
			if !chosen {
				continue
			}
			if step.Back != nil && !limit.take() {
				return errEnough
			}
			if err := j.Report(step); err != nil {
				return err
			}
		}
		return nil
	})
}

// decide says what is to become of a letter, if it is chosen.
func (j Job) decide(ctx context.Context, targets *targets, l letter.Letter) (step Step, chosen bool, err error) {
	p := j.Topic.partition(l.Record.Partition)
	if p.Ledger.Has(l.Record.Offset) || !j.Filter.Match(l) {
		return Step{}, false, nil
	}
	step.Letter = l
	topic := l.Topic
	if j.To != "" {
		topic = j.To
	}
	switch {
	case l.Redriven >= j.Max:
		step.Left = fmt.Sprintf("it was put back already, times: %d; --max-redrives allows more", l.Redriven)
	case l.Other() != "":
		step.Left = fmt.Sprintf("it is not the record, which was at %s, but a %s", l.Origin(), l.Other())
	case topic == "":
		step.Left = "nothing says where it was; name a topic with --to"
	case topic == j.Topic.Name:
		step.Left = "it would come back to where it is"
	}
	if step.Left != "" {
		return step, true, nil
	}
	partitions, err := targets.partitions(ctx, topic)
	if err != nil {
		return Step{}, false, err
	}
	if partitions == 0 {
		step.Left = fmt.Sprintf("there is no topic %q; name another one with --to", topic)
		return step, true, nil
	}
	step.Back = l.Back(topic)
	place(step.Back, l, partitions)
	return step, true, nil
}

// limit counts down; below 0 there is none.
type limit int

func (j Job) limit() *limit {
	l := limit(j.Limit)
	if l == 0 {
		l = -1
	}
	return &l
}

// take reports whether one more is allowed.
func (l *limit) take() bool {
	if *l == 0 {
		return false
	}
	if *l > 0 {
		*l--
	}
	return true
}
