package redrive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"pgregory.net/rapid"
)

// A ledger is the set of the offsets that were added to it, also after a journey
// through a commit.
func TestLedgerIsASet(t *testing.T) {
	t.Parallel()
	const most = 60
	rapid.Check(t, func(t *rapid.T) {
		var ledger redrive.Ledger
		want := make(map[int64]bool)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			first := rapid.Int64Range(0, most-1).Draw(t, "first")
			end := rapid.Int64Range(0, most).Draw(t, "end")
			ledger.Add(first, end)
			for o := first; o < end; o++ {
				want[o] = true
			}
		}
		if rapid.Bool().Draw(t, "skip") {
			begin := rapid.Int64Range(0, most).Draw(t, "begin")
			ledger.Skip(begin)
			for o := range begin {
				want[o] = true
			}
		}
		check(t, &ledger, want, most)
		note, err := ledger.Note()
		if err != nil {
			t.Fatal(err)
		}
		again, err := redrive.ParseLedger(ledger.Next(), note)
		if err != nil {
			t.Fatalf("%d %q: %v", ledger.Next(), note, err)
		}
		check(t, &again, want, most)
	})
}

func check(t *rapid.T, ledger *redrive.Ledger, want map[int64]bool, most int64) {
	t.Helper()
	end, next := int64(0), int64(0)
	for o := range most {
		if ledger.Has(o) != want[o] {
			t.Fatalf("Has(%d) = %v", o, ledger.Has(o))
		}
		if want[o] {
			end = o + 1
		}
		if want[o] && next == o {
			next++
		}
	}
	if ledger.Next() != next || ledger.End() != end {
		t.Fatalf("Next %d, End %d; want %d, %d", ledger.Next(), ledger.End(), next, end)
	}
}

// Kafka refuses a long note, so the ledger does before.
func TestLedgerThatIsFull(t *testing.T) {
	t.Parallel()
	var ledger redrive.Ledger
	for o := range int64(2000) {
		ledger.Add(2*o+1, 2*o+2)
	}
	if _, err := ledger.Note(); err == nil || !strings.Contains(err.Error(), "purge") {
		t.Errorf("a note of 2000 gaps gives the error %v", err)
	}
}

func TestLedgerOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for _, note := range []string{"x", "1", "1:", ":1", "0:1", "1:0", "1:1,", "-1:2", "1:1;2:2", "4611686018427387904:1", "9999999999999999999999:1", "3000000000000000000:3000000000000000000,3000000000000000000:3000000000000000000"} {
		if ledger, err := redrive.ParseLedger(5, note); err == nil {
			t.Errorf("%q was read as %v", note, ledger)
		}
	}
	if ledger, err := redrive.ParseLedger(-1, ""); err != nil || ledger.Next() != 0 {
		t.Errorf("no commit: %v, %v", ledger, err)
	}
}

func FuzzParseLedger(f *testing.F) {
	for _, note := range []string{"", "1:1", "3:1,10:2", "x", "1:4611686018427387903,1:4611686018427387903"} {
		f.Add(int64(7), note)
	}
	f.Fuzz(func(t *testing.T, next int64, note string) {
		ledger, err := redrive.ParseLedger(next, note)
		if err != nil {
			return
		}
		if ledger.End() < ledger.Next() {
			t.Fatalf("%d %q ends at %d", next, note, ledger.End())
		}
		text, err := ledger.Note()
		if err != nil {
			return
		}
		again, err := redrive.ParseLedger(ledger.Next(), text)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(ledger) {
			t.Fatalf("%d %q became %v, %v", next, note, again, err)
		}
	})
}
