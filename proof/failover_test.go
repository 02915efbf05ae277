package proof_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
)

// A member is killed while a client sends requests without a key. The calls that
// it held wait for the survivor, which gets its partitions when the session has
// expired; the other calls go elsewhere.
func TestCallsSurviveAMember(t *testing.T) {
	t.Parallel()
	s := callScene(t, siskintest.Brokers(t), callTime)
	s.join("A")
	victim := s.join("B")
	s.send()
	s.load.calls.moves(t, 5*requestRate)

	killed := time.Now()
	victim.kill()
	taken := s.ledger.owned(t, "A", killed)
	s.load.calls.moves(t, 10*requestRate)
	s.load.stop()

	all := s.load.calls.all()
	before := slowOf(during(all, time.Time{}, killed))
	outage := during(all, killed, taken)
	after := slowOf(during(all, taken, time.Now()))
	var r report
	s.ledger.tell(&r)
	s.load.calls.report(&r)
	r.add("from the kill to the takeover", "%v", taken.Sub(killed).Round(time.Millisecond))
	r.add("calls in that time", "%d", len(outage))
	r.add("over 1 s: sent before, then, after", "%d, %d, %d", len(before), len(slowOf(outage)), len(after))
	r.print(t)

	if n := len(failed(all)); n > 0 {
		t.Errorf("%d calls failed: %s", n, byReason(failed(all)))
	}
	// Half of the partitions are dead for that time. A client that did not look
	// at its pending calls would send them half of the calls.
	if n := len(slowOf(all)); n > len(outage)/4 {
		t.Errorf("%d calls took longer than %v, of %d in the outage; want at most a quarter", n, slow, len(outage))
	}
}
