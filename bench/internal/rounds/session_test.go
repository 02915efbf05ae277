package rounds

import (
	"testing"

	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/work"
)

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

func TestPeersStayWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	s := &Session{Sides: []Side{{Name: "raw"}, {Name: "spring", Peer: true}}}
	events := []work.Work{{Name: "events"}}
	all := append(events, work.Work{Name: "orders"}, work.Work{Name: "stream"}, work.Work{Name: "batches"})
	for _, tt := range []struct {
		on     string
		at     []work.Work
		broker string
		work   string
		want   int
	}{
		{"", all, "embedded", "events", 2},
		{"kafka", all, "embedded", "events", 1},
		{"kafka", all, "kafka", "events", 2},
		{"", events, "embedded", "events", 2},
		{"", events, "embedded", "stream", 1},
		{"kafka", events, "embedded", "events", 1},
		{"", all, "embedded", "orders", 1},
		{"", all, "embedded", "batches", 1},
	} {
		s.PeersOn, s.PeersAt = tt.on, tt.at
		if got := s.at(Broker{Name: tt.broker}, work.Work{Name: tt.work, Op: side.Op(tt.work)}); len(got) != tt.want || got[0].Name != "raw" {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
