package intake_test

import (
	"testing"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member that starts at the end and loses its partition before the first
// commit starts again where it first did: the end has moved since.
func TestLossBeforeTheFirstCommit(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3) // before the group existed
	refused := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: topic, Err: kerr.OffsetMetadataTooLarge, Count: -1,
	})
	m := join(t, b, startAt(intake.Start{}))
	if err := refused.Wait(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-m.joined:
		t.Error("the member has joined before its start is committed")
	default:
	}
	// Fetches find nothing, so that the record is not served before the loss.
	held := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: -1,
	})
	b.produce(t, 0, 3, 1)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.UnknownMemberID})
	await(t, m.recorder, 1, func(e events.PartitionsRevoked) bool { return e.Lost })
	refused.Remove()
	held.Remove()
	m.ready(t)
	s := m.next(t)
	if s.Record.Offset != 3 {
		t.Errorf("the first record served has offset %d, want 3", s.Record.Offset)
	}
	s.Done()
}
