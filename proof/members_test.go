package proof_test

import (
	"testing"

	"github.com/siskin-go/siskin/siskintest"
)

// Members join, leave and are killed while events and requests come.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	s := ledgerScene(t, siskintest.Brokers(t))
	a := s.join("A")
	b := s.join("B")
	s.send()
	s.ledger.moves(t, 300)

	c := s.join("C")
	s.ledger.moves(t, 300)
	a.leave()
	s.ledger.flows(t)

	d := s.join("D")
	s.ledger.moves(t, 300)
	b.kill()
	s.ledger.flows(t) // a session later

	c.kill()
	e := s.begin("E") // at once, as a supervisor does
	s.ledger.flows(t)
	receive(t, e.ready)
	s.ledger.moves(t, 300)

	s.finish()
	d.leave()
	e.leave()
}
