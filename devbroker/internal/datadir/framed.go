package datadir

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	// An entry of groups.log and pids.log: length (4 bytes, of what follows
	// the checksum), CRC-32C (4), version (2), data. Little endian.
	entryPrefix  = 8
	entryHead    = 10
	entryVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mendLog leaves only whole entries in a log. A half-written one is at its end
// after a kill; behind it are entries if a broker that did not look wrote on.
// kfake reads up to the first one that is not whole, and appends behind it, so
// that everything written afterwards would be lost.
func mendLog(path string, log *slog.Logger) error {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var whole []byte
	for entry := range entries(raw) {
		whole = append(whole, entry...)
	}
	if len(whole) == len(raw) {
		return nil
	}
	log.Warn("taking a half-written entry out of a log, left by a crash", "file", filepath.Base(path), "bytes", len(raw)-len(whole))
	return replaceFile(path, whole, true)
}

// entries yields the whole entries of a log, and passes over what is none.
func entries(raw []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for at := 0; at < len(raw); {
			size := entrySize(raw[at:])
			if size == 0 {
				at++
				continue
			}
			if !yield(raw[at : at+size]) {
				return
			}
			at += size
		}
	}
}

// entrySize is the size of the entry that raw begins with, 0 if it begins with
// none.
func entrySize(raw []byte) int {
	if len(raw) < entryHead {
		return 0
	}
	length := int(binary.LittleEndian.Uint32(raw))
	if length < entryHead-entryPrefix || length > len(raw)-entryPrefix {
		return 0
	}
	size := entryPrefix + length
	if crc32.Checksum(raw[entryPrefix:size], castagnoli) != binary.LittleEndian.Uint32(raw[4:]) {
		return 0
	}
	return size
}

// appendEntry appends v to a log in memory, as JSON.
func appendEntry(raw []byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	body := binary.LittleEndian.AppendUint16(nil, entryVersion)
	body = append(body, data...)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(body))) //nolint:gosec // a small entry
	raw = binary.LittleEndian.AppendUint32(raw, crc32.Checksum(body, castagnoli))
	return append(raw, body...), nil
}

// appendToLog writes entries at the end of a log, all or, after a kill, some.
func appendToLog[E any](path string, added []E) error {
	var raw []byte
	var err error
	for _, e := range added {
		if raw, err = appendEntry(raw, e); err != nil {
			return err
		}
	}
	if len(raw) == 0 {
		return nil
	}
	return appendToFile(path, raw)
}

func appendToFile(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // as kfake's own files
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// eachEntry reads a log. Entries that are no JSON are passed over, as kfake
// does.
func eachEntry[E any](path string, use func(E)) error {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if err != nil {
		return ignoreMissing(err)
	}
	for entry := range entries(raw) {
		var e E
		if json.Unmarshal(entry[entryHead:], &e) == nil {
			use(e)
		}
	}
	return nil
}
