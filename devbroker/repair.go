package devbroker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
)

// This file mends, before kfake loads a data folder, what kfake's loading
// would make worse. The format is described at the top of kfake's persist.go.

const (
	knownFormat = 1 // meta.json's version that the repairs were written for

	// An entry of groups.log and pids.log: length (4 bytes, of what follows
	// the checksum), CRC-32C (4), version (2), data. Little endian.
	entryPrefix = 8
	entryMin    = 2

	segmentSuffix = ".dat"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// repair mends a data folder. A folder without state, or of a format that it
// does not know, is left alone.
func repair(dir string, log *slog.Logger) error {
	known, err := formatKnown(filepath.Join(dir, "meta.json"))
	if err != nil || !known {
		return err
	}
	return errors.Join(
		cutTornTail(filepath.Join(dir, "groups.log"), log),
		cutTornTail(filepath.Join(dir, "pids.log"), log),
		keepEmptiedLogs(filepath.Join(dir, "partitions"), log),
	)
}

func formatKnown(path string) (bool, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var meta struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return false, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return meta.Version == knownFormat, nil
}

// cutTornTail cuts an entry that a crash left half written off the end of a
// log. kfake ignores such a tail but appends behind it, so that everything
// written afterwards is lost at the next crash.
func cutTornTail(path string, log *slog.Logger) error {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	whole := wholeEntries(raw)
	if whole == len(raw) {
		return nil
	}
	log.Warn("cutting off a half-written end, left by a crash", "file", filepath.Base(path), "bytes", len(raw)-whole)
	return os.Truncate(path, int64(whole))
}

// wholeEntries is how many bytes at the start of a log are intact entries.
func wholeEntries(raw []byte) int {
	at := 0
	for at+entryPrefix <= len(raw) {
		length := int(binary.LittleEndian.Uint32(raw[at:]))
		end := at + entryPrefix + length
		if length < entryMin || end > len(raw) {
			break
		}
		sum := binary.LittleEndian.Uint32(raw[at+4:])
		if crc32.Checksum(raw[at+entryPrefix:end], castagnoli) != sum {
			break
		}
		at = end
	}
	return at
}

// keepEmptiedLogs sees to it that a partition whose records are all gone goes
// on at its end offset. kfake reads a partition's snapshot only if there is a
// segment file, and without one starts at offset 0: consumers that are
// further would wait for ever.
func keepEmptiedLogs(dir string, log *slog.Logger) error {
	partitions, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range partitions {
		if !p.IsDir() {
			continue
		}
		if err := keepEmptiedLog(filepath.Join(dir, p.Name()), log); err != nil {
			errs = append(errs, fmt.Errorf("partition %s: %w", p.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// keepEmptiedLog gives one partition without records an empty segment at its
// end offset, and a snapshot that says so.
func keepEmptiedLog(dir string, log *slog.Logger) error {
	empty, err := emptySegments(dir)
	if err != nil || empty == nil {
		return err
	}
	path := filepath.Join(dir, "snapshot.json")
	snapshot, end, err := readSnapshot(path)
	if err != nil || end == 0 {
		return err
	}
	log.Info("keeping the end offset of a partition without records", "partition", filepath.Base(dir), "offset", end)
	offset := strconv.FormatInt(end, 10)
	snapshot["log_start_offset"] = json.RawMessage(offset)
	snapshot["last_stable_offset"] = json.RawMessage(offset)
	snapshot["segments"] = json.RawMessage(`[{"base_offset":` + offset + `,"size":0}]`)
	if err := writeSnapshot(path, snapshot); err != nil {
		return err
	}
	for _, name := range empty {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, offset+segmentSuffix), nil, 0o644) //nolint:gosec // as kfake's own files
}

// emptySegments names the segment files of a partition if all of them are
// empty, and is nil if one is not. kfake leaves empty ones behind.
func emptySegments(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	empty := []string{}
	for _, f := range files {
		if filepath.Ext(f.Name()) != segmentSuffix {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() > 0 {
			return nil, nil
		}
		empty = append(empty, f.Name())
	}
	return empty, nil
}

// readSnapshot reads a partition's snapshot and the end offset in it, which is
// 0 if there is no snapshot or it cannot be read: kfake does without it too.
func readSnapshot(path string) (map[string]json.RawMessage, int64, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	var snapshot map[string]json.RawMessage
	var end int64
	if json.Unmarshal(raw, &snapshot) != nil || json.Unmarshal(snapshot["high_watermark"], &end) != nil {
		return nil, 0, nil
	}
	return snapshot, end, nil
}

// writeSnapshot replaces a snapshot at once, so that a crash leaves the old or
// the new one.
func writeSnapshot(path string, snapshot map[string]json.RawMessage) error {
	raw, err := json.Marshal(snapshot)
	if err != nil {
		return err
	}
	tmp := path + ".tmp"                                  // kfake removes a left-over one
	if err := os.WriteFile(tmp, raw, 0o644); err != nil { //nolint:gosec // as kfake's own files
		return err
	}
	return os.Rename(tmp, path)
}
