package proof_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
)

// scene is a group with its ledger, and a load for it.
type scene struct {
	*group
	load *load
}

// callTime is the deadline of the calls: longer than a session and a rebalance.
const callTime = 10 * time.Second

// work is the longest time that a handler takes where order is looked at.
const work = 4 * time.Millisecond

// ledgerScene is for events and requests with keys.
func ledgerScene(t *testing.T, brokers []string) *scene {
	t.Helper()
	return newScene(t, brokers, serviceSettings{Events: siskintest.Name("events"), Work: work}, 2*callTime)
}

// callScene is for requests without a key, with a deadline each.
func callScene(t *testing.T, brokers []string, deadline time.Duration) *scene {
	t.Helper()
	return newScene(t, brokers, serviceSettings{}, deadline)
}

func newScene(t *testing.T, brokers []string, set serviceSettings, timeout time.Duration) *scene {
	t.Helper()
	l := newLedger()
	set.Brokers, set.Group, set.Requests = brokers, siskintest.Name("group"), siskintest.Name("requests")
	return &scene{group: &group{t: t, settings: set, ledger: l}, load: newLoad(t, l, brokers, timeout)}
}

// send starts the load.
func (s *scene) send() {
	if s.settings.Events != "" {
		s.load.events(s.settings.Events)
	}
	s.load.requests(s.settings.Requests, s.settings.Events != "")
}

// finish stops the load and checks and prints the ledger.
func (s *scene) finish() {
	s.t.Helper()
	s.load.stop()
	s.ledger.settles()
	s.ledger.check(s.t)
	s.load.calls.check(s.t)
	s.load.refused.check(s.t)
	var r report
	s.ledger.tell(&r)
	s.ledger.report(&r)
	r.add("events refused", "%s", byReason(s.load.refused.all()))
	s.load.calls.report(&r)
	r.print(s.t)
}
