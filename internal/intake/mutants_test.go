//go:build synctests

package intake_test

import (
	"slices"
	"strings"
	"testing"
)

// mutant is an engine with a fault in it, which the simulation must find.
type mutant struct {
	name      string
	changes   []change
	invariant string // what must be reported
}

const (
	laneFile   = "../lane/lane.go"
	commitFile = "../commit/partition.go"
)

// mutants are the faults that the invariants are there for. When an engine file
// has changed, bring the same fault into its new form.
var mutants = []mutant{
	{"a commit one too far", []change{{
		commitFile,
		"return p.position, p.epoch, p.position != Unknown",
		"return p.position + 1, p.epoch, p.position != Unknown",
	}}, noSkip},
	{"a watermark that skips what is unfinished", []change{{
		commitFile,
		"for p.first < p.next && p.at(p.first).done {",
		"for p.first < p.next && (p.at(p.first).done || p.first+1 < p.next && p.at(p.first+1).done) {",
	}}, noSkip},
	{"an old generation's outcome counts for the new one", []change{{
		"partition.go",
		"marks: commit.NewPartition(), cancel",
		"marks: in.kept(k), cancel",
	}, {
		"partition.go",
		"func (in *Intake) newPartition(",
		`var keptMarks sync.Map

func (in *Intake) kept(k key) *commit.Partition {
	type of struct {
		*Intake
		key
	}
	marks, _ := keptMarks.LoadOrStore(of{in, k}, commit.NewPartition())
	return marks.(*commit.Partition)
}

func (in *Intake) newPartition(`,
	}}, noSkip},
	{"a lane out of order", []change{{
		laneFile,
		"\tl.queue = append(l.queue, records...)\n",
		"\tif l.queue = append(l.queue, records...); len(l.queue) > 2 {\n" +
			"\t\tn := len(l.queue)\n\t\tl.queue[n-1], l.queue[n-2] = l.queue[n-2], l.queue[n-1]\n\t}\n",
	}}, keyOrder},
	{"a lane that serves two at once", []change{{
		laneFile,
		"\t\t\tl.serve(rec)\n",
		"\t\t\tif i+1 < len(batch) {\n\t\t\t\tgo l.serve(rec)\n\t\t\t} else {\n\t\t\t\tl.serve(rec)\n\t\t\t}\n",
	}}, keyOrder},
	{"records of a repeated fetch are served again", []change{{
		"partition.go", "records[0].Offset <= p.last {", "records[0].Offset <= p.last && false {",
	}}, oneOutcome},
	{"a lost partition is served on", []change{{
		"rebalance.go", "\t\tp.lane.Stop()\n\t\tp.cancel()\n",
		"\t\tgo func() {\n\t\t\t<-time.After(2 * time.Second)\n\t\t\tp.lane.Stop()\n\t\t\tp.cancel()\n\t\t}()\n",
	}, {
		"rebalance.go", "import (\n", "import (\n\t\"time\"\n",
	}}, oneOutcome},
	{"an outcome is lost", []change{{
		"intake.go", "\ti.marks.Done(i.mark)\n", "\tif i.Record.Offset%16 != 7 {\n\t\ti.marks.Done(i.mark)\n\t}\n",
	}}, progress},
	{"a full partition is never resumed", []change{{
		"partition.go", "\t\tp.resume()\n", "",
	}}, progress},
	{"a revoke that does nothing", []change{{
		"rebalance.go", "\tstopAll(parts, in.cfg.Drain)\n\tin.commitNow()\n",
		"\tgo func() {\n\t\t<-time.After(2 * time.Second)\n\t\tstopAll(parts, in.cfg.Drain)\n\t}()\n",
	}, {
		"rebalance.go", "import (\n", "import (\n\t\"time\"\n",
	}}, handOver},
	{"a revoke that does not commit", []change{{
		"rebalance.go", "\tstopAll(parts, in.cfg.Drain)\n\tin.commitNow()\n", "\tstopAll(parts, in.cfg.Drain)\n",
	}}, handOver},
	{"a full partition is not paused", []change{{
		"partition.go", "\tif p.lane.Full() {\n", "\tif p.lane.Full() && false {\n",
	}}, bounds},
}

// TestMutants proves that the simulation finds what it is there to find.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			output, err := child(t, false, slices.Concat(seams, m.changes), "-seeds=1500", "-until="+m.invariant)
			switch {
			case err == nil:
				t.Errorf("the simulation does not notice")
			case !strings.Contains(output, ": "+m.invariant+": at "):
				t.Errorf("the simulation fails without a word on %q:\n%s", m.invariant, output)
			}
		})
	}
}
