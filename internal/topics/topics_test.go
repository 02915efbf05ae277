package topics_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var sameEvents = cmpopts.IgnoreUnexported(events.TopicsCreated{}, events.TopicsMissing{})

func TestNothingIsMissing(t *testing.T) {
	t.Parallel()
	for _, policy := range []topics.Policy{topics.Create, topics.Verify, topics.Wait} {
		b := setup(t, policy, "sum", "max")
		for _, specs := range [][]topics.Spec{nil, {spec("sum")}, {spec("sum"), spec("max"), spec("sum")}} {
			if err := b.Ensure(testContext(t), specs); err != nil {
				t.Errorf("%s: Ensure(%v) = %v", policy, specs, err)
			}
		}
		if len(b.seen) != 0 {
			t.Errorf("%s: events %v, want none", policy, b.seen)
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Create, "sum")
	err := b.Ensure(testContext(t), []topics.Spec{
		spec("sum"),
		{Name: "max", Partitions: 3, Replication: -1},
		{Name: "max.reply", Partitions: 2, Replication: 1, Retention: 10 * time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int{"sum": 1, "max": 3, "max.reply": 2} {
		if got := b.partitions(t, topic); got != want {
			t.Errorf("the topic %s has %d partitions, want %d", topic, got, want)
		}
	}
	configs, err := b.admin.DescribeTopicConfigs(testContext(t), "max", "max.reply")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range configs {
		for _, kv := range c.Configs {
			if kv.Source == kmsg.ConfigSourceDynamicTopicConfig {
				got[c.Name+" "+kv.Key] = *kv.Value
			}
		}
	}
	want := map[string]string{"max.reply retention.ms": "600000", "max.reply cleanup.policy": "delete"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configs set (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]events.Event{events.TopicsCreated{Topics: []string{"max", "max.reply"}}}, b.seen, sameEvents); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Two members start at once and both find the topic missing.
func TestCreateWhatSomebodyElseJustMade(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Create)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := b.Ensure(testContext(t), []topics.Spec{spec("sum"), spec("max")}); err != nil {
				t.Errorf("Ensure = %v", err)
			}
		})
	}
	wg.Wait()
	if b.partitions(t, "sum") != 1 || b.partitions(t, "max") != 1 {
		t.Error("the topics were not made")
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Verify, "sum")
	err := b.Ensure(testContext(t), []topics.Spec{spec("max"), spec("sum"), spec("min"), spec("max")})
	if !errors.Is(err, topics.ErrMissing) {
		t.Fatalf("Ensure = %v, want %v", err, topics.ErrMissing)
	}
	if text := err.Error(); !strings.Contains(text, "max, min;") || !strings.Contains(text, "Config.Topics") {
		t.Errorf("the error %q does not name the missing topics once each, and the setting", text)
	}
	if b.partitions(t, "max") != 0 || b.partitions(t, "min") != 0 {
		t.Error("a topic was made by asking for it")
	}
	if len(b.seen) != 0 {
		t.Errorf("events %v, want none", b.seen)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Wait, "sum")
	ended := make(chan error, 1)
	go func() { ended <- b.Ensure(testContext(t), []topics.Spec{spec("max"), spec("sum"), spec("min")}) }()

	missing := func(names ...string) events.Event {
		return events.TopicsMissing{Topics: names, Policy: "wait"}
	}
	if diff := cmp.Diff(missing("max", "min"), b.await(t, 1), sameEvents); diff != "" {
		t.Errorf("first event (-want +got):\n%s", diff)
	}
	asked := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "max", Observe: true, Count: -1})
	if err := asked.Wait(testContext(t), 2); err != nil { // the same is not told again
		t.Fatal(err)
	}
	b.create(t, "max")
	if diff := cmp.Diff(missing("min"), b.await(t, 2), sameEvents); diff != "" {
		t.Errorf("second event (-want +got):\n%s", diff)
	}
	b.create(t, "min")
	if err := <-ended; err != nil {
		t.Errorf("Ensure = %v", err)
	}
	if len(b.seen) != 2 {
		t.Errorf("%d events, want one a change: %v", len(b.seen), b.seen)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Wait, "sum")
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Ensure(ctx, []topics.Spec{spec("max"), spec("sum")}) }()
	b.await(t, 1)
	cancel(stopped)
	err := <-ended
	if !errors.Is(err, stopped) || !strings.Contains(err.Error(), "max") || strings.Contains(err.Error(), "sum") {
		t.Errorf("Ensure = %v, want an error with the cause and the missing topic", err)
	}
}

func TestBrokerThatIsAwayAndComesBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []topics.Policy{topics.Create, topics.Verify, topics.Wait} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			b := setup(t, policy, "sum")
			b.line.cut()
			ended := make(chan error, 1)
			go func() { ended <- b.Ensure(testContext(t), []topics.Spec{spec("sum")}) }()
			<-b.line.tried
			select {
			case err := <-ended:
				t.Fatalf("Ensure = %v while the broker is away", err)
			default:
			}
			b.line.mend()
			if err := <-ended; err != nil {
				t.Errorf("Ensure = %v", err)
			}
		})
	}
}

func TestBrokerThatStaysAway(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Verify, "sum")
	b.line.cut()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Ensure(ctx, []topics.Spec{spec("sum")}) }()
	<-b.line.tried
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, topics.ErrMissing) {
		t.Errorf("Ensure = %v, want %v", err, context.Canceled)
	}
}

func TestErrorsThatMendThemselves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.Metadata, kerr.LeaderNotAvailable},
		{kmsg.CreateTopics, kerr.ThrottlingQuotaExceeded},
		{kmsg.CreateTopics, kerr.InvalidReplicationFactor}, // a broker is away for a moment
	} {
		t.Run(tt.err.Message, func(t *testing.T) {
			t.Parallel()
			b := setup(t, topics.Create)
			failing := b.Fault(kfake.Fault{Keys: []kmsg.Key{tt.key}, Topic: "sum", Err: tt.err, Count: 2})
			if err := b.Ensure(testContext(t), []topics.Spec{spec("sum")}); err != nil {
				t.Errorf("Ensure = %v", err)
			}
			if failing.Hits() != 2 || b.partitions(t, "sum") != 1 {
				t.Errorf("after %d failures the topic has %d partitions", failing.Hits(), b.partitions(t, "sum"))
			}
			if len(b.seen) != 2 {
				t.Fatalf("events %v, want one for the trouble and one for the topic", b.seen)
			}
			if failed, ok := b.seen[0].(events.TopicsFailed); !ok || !errors.Is(failed.Err, tt.err) || !cmp.Equal(failed.Topics, []string{"sum"}) {
				t.Errorf("event %+v, want one for the topic sum and %v", b.seen[0], tt.err)
			}
		})
	}
}

func TestErrorsThatCannotMendThemselves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.Metadata, kerr.TopicAuthorizationFailed},
		{kmsg.Metadata, kerr.InvalidTopicException},
		{kmsg.CreateTopics, kerr.TopicAuthorizationFailed},
		{kmsg.CreateTopics, kerr.ClusterAuthorizationFailed},
		{kmsg.CreateTopics, kerr.InvalidPartitions},
		{kmsg.CreateTopics, kerr.PolicyViolation},
		{kmsg.CreateTopics, kerr.InvalidConfig},
	} {
		b := setup(t, topics.Create)
		b.Fault(kfake.Fault{Keys: []kmsg.Key{tt.key}, Topic: "sum", Err: tt.err, Count: -1})
		err := b.Ensure(testContext(t), []topics.Spec{spec("max"), spec("sum")})
		if !errors.Is(err, tt.err) {
			t.Errorf("Ensure = %v, want %v", err, tt.err)
		}
		if tt.key == kmsg.CreateTopics && !strings.Contains(err.Error(), `create the topic "sum"`) {
			t.Errorf("the error %q does not name the topic", err)
		}
	}
}

// A topic for what comes from another one gets as many partitions as that has.
func TestTopicIsMadeLikeAnother(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		specs []topics.Spec
		want  int
	}{
		{"one that is there", []topics.Spec{{Name: "there-dlt", Partitions: 1, Replication: -1, Like: "there"}}, 3},
		{"one that is needed too", []topics.Spec{
			{Name: "there", Partitions: 1, Replication: -1}, {Name: "there-dlt", Partitions: 1, Replication: -1, Like: "there"},
		}, 3},
		{"one that is not there", []topics.Spec{{Name: "there-dlt", Partitions: 2, Replication: -1, Like: "nowhere"}}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, topics.Create)
			if err := b.Ensure(testContext(t), []topics.Spec{{Name: "there", Partitions: 3, Replication: -1}}); err != nil {
				t.Fatal(err)
			}
			if err := b.Ensure(testContext(t), tt.specs); err != nil {
				t.Fatal(err)
			}
			if n := b.partitions(t, "there-dlt"); n != tt.want {
				t.Errorf("%d partitions, want %d", n, tt.want)
			}
			if b.partitions(t, "nowhere") != 0 {
				t.Error("a topic was made that nobody needs")
			}
		})
	}
}

// Nobody waits for somebody else to make an optional topic.
func TestOptionalTopicIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, topics.Wait)
	err := b.Ensure(testContext(t), []topics.Spec{{Name: "late", Partitions: 1, Replication: -1, Optional: true}})
	if !errors.Is(err, topics.ErrMissing) {
		t.Errorf("Ensure = %v, want %v", err, topics.ErrMissing)
	}
	if !topics.Final(err) {
		t.Errorf("%v can be mended by waiting", err)
	}
}
