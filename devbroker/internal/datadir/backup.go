package datadir

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// BackUp keeps the segments of the compacted topics while kfake compacts them:
// it removes them all and writes them anew. No record may be written until
// [DropBackup].
func BackUp(dir string, topics []Topic) error {
	home := filepath.Join(dir, backupFolder)
	if err := DropBackup(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o755); err != nil { //nolint:gosec // as kfake's own folders
		return err
	}
	err := eachPartition(topics, func(t Topic, i int32) error {
		if !t.Compacted() {
			return nil
		}
		folder := partitionFolder(dir, t.Name, i)
		return linkSegments(folder, filepath.Join(home, filepath.Base(folder)))
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(home, backupIsWhole), nil, false)
}

// DropBackup removes the backup.
func DropBackup(dir string) error {
	home := filepath.Join(dir, backupFolder)
	if err := ignoreMissing(os.Remove(filepath.Join(home, backupIsWhole))); err != nil {
		return err
	}
	return os.RemoveAll(home)
}

// restoreBackup undoes a compaction that a kill interrupted.
func restoreBackup(dir string, log *slog.Logger) error {
	home := filepath.Join(dir, backupFolder)
	whole, err := exists(filepath.Join(home, backupIsWhole))
	if err != nil {
		return err
	}
	if !whole {
		return DropBackup(dir) // the compaction had not begun
	}
	log.Warn("undoing a compaction, interrupted by a crash")
	saved, err := os.ReadDir(home)
	if err != nil {
		return err
	}
	for _, folder := range saved {
		if !folder.IsDir() {
			continue
		}
		to := filepath.Join(dir, partsFolder, folder.Name())
		if err := removeSegments(to); err != nil {
			return err
		}
		if err := linkSegments(filepath.Join(home, folder.Name()), to); err != nil {
			return err
		}
	}
	return DropBackup(dir)
}

// linkSegments gives the segments and indexes of a folder a second name in
// another one, or copies them if the file system has no second names.
func linkSegments(from, to string) error {
	names, err := segmentNames(from)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // as kfake's own folders
		return err
	}
	for _, name := range names {
		src, dst := filepath.Join(from, name), filepath.Join(to, name)
		if os.Link(src, dst) == nil {
			continue
		}
		if err := copyFile(src, dst); err != nil {
			return err
		}
	}
	return nil
}

func removeSegments(folder string) error {
	names, err := segmentNames(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// segmentNames lists the segment and index files of a folder.
func segmentNames(folder string) ([]string, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), segmentSuffix) || strings.HasSuffix(f.Name(), indexSuffix) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from) //nolint:gosec // inside the folder we were given
	if err != nil {
		return err
	}
	defer src.Close()         //nolint:errcheck // only read
	dst, err := os.Create(to) //nolint:gosec // inside the folder we were given
	if err != nil {
		return err
	}
	if _, err = io.Copy(dst, src); err != nil {
		_ = dst.Close() // the first error is the one to report
		return err
	}
	return dst.Close()
}
