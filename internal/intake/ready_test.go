package intake_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
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
	looked := make(chan error, 1)
	go func() { looked <- looks.Wait(testContext(t), 2) }()
	second := join(t, b, startAt(intake.Start{}))
	select {
	case <-second.joined:
		t.Error("the second member has joined before the start of the first is committed")
	case err := <-looked:
		if err != nil {
			t.Error(err)
		}
	}
	refused.Remove()
	first.ready(t)
	second.ready(t)
}
