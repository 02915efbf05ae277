package intake_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// atOnce makes the Kafka client report each error of a fetch, also those that it
// hides for a while because they may pass.
func atOnce() setting {
	return config(func(c *intake.Config) { c.Options = append(c.Options, kgo.KeepRetryableFetchErrors()) })
}

// remake deletes the topic and makes it again.
func (b *broker) remake(t *testing.T) {
	t.Helper()
	if _, err := b.admin.DeleteTopics(testContext(t), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromClient(topic)
}

func TestTopicThatIsRemadeIsReadAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	d := newDiary()
	m := join(t, b, fromBeginning, atOnce(), handler(d.write))
	d.await(t, 3)
	b.commits.await(t, 0, 3)
	b.remake(t)
	b.produce(t, 0, 0, 2)
	d.await(t, 5)
	b.commits.await(t, 0, 2)
	if diff := cmp.Diff(map[int32][]int64{0: {0, 1, 2, 0, 1}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
	m.leaves(t, 0, 1)
}

// A partition that cannot be read is reported once, and not at each of the many
// attempts a second.
func TestPartitionThatCannotBeReadIsReportedOnce(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	m := join(t, b, atOnce())
	m.ready(t)
	failing := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	if err := failing.Wait(testContext(t), 20); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 0, 0, 1)
	m.next(t).Done() // the other partition goes on
	failed := await(t, m.recorder, 1, always[events.FetchFailed])
	if failed.Topic != topic || failed.Partition != 1 || !errors.Is(failed.Err, kerr.TopicAuthorizationFailed) {
		t.Errorf("event %+v, want one for partition 1 with %v", failed, kerr.TopicAuthorizationFailed)
	}
	failing.Remove()
	b.produce(t, 1, 0, 1)
	m.next(t).Done() // and this one too, when its trouble is over
	if n := len(all[events.FetchFailed](m.recorder)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}

	again := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed,
	})
	if err := again.Wait(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	await(t, m.recorder, 2, always[events.FetchFailed])
}

func TestTopicThatIsRemadeTwiceIsReadAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	d := newDiary()
	m := join(t, b, fromBeginning, atOnce(), handler(d.write))
	d.await(t, 3)
	b.remake(t)
	m.owns(t, 0, 2)
	b.remake(t) // before any record was read
	b.produce(t, 0, 0, 2)
	d.await(t, 5)
}

// What was done on the old topic says nothing about the new one's records, which
// have the same offsets.
func TestProgressOnADeletedTopicIsNotCommittedForTheNewOne(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	refused := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: topic, Err: kerr.OffsetMetadataTooLarge, Count: -1,
	})
	d := newDiary()
	join(t, b, fromBeginning, atOnce(), handler(d.write))
	d.await(t, 3)
	if _, err := b.admin.DeleteTopics(testContext(t), topic); err != nil {
		t.Fatal(err)
	}
	refused.Remove() // now the commit of 3 would go through
	if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromClient(topic)
	b.produce(t, 0, 0, 5)
	d.await(t, 8)
	b.committedIs(t, 0, 5)
	if diff := cmp.Diff(map[int32][]int64{0: {0, 1, 2, 0, 1, 2, 3, 4}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
}

// A member that has never joined, and has no right to, ends: waiting would not help
// it, and a service without rights would wait in silence.
func TestMemberWithoutTheRightToItsGroupEnds(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.JoinGroup}, Group: group, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1,
	})
	m := join(t, b)
	select {
	case <-m.ended:
	case <-testContext(t).Done():
		t.Fatal("the member goes on")
	}
	missing, ok := errors.AsType[*security.AuthorizationError](m.err)
	if want := `READ on group "` + group + `"`; !ok || missing.Right() != want {
		t.Errorf("got %v, want the missing right %s", m.err, want)
	}
}

// One that has joined before goes on, and joins again as soon as it may.
func TestMemberThatLosesTheRightToItsGroupGoesOn(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	m := join(t, b)
	m.ready(t)
	denied := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup}, Group: group, TopLevel: true,
		Err: kerr.GroupAuthorizationFailed, Count: -1,
	})
	failed := await(t, m.recorder, 1, always[events.GroupFailed])
	if _, ok := errors.AsType[*security.AuthorizationError](failed.Err); !ok {
		t.Errorf("event %+v, want one that names the right", failed)
	}
	denied.Remove()
	b.produce(t, 0, 0, 1)
	m.next(t).Done()
}

// A member that cannot join says so.
func TestGroupThatCannotBeJoinedIsReported(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	denied := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.JoinGroup}, Group: group, TopLevel: true, Err: kerr.InvalidSessionTimeout, Count: -1,
	})
	m := join(t, b, config(func(c *intake.Config) {
		c.Options = append(c.Options, kgo.RetryBackoffFn(func(int) time.Duration { return time.Millisecond }))
	}))
	failed := await(t, m.recorder, 1, always[events.GroupFailed])
	if failed.Group != group || !errors.Is(failed.Err, kerr.InvalidSessionTimeout) {
		t.Errorf("event %+v, want one of group %q with %v", failed, group, kerr.InvalidSessionTimeout)
	}
	if err := denied.Wait(testContext(t), 5); err != nil {
		t.Fatal(err)
	}
	denied.Remove()
	b.produce(t, 0, 0, 1)
	m.next(t).Done() // it joins as soon as it may
	if n := len(all[events.GroupFailed](m.recorder)); n != 1 {
		t.Errorf("%d events, want one until the reason changes", n)
	}
}
