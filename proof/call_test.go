package proof_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
)

// call is a request that has ended.
type call struct {
	at   time.Time
	took time.Duration
	err  error
}

var errWrongAnswer = errors.New("the answer belongs to another request")

// ask sends one request and checks its answer.
func ask(client *siskin.Client, topic string, n note, opts ...siskin.CallOption) call {
	c := call{at: time.Now()}
	got, err := siskin.Send[answer](context.Background(), client, topic, n, opts...)
	c.took, c.err = time.Since(c.at), err
	if err == nil && got.Note != n {
		c.err = errWrongAnswer
	}
	return c
}

// reasons are what a failed call may say.
var reasons = []error{
	siskin.ErrNoReply, siskin.ErrUnavailable, siskin.ErrOverloaded, siskin.ErrRouteLost, siskin.ErrClosed,
}

// reason is the name of an error that a caller can act on, or "" for another.
func reason(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	if remote, ok := errors.AsType[*siskin.Error](err); ok && remote.Remote {
		return "remote: " + string(remote.Code)
	}
	return ""
}

// calls are the requests of one load.
type calls struct {
	guarded
	began int
	ended []call
}

func (c *calls) run(do func() call) {
	c.update(func() { c.began++ })
	got := do()
	c.update(func() { c.ended = append(c.ended, got) })
}

// moves waits until another n calls have ended.
func (c *calls) moves(t *testing.T, n int) {
	t.Helper()
	var from int
	c.read(func() { from = len(c.ended) })
	c.wait(t, "the calls do not move on", func() bool { return len(c.ended) >= from+n })
}

// all are the calls that have ended.
func (c *calls) all() (all []call) {
	c.read(func() { all = slices.Clone(c.ended) })
	return all
}

// check fails t for calls that ended neither with their answer nor with a
// reason.
func (c *calls) check(t *testing.T) {
	t.Helper()
	all := c.all()
	c.read(func() {
		if open := c.began - len(all); open > 0 {
			t.Errorf("%d calls have not ended", open)
		}
	})
	for _, one := range failed(all) {
		if reason(one.err) == "" {
			t.Errorf("a call ended without a reason: %v", one.err)
		}
	}
}

func (c *calls) report(r *report) {
	all := c.all()
	r.add("calls", "%d", len(all))
	r.add("calls failed", "%s", byReason(failed(all)))
	r.add("calls over 1 s", "%d", len(slowOf(all)))
	took := make([]time.Duration, len(all))
	for i, one := range all {
		took[i] = one.took
	}
	slices.Sort(took)
	r.add("p50, p99, max", "%v, %v, %v", quantile(took, 50), quantile(took, 99), quantile(took, 100))
}

func failed(all []call) []call { return filter(all, func(c call) bool { return c.err != nil }) }

// slow is what a person would notice.
const slow = time.Second

func slowOf(all []call) []call { return filter(all, func(c call) bool { return c.took > slow }) }

// during are the calls that began in a span of time.
func during(all []call, from, to time.Time) []call {
	return filter(all, func(c call) bool { return !c.at.Before(from) && c.at.Before(to) })
}

func filter(all []call, keep func(call) bool) []call {
	return slices.DeleteFunc(slices.Clone(all), func(c call) bool { return !keep(c) })
}

func byReason(failed []call) string {
	if len(failed) == 0 {
		return "0"
	}
	counts := make(map[string]int)
	for _, c := range failed {
		counts[reason(c.err)]++
	}
	var parts []string
	for name, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// quantile of sorted times, rounded for people.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := min(len(sorted)*percent/100, len(sorted)-1)
	return sorted[i].Round(100 * time.Microsecond)
}
