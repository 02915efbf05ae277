package proof_test

import (
	"encoding/json"
	"os"
	"testing"
)

// member is a service process, one member of the group.
type member struct {
	*process
	ledger *ledger
	ready  chan struct{}
}

// group starts members that share the work on the same topics.
type group struct {
	t        *testing.T
	settings serviceSettings
	ledger   *ledger
}

// join starts a member and returns when it has joined.
func (g *group) join(name string) *member {
	g.t.Helper()
	m := g.begin(name)
	receive(g.t, m.ready)
	return m
}

// begin starts a member and does not wait for it.
func (g *group) begin(name string) *member {
	g.t.Helper()
	settings, err := json.Marshal(g.settings)
	if err != nil {
		g.t.Fatal(err)
	}
	m := &member{ledger: g.ledger, ready: make(chan struct{})}
	hear := func(text string) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			g.t.Errorf("%s wrote %q: %v", name, text, err)
			return
		}
		if l.What == "ready" {
			close(m.ready)
		}
		g.ledger.hear(name, l)
	}
	g.ledger.note(name + " starts")
	m.process = start(g.t, name, []string{serviceEnv + "=" + string(settings)}, hear, os.Args[0])
	return m
}

// leave ends the member in order.
func (m *member) leave() {
	m.t.Helper()
	m.ledger.note(m.name + " is asked to end")
	m.process.leave()
	m.ledger.note(m.name + " has ended")
}

// kill ends the member as a crash would.
func (m *member) kill() {
	m.ledger.note(m.name + " is killed")
	m.process.kill()
}
