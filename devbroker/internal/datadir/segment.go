package datadir

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentSuffix = ".dat"
	indexSuffix   = ".idx"

	// An entry of an index file, one for each batch of the segment: version
	// (1 byte), checksum (1), leader epoch (4), a timestamp that kfake does
	// not read (8), flags (1). Little endian.
	indexEntry      = 15
	indexVersion    = 1
	indexUncommited = 1 // the flag of a transactional batch
)

// segment is a segment file with its batches.
type segment struct {
	folder  string
	base    int64
	batches []batch
	size    int64
}

func (s *segment) path() string      { return filepath.Join(s.folder, number(s.base)+segmentSuffix) }
func (s *segment) indexPath() string { return filepath.Join(s.folder, number(s.base)+indexSuffix) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// bases lists the numbers of a partition's files that have a suffix, in order.
func bases(folder, suffix string) ([]int64, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var found []int64
	for _, f := range files {
		text, ok := strings.CutSuffix(f.Name(), suffix)
		if !ok {
			continue
		}
		if base, err := strconv.ParseInt(text, 10, 64); err == nil {
			found = append(found, base)
		}
	}
	slices.Sort(found)
	return found, nil
}

// readSegments reads a partition's segments and cuts off a half-written end.
// Segments without a batch are removed: kfake would leave them there.
func readSegments(folder string, log *slog.Logger) ([]*segment, error) {
	all, err := bases(folder, segmentSuffix)
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for i, base := range all {
		s := &segment{folder: folder, base: base}
		if err := s.read(i == len(all)-1, log); err != nil {
			return nil, err
		}
		if len(s.batches) > 0 {
			segments = append(segments, s)
			continue
		}
		if err := s.remove(); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// read reads the batches of a segment. What is not a whole batch is cut off if
// it is the end of the partition, which a kill leaves half written. Anywhere
// else it is damage that no kill does, and records behind it would be lost.
func (s *segment) read(last bool, log *slog.Logger) error {
	raw, err := os.ReadFile(s.path())
	if err != nil {
		return err
	}
	at := 0
	for b, ok := readBatch(raw); ok; b, ok = readBatch(raw[at:]) {
		s.batches = append(s.batches, b)
		at += b.size
	}
	s.size = int64(at)
	if at == len(raw) {
		return nil
	}
	if !last || followed(raw[at:]) {
		return fmt.Errorf("%s is damaged at byte %d, with records behind it: put back a copy of the file, or cut it to %d bytes to go on without those records",
			s.path(), at, at)
	}
	log.Warn("cutting off a half-written batch, left by a crash", "partition", filepath.Base(s.folder), "file", filepath.Base(s.path()), "bytes", len(raw)-at)
	return os.Truncate(s.path(), s.size)
}

// followed reports whether a whole batch comes behind the one that raw begins
// with, going by the size that this one claims.
func followed(raw []byte) bool {
	size := batchSize(raw)
	if size == 0 || size >= len(raw) {
		return false
	}
	_, ok := readBatch(raw[size:])
	return ok
}

func (s *segment) remove() error {
	if err := ignoreMissing(os.Remove(s.path())); err != nil {
		return err
	}
	return ignoreMissing(os.Remove(s.indexPath()))
}

// mendIndex sees to it that a segment's index has one entry for each batch.
// kfake writes the batch first: after a kill in between, all entries that
// follow would be taken for those of the batch before.
func (s *segment) mendIndex() error {
	raw, err := os.ReadFile(s.indexPath())
	if ignoreMissing(err) != nil {
		return err
	}
	var mended []byte
	for i, b := range s.batches {
		if old := indexAt(raw, i); old != nil {
			mended = append(mended, old...)
		} else {
			mended = append(mended, indexOf(b)...)
		}
	}
	if bytes.Equal(mended, raw) {
		return nil
	}
	return replaceFile(s.indexPath(), mended, false)
}

// indexAt is the i-th entry of an index, nil if it is not whole.
func indexAt(raw []byte, i int) []byte {
	if len(raw) < (i+1)*indexEntry {
		return nil
	}
	entry := raw[i*indexEntry : (i+1)*indexEntry]
	if byte(crc32.Checksum(entry[2:], castagnoli)) != entry[1] {
		return nil
	}
	return entry
}

func indexOf(b batch) []byte {
	entry := make([]byte, indexEntry)
	entry[0] = indexVersion
	binary.LittleEndian.PutUint32(entry[2:], uint32(b.leaderEpoch)) //nolint:gosec // signed on the wire
	if b.transactional() && !b.control() {
		entry[14] = indexUncommited
	}
	entry[1] = byte(crc32.Checksum(entry[2:], castagnoli))
	return entry
}

// add appends a batch to a segment and its index.
func (s *segment) add(raw []byte) error {
	b, ok := readBatch(raw)
	if !ok {
		return fmt.Errorf("%s: a batch of our own cannot be read", s.path())
	}
	if err := appendToFile(s.path(), raw); err != nil {
		return err
	}
	s.batches = append(s.batches, b)
	s.size += int64(len(raw))
	return s.mendIndex()
}

// removeOrphans removes index files without a segment.
func removeOrphans(folder string, segments []*segment) error {
	indexes, err := bases(folder, indexSuffix)
	if err != nil {
		return err
	}
	for _, base := range indexes {
		owned := slices.ContainsFunc(segments, func(s *segment) bool { return s.base == base })
		if owned {
			continue
		}
		if err := os.Remove(filepath.Join(folder, number(base)+indexSuffix)); err != nil {
			return err
		}
	}
	return nil
}
