//go:build synctests

package intake_test

import "testing"

// seams are changes to the engine without which it cannot be simulated. While
// there are some, the simulation runs in a process of its own, which is built
// with them. Each is a reason to change the engine; best is an empty table.
var seams = []change{
	// A goroutine that waits for a sync.Mutex stops virtual time, and this one
	// is held while a commit is under way.
	{"intake.go", "commitMu sync.Mutex ", "commitMu timeless "},
	{"intake.go", "// New makes the group member.", `type timeless struct {
	once sync.Once
	free chan struct{}
}

func (t *timeless) Lock() {
	t.once.Do(func() { t.free = make(chan struct{}, 1) })
	t.free <- struct{}{}
}

func (t *timeless) Unlock() { <-t.free }

// New makes the group member.`},
}

// ported plays the simulation in another process when the engine must be changed
// for it.
func ported(t *testing.T) bool {
	if len(seams) == 0 || *inChild {
		return false
	}
	output, err := child(t, raceEnabled(), seams, seedFlags()...)
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	} else if *oneSeed != 0 {
		t.Logf("%s", output)
	}
	return true
}
