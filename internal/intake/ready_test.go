package intake_test

import (
	"testing"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member for which nothing is left has joined only when the others have committed
// where they start: if one of them dies before that, its partition starts at a later
// end, and what was sent in between is never seen.
func TestNobodyHasJoinedBeforeTheOthersStartsAreCommitted(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	refused := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: topic, Err: kerr.OffsetMetadataTooLarge, Count: -1,
	})
	first := join(t, b, startAt(intake.Start{}))
	if err := refused.Wait(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	looks := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Group: group, TopLevel: true, Observe: true, Count: -1})
	second := join(t, b, startAt(intake.Start{}))
	second.notYet(t, looks, 2)
	refused.Remove()
	first.ready(t)
	second.ready(t)
}

// A broker can say for a moment that a topic does not exist which was just made. What
// is sent there when the member has joined must not be missed.
func TestNobodyHasJoinedBeforeEachTopicIsKnown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		nestjs bool
		others []string // patterns
	}{{"alone", false, nil}, {"beside NestJS servers", true, nil}, {"with a pattern", false, []string{"^more"}}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			const late = "late"
			if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, late); err != nil {
				t.Fatal(err)
			}
			unknown := b.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Metadata}, Topic: late, Err: kerr.UnknownTopicOrPartition, Count: -1,
			})
			m := join(t, b, fromEnd, config(func(c *intake.Config) {
				c.Topics, c.Patterns, c.NestJS = []string{topic, late}, tt.others, tt.nestjs
			}))
			await(t, m.recorder, 1, func(events.PartitionsAssigned) bool { return true })
			m.notYet(t, unknown, 5)
			unknown.Remove()
			m.ready(t)
			if err := b.client.ProduceSync(testContext(t), &kgo.Record{Topic: late}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			s := m.next(t)
			if s.Record.Topic != late || s.Record.Offset != 0 {
				t.Errorf("served %s@%d, want the first record of %s", s.Record.Topic, s.Record.Offset, late)
			}
			s.Done()
		})
	}
}
