package inbox_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The end is turned into a number before the first request can be sent. With
// "the end" itself, a reply that comes before the first fetch would never be
// seen.
func TestRouteReadsFromTheEndOfTheMomentItIsOpened(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	b.reply(t, "sum.reply", 0, "old", "older")
	release := make(chan struct{})
	b.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.DropControl()
		b.SleepControl(func() { <-release })
		return nil, nil, false
	})
	r := b.route(t, "sum.reply")
	b.reply(t, "sum.reply", r.Partition, "first") // before the first fetch is served
	close(release)
	b.reply(t, "sum.reply", r.Partition, "second")
	b.wantDelivered(t, "first", "second")
	want := []events.RouteOpened{{ReplyTopic: "sum.reply", Partition: 0, Offset: 2}}
	if diff := cmp.Diff(want, b.opened, cmpopts.IgnoreUnexported(events.RouteOpened{})); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A route that is added while a fetch waits at the broker must not wait for the
// end of that fetch. Here the fetch never ends, so a reply comes only when the
// inbox has started a new one.
func TestSecondRouteDoesNotWaitForTheFetchUnderWay(t *testing.T) {
	t.Parallel()
	topics := []string{"a.reply", "b.reply", "c.reply"}
	b := setup(t, 2, topics, func(c *inbox.Config) {
		c.Options = append(c.Options, kgo.FetchMaxWait(2*patience))
	})
	parked := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, TopLevel: true, Observe: true, Count: -1})
	var want []string
	for i, topic := range topics {
		r := b.route(t, topic)
		b.reply(t, topic, r.Partition, topic)
		want = append(want, topic)
		b.wantDelivered(t, want...)
		// The next fetch finds nothing and waits.
		if err := parked.Wait(testContext(t), i+2); err != nil {
			t.Fatal(err)
		}
	}
}

// They share the restarts of the fetch that waits, which ends by itself for nobody.
func TestRoutesThatComeTogetherAreAllRead(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"first.reply"}, func(c *inbox.Config) {
		c.Options = append(c.Options, kgo.FetchMaxWait(2*patience))
	})
	b.route(t, "first.reply")
	var want []string
	var opening sync.WaitGroup
	for i := range 50 {
		topic := fmt.Sprintf("%02d.reply", i)
		want = append(want, topic)
		opening.Go(func() {
			r, err := b.Route(testContext(t), topic)
			if err != nil {
				t.Error(err)
				return
			}
			rec := &kgo.Record{Topic: topic, Partition: r.Partition, Value: []byte(topic)}
			if err := b.client.ProduceSync(testContext(t), rec).FirstErr(); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	b.await(t, "the replies", func() bool { return len(b.delivered) >= len(want) })
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := slices.Sorted(slices.Values(b.delivered)); !slices.Equal(got, want) {
		t.Errorf("delivered %q, want %q", got, want)
	}
}

func TestTopicThatIsMissingIsMade(t *testing.T) {
	t.Parallel()
	b := setup(t, 3, nil)
	r := b.route(t, "sum.reply")
	b.reply(t, "sum.reply", r.Partition, "6")
	b.wantDelivered(t, "6")
	if diff := cmp.Diff([]string{"sum.reply"}, b.ensured); diff != "" {
		t.Errorf("topics made sure of (-want +got):\n%s", diff)
	}
}

func TestReadingGoesOnWhereItStoppedAfterAReconnect(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	b.route(t, "sum.reply")
	var want []string
	for i := range 5 {
		before, after := fmt.Sprint("before ", i), fmt.Sprint("after ", i)
		b.reply(t, "sum.reply", 0, before)
		b.line.cut()
		b.reply(t, "sum.reply", 0, after)
		want = append(want, before, after)
	}
	b.wantDelivered(t, want...)
	if got := b.route(t, "sum.reply"); got.Partition != 0 || len(b.left) != 0 {
		t.Errorf("the route was left: %+v", b.left)
	}
}

// Clients share partitions: an inbox hands on every record, also those that
// answer others, and reads only its own partition.
func TestOnlyThePartitionOfTheRouteIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"sum.reply"})
	r := b.route(t, "sum.reply")
	b.reply(t, "sum.reply", 1-r.Partition, "not mine")
	b.reply(t, "sum.reply", r.Partition, "mine", "my neighbour's")
	b.wantDelivered(t, "mine", "my neighbour's")
}

func TestTopicThatIsDeletedFailsItsCalls(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"sum.reply", "max.reply"}, func(c *inbox.Config) {
		c.Options = append(c.Options, kgo.MetadataMaxAge(time.Second))
	})
	sum, other := b.route(t, "sum.reply"), b.route(t, "max.reply")
	if _, err := b.admin.DeleteTopic(testContext(t), "sum.reply"); err != nil {
		t.Fatal(err)
	}
	b.await(t, "the loss of the route", func() bool { return len(b.left) > 0 })
	if len(b.lost) != 1 || b.lost[0] != sum || b.reasons[0] != inbox.ErrRouteLost {
		t.Errorf("calls failed on the routes %+v with %v; want %+v with ErrRouteLost", b.lost, b.reasons, sum)
	}
	want := []events.RouteLeft{{
		ReplyTopic: "sum.reply", Partition: sum.Partition, Reason: inbox.ErrRouteLost.Error(), Failed: 7,
	}}
	if diff := cmp.Diff(want, b.left, cmpopts.IgnoreUnexported(events.RouteLeft{})); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	again := b.route(t, "sum.reply") // makes the topic anew
	if again == sum {
		t.Fatal("the route of the deleted topic is still used")
	}
	b.client.PurgeTopicsFromProducing("sum.reply")
	b.reply(t, "sum.reply", again.Partition, "6")
	b.wantDelivered(t, "6")
	if b.route(t, "max.reply") != other {
		t.Error("the route of another topic was left too")
	}
	b.reply(t, "max.reply", other.Partition, "3")
	b.wantDelivered(t, "6", "3")
}

// The route can have moved before its topic is deleted. Whichever of its
// partitions is missed first, the route in use is gone.
func TestTopicThatIsDeletedAfterItsRouteMoved(t *testing.T) {
	t.Parallel()
	for range 2 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			b := setup(t, 2, []string{"sum.reply"})
			r := b.leave(t, b.route(t, "sum.reply"))
			if _, err := b.admin.DeleteTopic(testContext(t), "sum.reply"); err != nil {
				t.Fatal(err)
			}
			b.await(t, "the loss of the route", func() bool { return len(b.left) > 1 })
			if last := len(b.lost) - 1; last < 0 || b.lost[last] != r || b.reasons[last] != inbox.ErrRouteLost {
				t.Errorf("calls failed on the routes %+v with %v; want %+v with ErrRouteLost", b.lost, b.reasons, r)
			}
			if b.Ready("sum.reply") != nil {
				t.Error("the route is still given out")
			}
		})
	}
}
