package proof_test

import (
	"testing"
	"time"
)

// The broker is restarted and killed, and comes back on the same port with the
// same data.
func TestBrokerGoesAndComesBack(t *testing.T) {
	parallel(t)
	b := ownBroker(t)
	t.Run("Restarted", func(t *testing.T) { brokerRestarted(t, b) })
	t.Run("Away", func(t *testing.T) { brokerAway(t, b) })
	t.Run("DemoWorkerKilled", func(t *testing.T) { demoWorkerKilled(t, b) })
}

// brokerRestarted keeps the ledger over an orderly restart and over crashes. After a
// short one the members' commits meet a group that does not know them, after a longer
// one they have given up their places before.
func brokerRestarted(t *testing.T, b broker) {
	s := ledgerScene(t, b.addrs())
	m := s.join("A")
	n := s.join("B")
	s.send()
	s.ledger.moves(t, 500)
	s.ledger.note("the broker is restarted")
	b.restart(t)
	s.ledger.note("the broker is back")
	s.ledger.flows(t)
	s.ledger.moves(t, 500)
	for _, away := range []time.Duration{time.Second, 0, 0} {
		s.ledger.note("the broker is killed")
		b.crash(t, away)
		s.ledger.note("the broker is back")
		s.ledger.flows(t)
		s.ledger.moves(t, 300)
	}
	s.finish()
	m.leave()
	n.leave()
}

// brokerAway sends calls to a broker that is away for less than their deadline. All of
// them are answered.
func brokerAway(t *testing.T, b broker) {
	const away, deadline = callTime / 2, 3 * callTime
	s := callScene(t, b.addrs(), deadline)
	s.join("A")
	s.join("B")
	s.send()
	s.load.calls.moves(t, 3*requestRate)

	s.ledger.note("the broker is killed")
	gone := time.Now()
	b.crash(t, away)
	back := time.Now()
	s.ledger.note("the broker is back")
	s.load.calls.moves(t, 8*requestRate)
	s.load.stop()

	all := s.load.calls.all()
	var r report
	s.ledger.tell(&r)
	s.load.calls.report(&r)
	r.add("the broker was away", "%v", back.Sub(gone).Round(time.Millisecond))
	r.add("calls in that time", "%d", len(during(all, gone, back)))
	r.print(t)
	// A real broker takes as long to start as the machine lets it: should that be
	// most of the deadline, calls whose deadline came before the members were back and
	// had served what waited are not counted.
	const rejoin = callTime
	all = filter(all, func(c call) bool {
		return c.at.Add(c.took).Before(gone) || c.at.Add(deadline).After(back.Add(rejoin))
	})
	if n := len(failed(all)); n > 0 {
		t.Errorf("%d calls failed: %s", n, byReason(failed(all)))
	}
}
