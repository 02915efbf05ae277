package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const snapshotFile = "snapshot.json"

// snapshot is what a partition's segments do not say. kfake writes it only at
// an orderly end, and reads it only if its list of segments is right.
type snapshot struct {
	Version          int            `json:"version"`
	HighWatermark    int64          `json:"high_watermark"`
	LastStableOffset int64          `json:"last_stable_offset"`
	LogStartOffset   int64          `json:"log_start_offset"`
	Epoch            int32          `json:"epoch"`
	LeaderNode       int32          `json:"leader_node,omitempty"`
	MaxTimestamp     int64          `json:"max_timestamp"`
	CreatedAt        time.Time      `json:"created_at"`
	AbortedTxns      []abortedTxn   `json:"aborted_txns,omitempty"`
	Segments         []segmentEntry `json:"segments"`
}

type abortedTxn struct {
	ProducerID  int64 `json:"producer_id"`
	FirstOffset int64 `json:"first_offset"`
	LastOffset  int64 `json:"last_offset"`
}

type segmentEntry struct {
	BaseOffset int64 `json:"base_offset"`
	Size       int64 `json:"size"`
	MinEpoch   int32 `json:"min_epoch,omitempty"`
	MaxEpoch   int32 `json:"max_epoch,omitempty"`
}

// noLeader makes kfake choose a partition's leader.
const noLeader = -1

// readSnapshot reads a partition's snapshot; without one it is that of a new
// partition.
func readSnapshot(folder string) (snapshot, error) {
	s := snapshot{Version: knownFormat, LeaderNode: noLeader}
	found, err := readJSON(filepath.Join(folder, snapshotFile), &s)
	if !found {
		s.CreatedAt = time.Now()
	}
	return s, err
}

func (s snapshot) write(folder string, sync bool) error {
	return replaceJSON(filepath.Join(folder, snapshotFile), s, sync)
}

// fits reports whether a snapshot lists a partition's segments as they are.
func (s snapshot) fits(folder string) (bool, error) {
	all, err := bases(folder, segmentSuffix)
	if err != nil || len(all) != len(s.Segments) {
		return false, err
	}
	for i, base := range all {
		info, err := os.Stat(filepath.Join(folder, number(base)+segmentSuffix))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if s.Segments[i].BaseOffset != base || s.Segments[i].Size != info.Size() {
			return false, nil
		}
	}
	return true, nil
}

// Offsets are the start and the end of a partition.
type Offsets struct{ Start, End int64 }

// Keep notes the offsets of a partition of a running broker, for [Recover]:
// removed segments do not tell them any more. Nothing but the offsets, the
// epoch and the leader is kept of what was noted before.
func Keep(dir, topic string, partition int32, o Offsets, epoch, leader int32, sync bool) error {
	folder := partitionFolder(dir, topic, partition)
	s, err := readSnapshot(folder)
	if err != nil {
		return err
	}
	s.LogStartOffset, s.HighWatermark, s.LastStableOffset = o.Start, o.End, o.End
	s.Epoch, s.LeaderNode, s.Segments, s.AbortedTxns = epoch, leader, nil, nil
	return ignoreMissing(s.write(folder, sync)) // a partition without records has no folder
}
