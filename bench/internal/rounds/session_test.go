package rounds

import "testing"

func TestSidesTakeTurns(t *testing.T) {
	t.Parallel()
	all := []Side{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for round, want := range []string{"abc", "bca", "cab", "abc"} {
		var got string
		for _, s := range inTurn(all, round) {
			got += s.Name
		}
		if got != want {
			t.Errorf("round %d: %s, want %s", round, got, want)
		}
	}
}

func TestPeersStayOnTheirBroker(t *testing.T) {
	t.Parallel()
	s := &Session{Sides: []Side{{Name: "raw"}, {Name: "spring", Peer: true}}}
	for _, tt := range []struct {
		only, broker string
		want         int
	}{{"", "embedded", 2}, {"kafka", "embedded", 1}, {"kafka", "kafka", 2}} {
		s.PeersOn = tt.only
		if got := s.on(Broker{Name: tt.broker}); len(got) != tt.want || got[0].Name != "raw" {
			t.Errorf("peers on %q, broker %q: %v, want %d sides", tt.only, tt.broker, got, tt.want)
		}
	}
}
