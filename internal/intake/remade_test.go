package intake_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
)

// The records of a topic that is made anew while a member runs were sent to its
// group too, and its log has nothing to do with the old one.
func TestTopicThatIsRemadeIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	d := newDiary()
	m := join(t, b, fromEnd, atOnce(), handler(d.write))
	m.ready(t)
	b.remake(t)
	b.produce(t, 0, 0, 2)
	m.owns(t, 0, 2)
	b.produce(t, 0, 2, 1)
	d.await(t, 3)
	if diff := cmp.Diff(map[int32][]int64{0: {0, 1, 2}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
	if lost := all[events.OffsetsLost](m.recorder); len(lost) != 0 {
		t.Errorf("events %+v, but the new log has lost nothing", lost)
	}
}
