package migration_test

import (
	"context"
	"sync"

	"github.com/siskin-go/siskin"
)

// visitorCalls is how many calls a client makes that comes and goes.
const visitorCalls = 50

// visitors are one more client of each kind, which make some calls and then leave:
// the NestJS client's group shares its reply partitions anew twice.
func (s *stage) visitors(load *load, name string) (made *sync.WaitGroup, leave func()) {
	s.t.Helper()
	client, err := siskin.NewClient(s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	nest, stop := s.nestClient(work)
	made = new(sync.WaitGroup)
	for caller, call := range map[string]send{
		"nest " + name: s.byNest(nest, work), "siskin " + name: s.bySiskin(client, work),
	} {
		made.Add(1)
		calls := 0
		load.caller(caller, visitorCalls, func(ctx context.Context, payload string) (string, error) {
			if calls++; calls == visitorCalls {
				defer made.Done()
			}
			return call(ctx, payload)
		})
	}
	return made, func() {
		stop()
		if err := client.Close(s.ctx()); err != nil {
			s.t.Error(err)
		}
	}
}
