package migration_test

import (
	"fmt"
	"testing"

	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	work        = "work"
	cooperative = "cooperative-sticky"
)

// TestRollingMigration replaces the NestJS servers of a group by Siskin services,
// one by one, and goes all the way back, while NestJS and Siskin clients call on
// one reply topic.
func TestRollingMigration(t *testing.T) {
	s := newStage(t, work)
	firstNest := s.nestServer()
	secondNest := s.nestServer()
	load := s.load()
	steady := siskintest.Client(t, s.cfg)
	for i := range 3 {
		load.caller(fmt.Sprint("siskin-", i), mostCalls, s.bySiskin(steady, work))
	}
	nest, _ := s.nestClient(work)
	load.caller("nest", mostCalls, s.byNest(nest, work))
	s.more(byNest, 50)

	firstSiskin := s.siskinServer(work)
	s.settles(balance.Protocol, 3)
	s.more(bySiskin, 100)
	visitor, visitorLeaves := s.visitors(load, "first")
	firstNest()
	s.settles(balance.Protocol, 2)
	s.more(bySiskin, 100)
	s.more(byNest, 50)
	secondNest()
	s.settles(cooperative, 1)
	s.more(bySiskin, 200)
	secondSiskin := s.siskinServer(work)
	s.settles(cooperative, 2)
	s.more(bySiskin, 200)
	visitor.Wait()
	visitorLeaves()

	s.nestServer()
	s.settles(balance.Protocol, 3)
	s.more(byNest, 50)
	visitor, visitorLeaves = s.visitors(load, "second")
	firstSiskin()
	s.settles(balance.Protocol, 2)
	s.more(bySiskin, 50)
	s.nestServer()
	s.settles(balance.Protocol, 3)
	secondSiskin()
	s.settles(balance.Protocol, 2)
	s.more(byNest, 100)
	visitor.Wait()
	visitorLeaves()
	load.end()
	s.judge(load)
}

func (s *stage) more(by who, n int) {
	s.t.Helper()
	if err := s.ledger.more(s.ctx(), by, n); err != nil {
		s.t.Fatal(err)
	}
}

// records reads a topic whole and returns its values by place.
func (s *stage) records(topic string) map[place]string {
	s.t.Helper()
	ends, err := s.admin.ListEndOffsets(s.ctx(), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	from, missing := make(map[int32]kgo.Offset), int64(0)
	for n, end := range ends[topic] {
		from[n] = kgo.NewOffset().At(0)
		missing += end.Offset
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.cfg.Brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		s.t.Fatal(err)
	}
	defer reader.Close()
	values := make(map[place]string)
	for ctx := s.ctx(); int64(len(values)) < missing; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values[place{topic, r.Partition, r.Offset}] = string(r.Value) })
	}
	return values
}

// judge compares what was sent, received and answered. A request belongs to
// Siskin when a handler of it was given the record: by its partition and offset,
// in the generation in which the member owned that.
func (s *stage) judge(load *load) {
	s.t.Helper()
	replied := make(map[string]bool)
	for _, value := range s.records(s.topic(work) + ".reply") {
		replied[value] = true
	}
	requests := s.records(s.topic(work))
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	repeated, lost, moved := 0, 0, 0
	for at, payload := range requests {
		switch received := l.places[at]; {
		case len(received) == 0:
			s.t.Errorf("nobody has received the request %q at %v", payload, at)
		case len(received) > 1 && received[0] == bySiskin:
			s.t.Errorf("the request %q at %v was received by %v: Siskin has not given it up in order", payload, at, received)
		case len(received) > 1:
			repeated++ // a NestJS server commits after some records, and can be told to stop before
		}
		failed := l.failed[payload]
		siskins := l.senders[payload][bySiskin]
		switch {
		case siskins && !replied[payload]:
			s.t.Errorf("Siskin has received the request %q at %v, and nobody has answered it", payload, at)
		case failed != nil && replied[payload]:
			moved++
			s.t.Logf("the caller of %q did not get its reply: %v", payload, failed)
		case failed != nil:
			lost++
			s.t.Logf("NestJS servers have not answered %q at %v: %v", payload, at, failed)
		}
	}
	for payload, err := range l.failed {
		if l.senders[payload][bySiskin] && payload[:4] != "nest" {
			s.t.Errorf("the Siskin client's call %q, which Siskin has received, ended with %v", payload, err)
		}
	}
	s.t.Logf("%d calls, %d requests: NestJS received %d, Siskin %d; %d were received more than once; "+
		"NestJS servers lost %d; %d replies did not reach their caller",
		load.calls.Load(), len(requests), l.counts[byNest], l.counts[bySiskin], repeated, lost, moved)
}
