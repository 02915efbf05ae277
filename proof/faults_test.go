package proof_test

import "testing"

// A ledger that sees no faults would prove nothing.
func TestLedgerSeesFaults(t *testing.T) {
	t.Parallel()
	event := func(what string, offset int64, seq, generation int) line {
		return line{
			What: what, Handler: "event", Topic: "t", Partition: 1, Offset: offset,
			Key: "k", Seq: seq, Generation: generation,
		}
	}
	begin := func(offset int64, seq int) line { return event("begin", offset, seq, 1) }
	done := func(offset int64, seq int) line { return event("done", offset, seq, 1) }
	type counts struct{ lost, disorder, overlap int }
	tests := []struct {
		name  string
		lines []line
		want  counts
	}{
		{"in order", []line{begin(4, 1), done(4, 1), begin(7, 2), done(7, 2)}, counts{}},
		{"nothing comes", nil, counts{lost: 2}},
		{"one is left out", []line{begin(7, 2), done(7, 2)}, counts{lost: 1}},
		{"one does not end", []line{begin(4, 1), done(4, 1), begin(7, 2)}, counts{lost: 1}},
		{"side by side", []line{begin(4, 1), begin(7, 2), done(7, 2), done(4, 1)}, counts{overlap: 1}},
		{"later one first", []line{begin(7, 2), done(7, 2), begin(4, 1), done(4, 1)}, counts{disorder: 1}},
		{"stored wrongly", []line{begin(4, 2), done(4, 2), begin(7, 1), done(7, 1)}, counts{disorder: 1}},
		{"twice", []line{begin(4, 1), done(4, 1), begin(4, 1), done(4, 1)}, counts{disorder: 1, lost: 1}},
		{"again in a later generation", []line{
			begin(4, 1), done(4, 1), begin(7, 2), done(7, 2), event("begin", 4, 1, 2), event("done", 4, 1, 2),
		}, counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			l.store(note{"k", 1}, place{partition{"t", 1}, 4})
			for _, one := range tt.lines {
				l.hear("A", one)
			}
			l.store(note{"k", 2}, place{partition{"t", 1}, 7}) // also after it was handled
			if got := (counts{l.lost, l.disorder, l.overlap}); got != tt.want {
				t.Errorf("the ledger has %+v, want %+v", got, tt.want)
			}
		})
	}
}
