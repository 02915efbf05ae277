package datadir

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
)

// Topic is a topic of the folder.
type Topic struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"` // base64
	Partitions int32             `json:"partitions"`
	Configs    map[string]string `json:"configs"`
}

// Compacted reports whether old records of a key are removed from the topic.
func (t Topic) Compacted() bool { return strings.Contains(t.Configs["cleanup.policy"], "compact") }

// ReadTopics reads the topics of a folder, also while a broker runs.
func ReadTopics(dir string) ([]Topic, error) {
	var file struct {
		Topics []Topic `json:"topics"`
	}
	_, err := readJSON(filepath.Join(dir, topicsFile), &file)
	return file.Topics, err
}

// removeTopics removes topics from the list, by their ids. All else in it stays
// as it is.
func removeTopics(dir string, gone map[string]bool) error {
	path := filepath.Join(dir, topicsFile)
	var file map[string]json.RawMessage
	var topics, kept []json.RawMessage
	if found, err := readJSON(path, &file); err != nil || !found {
		return err
	}
	if err := json.Unmarshal(file["topics"], &topics); err != nil {
		return err
	}
	for _, raw := range topics {
		var t Topic
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		if !gone[t.ID] {
			kept = append(kept, raw)
		}
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	file["topics"] = raw
	return replaceJSON(path, file, true)
}

func partitionFolder(dir, topic string, partition int32) string {
	return filepath.Join(dir, partsFolder, url.PathEscape(topic)+"-"+number(int64(partition)))
}
