package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	knownFormat = 1 // meta.json's version that this package was written for

	metaFile    = "meta.json"
	topicsFile  = "topics.json"
	groupsFile  = "groups.log"
	pidsFile    = "pids.log"
	windowsFile = "seq_windows.json"
	sessionFile = "session_state.json"
	partsFolder = "partitions"

	// Ours. kfake does not look at them.
	deletingFile  = "siskin-deleting.json"
	backupFolder  = "siskin-compacting"
	backupIsWhole = "whole" // a file in the backup folder, written last
)

// tmpSuffix ends the name of a file that is not whole yet; kfake removes
// left-over ones.
const tmpSuffix = ".tmp"

// replaceFile replaces a file at once, so that a kill leaves the old or the new
// one. With sync it is on the disk at the return.
func replaceFile(path string, data []byte, sync bool) error {
	tmp := path + tmpSuffix
	if err := writeFile(tmp, data, sync); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil || !sync {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeFile(path string, data []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) //nolint:gosec // as kfake's own files
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder puts a folder's list of files on the disk. Systems that cannot do
// that do it by themselves.
func syncFolder(path string) error {
	f, err := os.Open(path) //nolint:gosec // inside the folder we were given
	if err != nil {
		return err
	}
	_ = f.Sync() // not on Windows
	return f.Close()
}

func replaceJSON(path string, v any, sync bool) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replaceFile(path, raw, sync)
}

// readJSON reads a file, and reports whether there is one.
func readJSON(path string, v any) (bool, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // inside the folder we were given
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return true, fmt.Errorf("%s is damaged: %w; put back a copy of it", path, err)
	}
	return true, nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ignoreMissing is err, but nil if it says that a file is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
