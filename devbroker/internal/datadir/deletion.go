package datadir

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// deletion is a topic that a request is about to delete. kfake removes its
// files first and takes it off the list last.
type deletion struct {
	Topic Topic          `json:"topic"`
	Files map[string]int `json:"files"` // how many were in each partition's folder
}

// MarkDeletion notes that topics are about to be deleted, so that [Recover]
// finishes what a kill leaves half done.
func MarkDeletion(dir string, topics []Topic, sync bool) error {
	var all []deletion
	path := filepath.Join(dir, deletingFile)
	if _, err := readJSON(path, &all); err != nil {
		return err
	}
	for _, t := range topics {
		d := deletion{Topic: t, Files: map[string]int{}}
		for i := range t.Partitions {
			folder := partitionFolder(dir, t.Name, i)
			n, err := fileCount(folder)
			if err != nil {
				return err
			}
			d.Files[filepath.Base(folder)] = n
		}
		all = append(all, d)
	}
	return replaceJSON(path, all, sync)
}

// ClearDeletions forgets the notes: all that was to be deleted is, or was
// refused.
func ClearDeletions(dir string) error {
	return ignoreMissing(os.Remove(filepath.Join(dir, deletingFile)))
}

// finishDeletions deletes the rest of topics whose deletion had begun.
func finishDeletions(dir string, log *slog.Logger) error {
	var all []deletion
	if found, err := readJSON(filepath.Join(dir, deletingFile), &all); err != nil || !found {
		return err
	}
	topics, err := ReadTopics(dir)
	if err != nil {
		return err
	}
	for _, d := range all {
		listed := slices.ContainsFunc(topics, func(t Topic) bool { return t.ID == d.Topic.ID })
		begun, err := d.begun(dir)
		if err != nil {
			return err
		}
		if !listed || !begun {
			continue
		}
		log.Warn("finishing the deletion of a topic, interrupted by a crash", "topic", d.Topic.Name)
		if err := d.finish(dir); err != nil {
			return err
		}
	}
	return ClearDeletions(dir)
}

// begun reports whether files are missing.
func (d deletion) begun(dir string) (bool, error) {
	for folder, before := range d.Files {
		now, err := fileCount(filepath.Join(dir, partsFolder, folder))
		if err != nil || now < before {
			return true, err
		}
	}
	return false, nil
}

func (d deletion) finish(dir string) error {
	for _, folder := range slices.Sorted(maps.Keys(d.Files)) {
		if err := os.RemoveAll(filepath.Join(dir, partsFolder, folder)); err != nil {
			return err
		}
	}
	return errors.Join(dropCommits(dir, d.Topic.Name), removeTopics(dir, map[string]bool{d.Topic.ID: true}))
}

// groupEntry is what is needed of an entry of groups.log.
type groupEntry struct {
	Type  string `json:"type"`
	Group string `json:"g"`
	Topic string `json:"t,omitempty"`
	Part  int32  `json:"p,omitempty"`
}

const (
	groupCommit = "commit"
	groupDelete = "delete"
)

// dropCommits removes the committed offsets of a topic from all groups.
func dropCommits(dir, topic string) error {
	path := filepath.Join(dir, groupsFile)
	live := map[groupEntry]bool{}
	err := eachEntry(path, func(e groupEntry) {
		if e.Topic != topic {
			return
		}
		committed := e.Type == groupCommit
		e.Type = groupDelete
		live[e] = committed
	})
	if err != nil {
		return err
	}
	maps.DeleteFunc(live, func(_ groupEntry, committed bool) bool { return !committed })
	return appendToLog(path, slices.Collect(maps.Keys(live)))
}
