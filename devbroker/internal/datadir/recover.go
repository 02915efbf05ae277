package datadir

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Recover mends a folder before kfake loads it. A folder without state, or of a
// format that it does not know, is left alone. It may be killed at any moment:
// the next call goes on.
//
// The error names the file that cannot be mended and the next step.
func Recover(dir string, log *slog.Logger) error {
	known, err := formatKnown(dir)
	if err != nil || !known {
		return err
	}
	err = errors.Join(mendLog(filepath.Join(dir, groupsFile), log), mendLog(filepath.Join(dir, pidsFile), log))
	if err != nil {
		return err
	}
	if err := restoreBackup(dir, log); err != nil {
		return fmt.Errorf("undo an interrupted compaction: %w", err)
	}
	if err := finishDeletions(dir, log); err != nil {
		return fmt.Errorf("finish an interrupted deletion: %w", err)
	}
	if err := renewSessions(dir, time.Now()); err != nil {
		return fmt.Errorf("renew the sessions of groups: %w", err)
	}
	topics, err := ReadTopics(dir)
	if err != nil {
		return err
	}
	orderly, err := endedOrderly(dir, topics)
	if err != nil {
		return err
	}
	if orderly {
		return keepEmptied(dir, topics, log)
	}
	return recoverRecords(dir, topics, log)
}

// Loaded notes that a broker is about to change the folder: what its last
// orderly end noted about producers is of the past then. kfake has read it.
func Loaded(dir string) error {
	return ignoreMissing(os.Remove(filepath.Join(dir, windowsFile)))
}

func formatKnown(dir string) (bool, error) {
	var meta struct {
		Version int `json:"version"`
	}
	path := filepath.Join(dir, metaFile)
	found, err := readJSON(path, &meta)
	if err != nil || found {
		return meta.Version == knownFormat, err
	}
	started, err := exists(filepath.Join(dir, topicsFile))
	if started {
		return false, fmt.Errorf("%s is missing, although there are topics: put back a copy of it", path)
	}
	return false, err
}

// endedOrderly reports whether the folder is as an orderly end left it. The
// file looked for is the last one that kfake writes then, but for the one with
// open transactions.
func endedOrderly(dir string, topics []Topic) (bool, error) {
	written, err := exists(filepath.Join(dir, windowsFile))
	if err != nil || !written {
		return false, err
	}
	sessions, err := exists(filepath.Join(dir, sessionFile))
	if err != nil {
		return false, err
	}
	orderly := true
	err = eachPartition(topics, func(t Topic, i int32) error {
		folder := partitionFolder(dir, t.Name, i)
		s, err := readSnapshot(folder)
		if err != nil {
			orderly = false // what can be done without it is done later
			return nil
		}
		fits, err := s.fits(folder)
		if !fits || s.LastStableOffset < s.HighWatermark && !sessions {
			orderly = false
		}
		return err
	})
	return orderly, err
}

// keepEmptied prepares the partitions without records after an orderly end.
func keepEmptied(dir string, topics []Topic, log *slog.Logger) error {
	return eachPartition(topics, func(t Topic, i int32) error {
		s, err := readSnapshot(partitionFolder(dir, t.Name, i))
		if err != nil || s.HighWatermark == 0 || s.LogStartOffset < s.HighWatermark {
			return err
		}
		p, err := readPartition(dir, t, i, log)
		if err != nil || len(p.segments) > 0 {
			return err
		}
		return p.saveEmpty(log)
	})
}

// recoverRecords works out from the records what kfake would have written at
// an orderly end.
func recoverRecords(dir string, topics []Topic, log *slog.Logger) error {
	var parts []*partition
	err := eachPartition(topics, func(t Topic, i int32) error {
		p, err := readPartition(dir, t, i, log)
		parts = append(parts, p)
		return err
	})
	if err != nil {
		return err
	}
	pids, err := readProducers(dir)
	if err != nil {
		return err
	}
	if err := settle(parts, pids, time.Now()); err != nil {
		return err
	}
	var windows []*window
	for _, p := range parts {
		if err := p.save(log); err != nil {
			return err
		}
		windows = append(windows, p.windows()...)
	}
	if err := pids.learn(windows); err != nil {
		return err
	}
	return writeWindows(dir, windows)
}
