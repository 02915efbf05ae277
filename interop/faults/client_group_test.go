package faults_test

import (
	"errors"
	"fmt"
	"slices"
)

// secondClient has two clients of one group and a reply topic of one partition.
func secondClient(x *exam) error {
	in := x.inbox(1)
	in.serve()
	group := x.unique("group")
	var clients []client
	for range 2 {
		clients = append(clients, x.subject.client(x, calling{group: group, patterns: []string{in.topic}}))
	}
	const calls = 5
	for _, c := range clients {
		failed := 0
		var err error
		for range calls {
			if e := x.ended(c, c.begin(in.topic, "x", "any")).answered(); e != nil {
				failed, err = failed+1, e
			}
		}
		if err != nil {
			return fmt.Errorf("%d of %d calls of one client fail: %w", failed, calls, err)
		}
	}
	return nil
}

// sharedGroup has two clients of one group with different patterns.
func sharedGroup(x *exam) error {
	group := x.unique("group")
	var clients []client
	var inboxes []*inbox
	for range 2 {
		in := x.inbox(1)
		in.serve()
		inboxes = append(inboxes, in)
		clients = append(clients, x.subject.client(x, calling{group: group, patterns: []string{in.topic}}))
	}
	for i, c := range clients {
		if err := x.ended(c, c.begin(inboxes[i].topic, "x", "any")).answered(); err != nil {
			return fmt.Errorf("one of the two: %w", err)
		}
	}
	return nil
}

// neighbour leaves a client whose call is under way, and a third one comes.
func neighbour(x *exam) error {
	in := x.inbox(2)
	group := x.unique("group")
	start := func() client {
		return x.subject.client(x, calling{group: group, patterns: []string{in.topic}})
	}
	leaver, stayer := start(), start()
	// With two members each has one partition.
	if probe(x, in, leaver) == 1 {
		leaver, stayer = stayer, leaver
	}
	call := stayer.begin(in.topic, "held", "any")
	held := in.next()
	leaver.close()
	x.alone(group + "-client")
	third := start()
	probe(x, in, third)
	in.answer(held, []byte("7"), end)
	// Later replies to the one that stays are read later.
	probe(x, in, stayer)
	entries, _ := stayer.log().now()
	if position(entries, func(e entry) bool { return e.Call == call }) < 0 {
		return errors.New("the reply goes to the newcomer, and the call waits for ever")
	}
	return x.ended(stayer, call).answered()
}

// probe makes one call that is answered and returns where its reply went. A
// group that is being rebalanced has no place for replies; then it asks again.
func probe(x *exam, in *inbox, c client) (partition int32) {
	x.Helper()
	x.must(poll(x.ctx, func() (bool, error) {
		call := c.begin(in.topic, "probe", "any")
		for {
			entries, changed := c.log().now()
			if position(entries, func(e entry) bool { return e.Call == call && e.Did == "error" }) >= 0 {
				return false, nil
			}
			if position(entries, func(e entry) bool { return e.Call == call && e.Did == "complete" }) >= 0 {
				return true, nil
			}
			select {
			case r := <-in.came:
				partition = partitionOf(r)
				in.answer(r, []byte("7"), end)
			case <-changed:
			case <-x.ctx.Done():
				return false, x.ctx.Err()
			}
		}
	}))
	return partition
}

// idleMember looks whether a client that only emits is a member of a group.
func idleMember(x *exam) error {
	group := x.unique("idle")
	x.subject.client(x, calling{group: group})
	if len(x.members(group+"-client")) > 0 {
		return errors.New("it is a member of a group without topics")
	}
	return nil
}

// restart kills a program that makes calls and starts another.
func restart(x *exam) error {
	in := x.inbox(1)
	in.serve()
	group := x.unique("group")
	kill := x.subject.program(x, in.topic, group)
	dead := x.members(group + "-client")
	kill()
	kill = x.subject.program(x, in.topic, group)
	defer kill()
	now := x.members(group + "-client")
	for _, m := range dead {
		if !slices.Contains(now, m) {
			return errors.New("the first call waits until the session of the dead program is over")
		}
	}
	return nil
}

// alone waits until a group, if there is one, has at most one member that knows
// what it has.
func (x *exam) alone(group string) {
	x.Helper()
	x.must(poll(x.ctx, func() (bool, error) {
		groups, err := x.plain.DescribeGroups(x.ctx, group)
		if err != nil {
			return false, err
		}
		g := groups[group]
		return len(g.Members) == 0 || len(g.Members) == 1 && g.State == "Stable", nil
	}))
}

func (x *exam) members(group string) (ids []string) {
	x.Helper()
	groups, err := x.plain.DescribeGroups(x.ctx, group)
	x.must(err)
	for _, m := range groups[group].Members {
		ids = append(ids, m.MemberID)
	}
	return ids
}
