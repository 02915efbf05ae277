//go:build synctests

package intake_test

const (
	twinFile  = "twin.go"
	queueFile = "../retry/queue.go"
)

// retryMutants are faults in how the engine uses retry topics. Those of the queue itself
// are in internal/retry.
var retryMutants = []mutant{
	{"a source is served before it is known who waits", []change{{
		twinFile, "return p.postponed.Load() || p.twin != nil && !p.retries && !p.twin.ready.Load()\n", "return p.postponed.Load()\n",
	}}, keyOrder},
	{"an owner writes before the group has confirmed it", []change{{
		twinFile, "\tif !t.ready.Load() || !t.long() ||", "\tif !t.long() ||",
	}}, noSkip},
	{"a record is done before its copy is stored", []change{{
		"item.go", "\tif turn == retry.Park {\n", "\tif i.entry == nil {\n\t\ti.p.done(i.mark)\n\t}\n\tif turn == retry.Park {\n",
	}}, noSkip},
	{"a commit does not say what is done behind it", []change{{
		"../retry/position.go", "EncodeToString(p.done)", "EncodeToString(nil)",
	}}, keyOrder},
	{"a copy is done later than what follows from it", []change{{
		queueFile, "\tq.cfg.Marks.Done(m)\n\tq.dirty = true\n",
		"\ttime.AfterFunc(2*time.Second, func() {\n\t\tq.cfg.Marks.Done(m)\n\t\tq.Dirty()\n\t})\n",
	}}, keyOrder},
	{"the retry partition of a lost one is served on", []change{{
		"rebalance.go", "\tfor _, p := range parts {\n\t\tp.lose()\n\t}\n",
		`	var rest []*partition
	for _, p := range parts {
		if p.retries {
			time.AfterFunc(2*time.Second, func() {
				p.lose()
				in.forget([]*partition{p})
			})
			continue
		}
		p.lose()
		rest = append(rest, p)
	}
	parts = rest
`,
	}, {
		"rebalance.go", "import (\n", "import (\n\t\"time\"\n",
	}}, oneOutcome},
	{"a record whose copy is stored is served from the source too", []change{{
		twinFile, "\t\tcase retry.Run:\n\t\t\treturn true\n", "\t\tcase retry.Run, retry.Skip:\n\t\t\treturn true\n",
	}, {
		twinFile, "\t\tcase retry.Skip:\n\t\t\titem.skip()\n\t\t\tt.release()\n\t\t\treturn false\n", "",
	}}, attempts},
	{"attempts are forgotten", []change{{
		"item.go", "return max(1, i.entry.Attempt)", "return 1",
	}}, attempts},
	{"nothing waits until it is due", []change{{
		queueFile, "\t\tif it.due.After(now) {\n", "\t\tif false {\n",
	}}, dueTime},
	{"nobody comes back for what is due", []change{{
		twinFile, "\tt.timer.Reset(max(0, wake.Sub(now)))\n", "",
	}}, progress},
	{"the position of a retry partition is not committed", []change{{
		"commits.go", "\t\tadd(t.partition, offset, epoch)\n", "",
	}}, progress},
	{"a retry partition is never full", []change{{
		queueFile, "int(q.size.Load()) >= q.cfg.Records ||", "",
	}}, bounds},
	{"any copy is written anew", []change{{
		queueFile, "!ok || at != it.copyAt {", "!ok || at < 0 {",
	}, {
		twinFile, "> max(t.most(), 2*waiting)", "> t.most()/2 && waiting > 0",
	}}, bounds},
}
