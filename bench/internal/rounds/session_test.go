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
