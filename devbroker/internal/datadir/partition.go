package datadir

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// partition is a partition that is being recovered.
type partition struct {
	topic    Topic
	number   int32
	folder   string
	old      snapshot
	segments []*segment

	aborted []abortedTxn
	open    map[int64]transaction // by producer id
}

// transaction is what a partition holds of a transaction that has no end there.
type transaction struct {
	producer
	first int64 // offset
}

// producer is a producer of one epoch: with today's clients, one transaction.
type producer struct {
	pid   int64
	epoch int16
}

// readPartition reads a partition, and mends its segments and indexes.
func readPartition(dir string, t Topic, number int32, log *slog.Logger) (*partition, error) {
	p := &partition{topic: t, number: number, folder: partitionFolder(dir, t.Name, number), open: map[int64]transaction{}}
	var err error
	if p.segments, err = readSegments(p.folder, log); err != nil {
		return nil, err
	}
	if p.old, err = readSnapshot(p.folder); err != nil {
		if len(p.segments) == 0 {
			return nil, err // nothing else tells where the partition ended
		}
		log.Warn("going on without a damaged snapshot", "partition", filepath.Base(p.folder), "error", err)
		p.old = snapshot{Version: knownFormat, LeaderNode: noLeader, CreatedAt: time.Now()}
	}
	for _, s := range p.segments {
		if err := s.mendIndex(); err != nil {
			return nil, err
		}
		for _, b := range s.batches {
			p.follow(b)
		}
	}
	return p, removeOrphans(p.folder, p.segments)
}

// follow notes what a batch means for transactions.
func (p *partition) follow(b batch) {
	if !b.transactional() {
		return
	}
	t, open := p.open[b.pid]
	if !b.control() {
		if !open {
			p.open[b.pid] = transaction{producer{b.pid, b.epoch}, b.firstOffset}
		}
		return
	}
	delete(p.open, b.pid)
	if open && !b.committed {
		p.aborted = append(p.aborted, abortedTxn{ProducerID: b.pid, FirstOffset: t.first, LastOffset: b.firstOffset})
	}
}

func (p *partition) each(use func(batch)) {
	for _, s := range p.segments {
		for _, b := range s.batches {
			use(b)
		}
	}
}

func (p *partition) last() batch {
	s := p.segments[len(p.segments)-1]
	return s.batches[len(s.batches)-1]
}

// end closes a transaction that was open at a kill.
func (p *partition) end(t transaction, commit bool, now time.Time) error {
	last := p.last()
	raw := markerBatch(last.end(), last.leaderEpoch, t.pid, t.epoch, commit, now)
	if err := p.segments[len(p.segments)-1].add(raw); err != nil {
		return err
	}
	p.follow(p.last())
	return nil
}

// save writes the snapshot from which kfake loads the partition.
func (p *partition) save(log *slog.Logger) error {
	if len(p.segments) == 0 {
		return p.saveEmpty(log)
	}
	first := p.segments[0].batches[0]
	s := p.old
	s.HighWatermark = p.last().end()
	s.LastStableOffset = s.HighWatermark
	s.LogStartOffset = min(max(first.firstOffset, p.old.LogStartOffset), s.HighWatermark)
	s.Epoch = max(p.old.Epoch, p.last().leaderEpoch)
	s.CreatedAt = time.UnixMilli(first.firstTimestamp)
	slices.SortFunc(p.aborted, func(a, b abortedTxn) int { return cmp.Compare(a.LastOffset, b.LastOffset) })
	s.AbortedTxns = slices.DeleteFunc(p.aborted, func(a abortedTxn) bool { return a.LastOffset < s.LogStartOffset })
	s.Segments = nil
	for _, seg := range p.segments {
		s.Segments = append(s.Segments, segmentEntry{BaseOffset: seg.base, Size: seg.size})
	}
	return s.write(p.folder, false)
}

// saveEmpty gives a partition whose records are all gone an empty segment at
// its end, and a snapshot that says so. kfake reads the snapshot only if there
// is a segment, and without it starts at offset 0: consumers that are further
// would wait for ever.
func (p *partition) saveEmpty(log *slog.Logger) error {
	s := p.old
	if s.HighWatermark == 0 {
		return nil // nothing was ever written
	}
	log.Info("keeping the end offset of a partition without records", "partition", filepath.Base(p.folder), "offset", s.HighWatermark)
	s.LogStartOffset, s.LastStableOffset, s.AbortedTxns = s.HighWatermark, s.HighWatermark, nil
	s.Segments = []segmentEntry{{BaseOffset: s.HighWatermark}}
	if err := s.write(p.folder, false); err != nil {
		return err
	}
	empty := segment{folder: p.folder, base: s.HighWatermark}
	return writeFile(empty.path(), nil, false)
}

// settle ends the transactions that were open at the kill, in all partitions.
// One that a producer's coordinator had begun to commit is committed
// everywhere; all others are aborted, and their producers get a new epoch, so
// that none goes on in the middle of a transaction.
func settle(parts []*partition, pids *producers, now time.Time) error {
	committed := map[producer]bool{}
	for _, p := range parts {
		p.each(func(b batch) {
			if b.committed {
				committed[producer{b.pid, b.epoch}] = true
			}
		})
	}
	finish := func(id producer) bool { return committed[id] && !pids.ended[id] }
	// The epochs of the aborted come first and those of the committed last: a
	// kill in between must not change what the next start decides.
	if err := pids.fence(openIn(parts, func(id producer) bool { return !finish(id) })); err != nil {
		return err
	}
	toFinish := openIn(parts, finish)
	for _, p := range parts {
		for _, t := range slices.SortedFunc(maps.Values(p.open), byOffset) {
			if err := p.end(t, finish(t.producer), now); err != nil {
				return fmt.Errorf("end a transaction in %s: %w", p.folder, err)
			}
		}
	}
	return pids.finish(toFinish)
}

func byOffset(a, b transaction) int { return cmp.Compare(a.first, b.first) }

// openIn lists the producers with an open transaction somewhere, that are
// wanted.
func openIn(parts []*partition, wanted func(producer) bool) []producer {
	var found []producer
	for _, p := range parts {
		for _, t := range p.open {
			if wanted(t.producer) && !slices.Contains(found, t.producer) {
				found = append(found, t.producer)
			}
		}
	}
	return found
}

// eachPartition calls do for every partition of the topics and collects the
// errors.
func eachPartition(topics []Topic, do func(Topic, int32) error) error {
	var errs []error
	for _, t := range topics {
		for i := range t.Partitions {
			if err := do(t, i); err != nil {
				errs = append(errs, fmt.Errorf("topic %q partition %d: %w", t.Name, i, err))
			}
		}
	}
	return errors.Join(errs...)
}

// fileCount is the number of files in a partition's folder.
func fileCount(folder string) (int, error) {
	files, err := os.ReadDir(folder)
	return len(files), ignoreMissing(err)
}
