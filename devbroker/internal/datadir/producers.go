package datadir

import (
	"math"
	"path/filepath"
)

// Types of entries in pids.log.
const (
	pidInit    = "init"
	pidEnd     = "endtx"
	pidTimeout = "timeout"
)

// pidEntry is an entry of pids.log.
type pidEntry struct {
	Type    string `json:"type"`
	PID     int64  `json:"pid"`
	Epoch   int16  `json:"epoch"`
	TxID    string `json:"txid,omitempty"`
	Timeout int32  `json:"timeout,omitempty"`
	Commit  *bool  `json:"commit,omitempty"`
}

// producers are the producers that a folder knows.
type producers struct {
	path  string
	known map[int64]pidEntry // the latest state, as a pidInit
	ended map[producer]bool  // whose end is noted
}

func readProducers(dir string) (*producers, error) {
	p := &producers{path: filepath.Join(dir, pidsFile), known: map[int64]pidEntry{}, ended: map[producer]bool{}}
	return p, eachEntry(p.path, p.apply)
}

func (p *producers) apply(e pidEntry) {
	switch e.Type {
	case pidInit:
		p.known[e.PID] = e
	case pidEnd, pidTimeout:
		known, ok := p.known[e.PID]
		if !ok {
			return
		}
		p.ended[producer{e.PID, e.Epoch}] = true
		known.Epoch = e.Epoch
		if e.Commit != nil {
			known.Commit = e.Commit
		}
		p.known[e.PID] = known
	}
}

func (p *producers) add(entries ...pidEntry) error {
	for _, e := range entries {
		p.apply(e)
	}
	return appendToLog(p.path, entries)
}

// fence gives producers whose transaction is aborted a new epoch.
func (p *producers) fence(aborted []producer) error { return p.bump(aborted, false) }

// finish gives producers whose transaction is committed a new epoch: their
// repeated request to commit is then answered with it.
func (p *producers) finish(committed []producer) error { return p.bump(committed, true) }

func (p *producers) bump(ended []producer, commit bool) error {
	var entries []pidEntry
	for _, id := range ended {
		known, ok := p.known[id.pid]
		if !ok || known.Epoch > id.epoch || id.epoch >= math.MaxInt16-1 {
			continue
		}
		known.Type, known.Epoch, known.Commit = pidInit, id.epoch+1, &commit
		entries = append(entries, known)
	}
	return p.add(entries...)
}

// learn adds producers that kfake met in batches only: it forgets them, and
// epochs that producers raise by themselves, at a kill.
func (p *producers) learn(windows []*window) error {
	var entries []pidEntry
	for _, w := range windows {
		known, ok := p.known[w.PID]
		if ok && (known.TxID != "" || known.Epoch >= w.Epoch) {
			continue
		}
		e := pidEntry{Type: pidInit, PID: w.PID, Epoch: w.Epoch}
		entries = append(entries, e)
		p.apply(e)
	}
	return appendToLog(p.path, entries)
}
