package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/siskin-go/siskin"
)

// caller is a Siskin client of a check.
type caller struct {
	ctx     context.Context
	journal *journal
	client  *siskin.Client
	calls   sync.WaitGroup
	last    int
	closed  sync.Once
}

func (o ours) client(x *exam, c calling) client {
	made, err := siskin.NewClient(o.config(c.group))
	x.must(err)
	cl := &caller{ctx: x.ctx, journal: newJournal(), client: made}
	x.Cleanup(cl.close)
	return cl
}

func (c *caller) log() *journal { return c.journal }

// learn has nothing to do: any pattern can be called at any time.
func (c *caller) learn(string) {}

func (c *caller) begin(pattern string, data any, answer string) int {
	c.last++
	n := c.last
	c.calls.Go(func() {
		if err := c.call(n, pattern, data, answer); err != nil {
			text, _ := json.Marshal(err.Error())
			_, ours := errors.AsType[*siskin.CallError](err)
			c.journal.add(entry{Did: "error", Call: n, Value: text, Real: ours})
			return
		}
		c.journal.add(entry{Did: "complete", Call: n})
	})
	return n
}

func (c *caller) call(n int, pattern string, data any, answer string) error {
	next := func(v any) error {
		text, err := json.Marshal(v)
		c.journal.add(entry{Did: "next", Call: n, Value: text})
		return err
	}
	if answer == "number" {
		v, err := siskin.Send[float64](c.ctx, c.client, pattern, data)
		if err != nil {
			return err
		}
		return next(v)
	}
	for v, err := range siskin.Stream[any](c.ctx, c.client, pattern, data) {
		if err != nil {
			return err
		}
		if err := next(v); err != nil {
			return err
		}
	}
	return nil
}

func (c *caller) close() {
	c.closed.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.client.Close(ctx); err != nil {
			c.journal.add(entry{Did: "failed", Text: err.Error()})
		}
		c.calls.Wait()
	})
}
