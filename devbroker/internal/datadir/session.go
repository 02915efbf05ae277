package datadir

import (
	"encoding/json"
	"path/filepath"
	"time"
)

// object is JSON of which only a part is of interest; the rest stays as it is.
type object map[string]json.RawMessage

// renewSessions lets the sessions of all members of consumer groups begin anew, as
// Apache Kafka does when a coordinator takes over. kfake would leave out a member whose
// session has ended meanwhile, but not what it owned, which nobody would ever get.
func renewSessions(dir string, now time.Time) error {
	path := filepath.Join(dir, sessionFile)
	var file object
	found, err := readJSON(path, &file)
	if err != nil || !found {
		return nil // kfake goes on without a file that is damaged
	}
	for _, kind := range []string{"classicGroups", "consumerGroups"} {
		if err := inGroups(file, kind, now); err != nil {
			return nil
		}
	}
	return replaceJSON(path, file, false)
}

func inGroups(file object, kind string, now time.Time) error {
	if file[kind] == nil {
		return nil
	}
	var groups map[string]object
	if err := json.Unmarshal(file[kind], &groups); err != nil {
		return err
	}
	for _, g := range groups {
		var members []object
		if err := json.Unmarshal(g["members"], &members); err != nil {
			return err
		}
		for _, m := range members {
			if err := m.set("lastHeartbeat", now); err != nil {
				return err
			}
		}
		if err := g.set("members", members); err != nil {
			return err
		}
	}
	return file.set(kind, groups)
}

func (o object) set(name string, v any) (err error) {
	o[name], err = json.Marshal(v)
	return err
}
