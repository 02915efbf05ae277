package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stage plays the plan: it starts, kills and ends the service processes, and
// restarts the brokers.
type stage struct {
	plan    plan
	cluster cluster
	folder  string
	epoch   time.Time
	say     func(format string, args ...any)

	mu     sync.Mutex
	slots  map[int]*process
	lives  []life
	wrong  []string // what no plan can want
	counts struct{ kills, joins, leaves, soft, hard int }
}

// life is a service process and its journal.
type life struct {
	Name    string
	Journal string
	Killed  bool
	Lines   []line
}

func (s *stage) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// play returns when every step of the plan is done.
func (s *stage) play(ctx context.Context) {
	var all sync.WaitGroup
	for slot := range bases + guests {
		all.Go(func() {
			for _, st := range s.plan.Steps {
				if st.Slot == slot && st.At > 0 && sleep(ctx, time.Until(s.epoch.Add(st.At))) {
					s.step(st)
				}
			}
		})
	}
	all.Go(func() {
		for i, r := range s.plan.Restarts {
			if !sleep(ctx, time.Until(s.epoch.Add(r.At))) {
				return
			}
			// On a busy machine a node takes longer to come back than the plan allows.
			if i >= s.plan.Nodes && time.Since(s.epoch) > s.plan.Length {
				return // without load nothing is to be seen
			}
			s.restart(r)
		}
	})
	all.Wait()
}

func (s *stage) restart(r restart) {
	from := time.Now()
	if err := s.cluster.restart(r); err != nil {
		s.fault("%s: %v", r, err)
		return
	}
	s.mu.Lock()
	if r.Hard {
		s.counts.hard++
	} else {
		s.counts.soft++
	}
	s.mu.Unlock()
	s.say("%s, whole again after %v", r, time.Since(from).Round(100*time.Millisecond))
}

func (s *stage) step(st step) {
	switch st.Do {
	case "start":
		s.start(st.Slot)
	case "kill":
		s.end(st.Slot, syscall.SIGKILL)
	case "leave":
		s.end(st.Slot, syscall.SIGTERM)
	}
}

// start starts a process in a slot. It returns at once.
func (s *stage) start(slot int) {
	s.mu.Lock()
	name := fmt.Sprintf("service-%d.%d", slot, len(s.lives))
	l := life{Name: name, Journal: filepath.Join(s.folder, name+".jsonl")}
	s.lives = append(s.lives, l)
	s.counts.joins++
	s.mu.Unlock()
	p, err := startProcess(name, s.folder, role{Service: &serviceSettings{
		Brokers: s.cluster.addrs(), Plan: s.plan, Slot: slot, Journal: l.Journal,
	}})
	if err != nil {
		s.fault("%s: %v", name, err)
		return
	}
	if !s.epoch.IsZero() {
		p.tell(s.epoch.Format(time.RFC3339Nano))
	}
	s.mu.Lock()
	s.slots[slot] = p
	s.mu.Unlock()
}

// begin sets the time at which the plan begins. The processes that run wait for it.
func (s *stage) begin(epoch time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = epoch
	for _, p := range s.slots {
		p.tell(epoch.Format(time.RFC3339Nano))
	}
}

// end ends the process in a slot, if there is one.
func (s *stage) end(slot int, how syscall.Signal) {
	s.mu.Lock()
	p := s.slots[slot]
	delete(s.slots, slot)
	s.mu.Unlock()
	if p == nil {
		return
	}
	asked := p.end(how)
	if p.endedBy(syscall.SIGTERM) {
		how = syscall.SIGKILL // it was asked to end before it could listen
	}
	s.mu.Lock()
	if how == syscall.SIGKILL {
		s.counts.kills++
		for i := range s.lives {
			s.lives[i].Killed = s.lives[i].Killed || s.lives[i].Name == p.name
		}
	} else {
		s.counts.leaves++
	}
	s.mu.Unlock()
	switch {
	case !asked:
		s.fault("%s ended by itself: %v\n%s", p.name, p.cmd.ProcessState, p.said())
	case p.raced():
		s.fault("%s has a data race:\n%s", p.name, p.said())
	case how == syscall.SIGTERM && p.code() != 0:
		s.fault("%s ended with code %d:\n%s", p.name, p.code(), p.said())
	}
}

// gather waits until the processes that run now have joined the group.
func (s *stage) gather() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.slots {
		if _, err := p.line(); err != nil {
			return err
		}
	}
	return nil
}

// leave ends all processes in order, one after the other, so that the last one has
// everything.
func (s *stage) leave() {
	for slot := range bases + guests {
		s.end(slot, syscall.SIGTERM)
	}
}

// kill ends what still runs after a failure.
func (s *stage) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.slots {
		p.end(syscall.SIGKILL)
	}
}

func (s *stage) running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots)
}
