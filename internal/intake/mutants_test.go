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
	batchFile  = "../lane/batch.go"
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
		"partition.go", "marks: commit.NewPartition(), last", "marks: in.kept(k), last",
	}, {
		"partition.go", "\tif p.closed.Load() {\n\t\treturn\n\t}\n\tp.eased(", "\tp.eased(",
	}, {
		"partition.go", "func (in *Intake) newPartition(",
		`var keptMarks sync.Map

func (in *Intake) kept(k key) *commit.Partition {
	type of struct {
		*Intake
		key
	}
	if len(k.topic) > 1 { // a retry topic
		return commit.NewPartition()
	}
	marks, _ := keptMarks.LoadOrStore(of{in, k}, commit.NewPartition())
	return marks.(*commit.Partition)
}

func (in *Intake) newPartition(`,
	}}, noSkip},
	{"a lane that lets the last of a key go first", []change{{
		laneFile, "\t\tl.ready.push(waiting.pop())\n",
		"\t\tlast := len(waiting.items) - 1\n\t\tl.ready.push(waiting.items[last])\n\t\twaiting.items = waiting.items[:last]\n",
	}}, keyOrder},
	{"a lane that forgets which keys are busy", []change{{
		laneFile, "\t\tl.busy[next.key] = nil // nobody is parked yet\n", "",
	}}, keyOrder},
	{"a batch that takes keys of another one", []change{{
		batchFile, "\t\tcase busy && !here:\n", "\t\tcase busy && !here && false:\n",
	}}, keyOrder},
	{"a batch that lets others pass what failed", []change{{
		batchFile, "l.behind(t.key).unshift(t)", "l.behind(t.key).push(t)",
	}}, keyOrder},
	{"a batch that forgets what failed", []change{{
		batchFile, "\t\t\tl.ready.unshift(t)\n", "\t\t\tl.held--\n",
	}}, progress},
	{"a batch that waits for ever", []change{{
		batchFile, "\t\tg.timer.Reset(left)\n", "",
	}}, progress},
	{"new generations are not kept apart from polls", []change{{
		"rebalance.go", "\tin.gate.pass(func() {\n", "\tfunc(f func()) { f() }(func() {\n",
	}}, keyOrder},
	{"records of a repeated fetch are served again", []change{{
		"partition.go", "from := max(p.last+1, p.start.Load())\n", "from := p.start.Load()\n",
	}}, oneOutcome},
	{"a lost partition is served on", []change{{
		"partition.go", "\tp.lane.Stop()\n\tp.cancel(ErrLost)\n",
		"\tgo func() {\n\t\t<-time.After(2 * time.Second)\n\t\tp.lane.Stop()\n\t\tp.cancel(ErrLost)\n\t}()\n",
	}, {
		"partition.go", "func (p *partition) end() {\n\tp.closed.Store(true)\n\tp.cancel(ErrLost)\n",
		"func (p *partition) end() {\n\tp.closed.Store(true)\n",
	}}, oneOutcome},
	{"an earlier membership is served on", []change{{
		"rebalance.go", "\tif len(stale) == 0 {\n", "\tif true {\n",
	}, {
		"commits.go", " || p.member != member {\n\t\t\treturn ErrLost", " {\n\t\t\treturn ErrLost",
	}, {
		"commits.go", " || p.closed.Load() || p.member != member {\n", " || p.closed.Load() {\n\t\t\t_ = member\n",
	}}, progress},
	{"an outcome is lost", []change{{
		"item.go", "\ti.p.done(i.mark)\n\ti.p.open.sub()\n",
		"\tif i.Record.Offset%16 != 7 {\n\t\ti.p.done(i.mark)\n\t}\n\ti.p.open.sub()\n",
	}}, progress},
	{"a full partition is never resumed", []change{{
		"pressure.go", "\tcase paused:\n\t\tif held <= low(limit) {\n\t\t\tp.relax()\n", "\tcase paused:\n\t\tif held <= low(limit) {\n",
	}}, progress},
	{"a partition with a long span is never resumed", []change{{
		"pressure.go", "size.Bytes <= p.in.cfg.QueueBytes {\n\t\tp.relax()\n", "size.Bytes <= p.in.cfg.QueueBytes {\n",
	}}, progress},
	{"a lane that forgets who rests", []change{{
		laneFile, "n > 0 && (len(l.back) > 0 || l.runnable()) &&", "n > 0 && l.runnable() &&",
	}, {
		laneFile, "\t\tif len(l.back) > 0 {\n", "\t\tif false {\n",
	}}, progress},
	{"a lane that forgets what is parked", []change{{
		laneFile, "\t\tl.ready.push(waiting.pop())\n", "\t\twaiting.pop()\n",
	}}, progress},
	{"a revoke that does nothing", []change{{
		"rebalance.go", "\tin.stopAll(parts)\n\t_ = in.Commit(ctx)",
		"\tgo func() {\n\t\t<-time.After(2 * time.Second)\n\t\tin.stopAll(parts)\n\t}()\n",
	}, {
		"rebalance.go", "import (\n", "import (\n\t\"time\"\n",
	}}, handOver},
	{"a member that may meet NestJS servers keeps its partitions over a join", []change{{
		"../balance/eager.go", "IsCooperative() bool { return false }", "IsCooperative() bool { return true }",
	}}, oneOwner},
	{"a revoke that does not commit", []change{{
		"rebalance.go", "\tin.stopAll(parts)\n\t_ = in.Commit(ctx)", "\tin.stopAll(parts)\n",
	}}, handOver},
	{"a full partition is not held back", []change{{"pressure.go", "return held > in.cfg.QueueLimit || ", "return "}}, bounds},
	{"what was awaited in vain is not paused", []change{{
		"pressure.go", "in.find(p.key) == p {\n\t\t\tp.pause()\n", "in.find(p.key) == p {\n",
	}}, bounds},
	{"a long span is not bounded", []change{{
		"pressure.go", " || s.Span > in.cfg.UncommittedLimit ", " ",
	}}, bounds},
	{"places are not bounded", []change{{
		"../lane/places.go", "\tcase free <= 0:\n\t\treturn false\n", "\tcase true:\n\t\treturn true\n",
	}}, bounds},
}

// enough seeds find each fault: ten times as many as it takes on the average to find an
// earlier membership that is served on, which is found least often.
const enough = "-seeds=5000"

// TestMutants proves that the simulation finds what it is there to find.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(mutants, retryMutants) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			output, err := child(t, m.changes, enough, "-until="+m.invariant)
			switch {
			case err == nil:
				t.Errorf("the simulation does not notice")
			case !noticed(output, m.invariant):
				t.Errorf("the simulation fails without a word on %q:\n%s", m.invariant, output)
			}
		})
	}
}

// noticed reports whether the simulation has named the invariant, or has ended because
// the faulty engine hangs or panics: then it cannot say more.
func noticed(output, invariant string) bool {
	return slices.ContainsFunc([]string{": " + invariant + ": at ", "\nprogress: seed ", "\npanic: "}, func(sign string) bool {
		return strings.Contains("\n"+output, sign)
	})
}
