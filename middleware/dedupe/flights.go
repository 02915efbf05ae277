package dedupe

import "sync"

// flight is the first delivery of an id while its handler runs.
type flight struct {
	landed  chan struct{} // closed when the two below are known
	outcome Outcome
	kept    bool // false: it failed, and the next one runs
}

// flights are the ids that are being handled in this process.
type flights struct {
	mu   sync.Mutex
	byID map[ID]*flight
}

// join returns the flight of id, and whether it is the caller's own to land.
func (f *flights) join(id ID) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := f.byID[id]; at != nil {
		return at, false
	}
	at := &flight{landed: make(chan struct{})}
	if f.byID == nil {
		f.byID = make(map[ID]*flight)
	}
	f.byID[id] = at
	return at, true
}

// land lets those go on who wait.
func (f *flights) land(id ID, at *flight) {
	f.mu.Lock()
	delete(f.byID, id)
	f.mu.Unlock()
	close(at.landed)
}
