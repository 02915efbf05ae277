package datadir

import (
	"math"
	"path/filepath"
)

// windowSize is how many batches of a producer a broker recognises when they
// are sent again.
const windowSize = 5

// window is what a broker knows of the last batches of a producer in a
// partition. It is why a batch that is sent again is not stored twice. kfake
// writes it at an orderly end only.
type window struct {
	PID     int64                   `json:"pid"`
	Topic   string                  `json:"topic"`
	Part    int32                   `json:"partition"`
	Entries [windowSize]windowEntry `json:"entries"`
	Count   uint8                   `json:"count"`
	At      uint8                   `json:"at"` // where the next one goes
	Epoch   int16                   `json:"epoch"`
	Seen    bool                    `json:"seen"`
	NextSeq int32                   `json:"next_seq"`
}

type windowEntry struct {
	FirstSeq int32 `json:"first_seq"`
	NextSeq  int32 `json:"next_seq"`
	Offset   int64 `json:"offset"`
}

// push adds a batch that was stored.
func (w *window) push(b batch) {
	if b.epoch != w.Epoch {
		w.Entries, w.Count, w.At = [windowSize]windowEntry{}, 0, 0
	}
	w.Seen, w.Epoch = true, b.epoch
	w.NextSeq = int32((int64(b.firstSeq) + int64(b.records)) % math.MaxInt32) //nolint:gosec // as kfake counts
	w.Entries[w.At] = windowEntry{FirstSeq: b.firstSeq, NextSeq: w.NextSeq, Offset: b.firstOffset}
	w.At = (w.At + 1) % windowSize
	w.Count = min(w.Count+1, windowSize)
}

// windows are those that the batches of a partition tell.
func (p *partition) windows() []*window {
	byPID := map[int64]*window{}
	var all []*window
	p.each(func(b batch) {
		if b.pid < 0 || b.control() || b.firstSeq < 0 || p.rewritten(b) {
			return
		}
		w := byPID[b.pid]
		if w == nil {
			w = &window{PID: b.pid, Topic: p.topic.Name, Part: p.number, Epoch: b.epoch}
			byPID[b.pid] = w
			all = append(all, w)
		}
		w.push(b)
	})
	return all
}

// rewritten reports whether a batch may have lost records to compaction, which
// never touches the last one: its sequence numbers then do not tell the next.
func (p *partition) rewritten(b batch) bool {
	return p.topic.Compacted() && b.firstOffset != p.last().firstOffset
}

func writeWindows(dir string, all []*window) error {
	return replaceJSON(filepath.Join(dir, windowsFile), struct {
		Version int       `json:"version"`
		Windows []*window `json:"windows"`
	}{knownFormat, all}, false)
}
