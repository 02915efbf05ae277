package deadletter_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errAway = errors.New("no broker answers")

func TestPublishTriesAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.refuse = []error{errAway}
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "orders-dlt", Err: kerr.TopicAuthorizationFailed})
	b.publish(t, failure(), errors.New("no stock"))
	if len(b.failed) != 2 || !errors.Is(b.failed[0], errAway) || !errors.Is(b.failed[1], kerr.TopicAuthorizationFailed) {
		t.Errorf("told of the failures %v, want %v and %v", b.failed, errAway, kerr.TopicAuthorizationFailed)
	}
	if n := len(b.read(t, 1)); n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
}

func TestPublishGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 1_000 {
		b.refuse = append(b.refuse, errAway)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Publish(ctx, failure(), deadletter.Failure{Cause: errors.New("no stock")}, func(err error) {
		b.failing(err)
		if len(b.failed) == 2 {
			cancel()
		}
	})
	if !errors.Is(err, errAway) || !strings.Contains(err.Error(), "orders-dlt") {
		t.Errorf("Publish = %v, want an error that names the topic and wraps %v", err, errAway)
	}
	if len(b.failed) != 2 {
		t.Errorf("tried %d times, want twice", len(b.failed))
	}
}

func TestPublishEndsWhenTheClientIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.client.Close()
	err := b.Publish(testContext(t), failure(), deadletter.Failure{Cause: errors.New("no stock")}, b.failing)
	if !errors.Is(err, kgo.ErrClientClosed) || len(b.failed) != 1 {
		t.Errorf("Publish = %v after %d failures, want %v after one", err, len(b.failed), kgo.ErrClientClosed)
	}
}

func TestTopicIsEnsuredOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.refuse = []error{errAway} // a failure does not count
	for range 3 {
		if err := b.Publish(testContext(t), failure(), deadletter.Failure{Cause: errors.New("no stock")}, b.failing); err != nil {
			t.Fatal(err)
		}
	}
	want := deadletter.Topics{Letters: "orders-dlt", Source: "orders"}
	if diff := cmp.Diff([]deadletter.Topics{want, want}, b.ensured); diff != "" {
		t.Errorf("topics ensured (-want +got):\n%s", diff)
	}
}

func TestPublishIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := b.Publish(testContext(t), failure(), deadletter.Failure{Cause: errors.New("no stock")}, b.failing); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(b.read(t, 20)); n != 20 {
		t.Errorf("%d dead letters, want 20", n)
	}
}

// The end of one letter's context must not fail its neighbours, which the Kafka
// client puts into one batch with it.
func TestCancelledPublishFailsNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	b.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		arrived <- struct{}{}
		b.SleepControl(func() { <-release })
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			of := testContext(t)
			if i%2 == 0 {
				of = ctx
			}
			if err := b.Publish(of, failure(), deadletter.Failure{Cause: errors.New("no stock")}, b.failing); err != nil && i%2 != 0 {
				t.Errorf("a neighbour failed: %v", err)
			}
		})
	}
	<-arrived
	cancel()
	close(release)
	wg.Wait()
	for _, err := range b.failed {
		t.Errorf("told of the failure %v", err)
	}
}

// A topic can be deleted while a service runs. What is written to it then must
// not be lost.
func TestTopicThatIsDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := kadm.NewClient(b.client)
	p := deadletter.NewPublisher(b.client, "shop", func(ctx context.Context, topics deadletter.Topics) error {
		_, err := admin.CreateTopic(ctx, 1, 1, nil, topics.Letters)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		return err
	})
	for _, value := range []string{"first", "second"} {
		rec := failure()
		rec.Value = []byte(value)
		if err := p.Publish(testContext(t), rec, deadletter.Failure{Cause: errors.New("no stock")}, b.failing); err != nil {
			t.Fatal(err)
		}
		if got := string(b.read(t, 1)[0].Value); got != value {
			t.Errorf("stored %q, want %q", got, value)
		}
		if _, err := admin.DeleteTopic(testContext(t), "orders-dlt"); err != nil {
			t.Fatal(err)
		}
	}
}

// A record as large as the broker takes has no room for what is written beside
// it. It must not block its partition for ever.
func TestLetterOfARecordAtTheSizeLimit(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	for _, tt := range []struct {
		name    string
		room    int // between the record and the limit
		cause   error
		headers int // beside the record's own
		failed  int
	}{
		{"room for all", 2_000, errors.New("no stock"), 8, 0},
		{"no room for the message", 2_000, errors.New(strings.Repeat("x", 5_000)), 7, 1},
		{"no room for anything", 200, errors.New("no stock"), 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, kgo.ProducerBatchMaxBytes(limit))
			rec := failure()
			rec.Value = make([]byte, limit-tt.room)
			letter := b.publish(t, rec, tt.cause)
			if got := len(letter.Headers) - len(rec.Headers); got != tt.headers {
				t.Errorf("%d headers beside the record's own, want %d", got, tt.headers)
			}
			if string(letter.Key) != "k" || len(letter.Value) != len(rec.Value) {
				t.Errorf("key %q and %d bytes of value, want those of the record", letter.Key, len(letter.Value))
			}
			if len(b.failed) != tt.failed {
				t.Errorf("told of the failures %v, want %d", b.failed, tt.failed)
			}
		})
	}
}

// A record that was compressed can be larger than what may be sent. Its letter says
// where it is, and that is all.
func TestLetterOfARecordThatIsTooLarge(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	b := setup(t, kgo.ProducerBatchMaxBytes(limit))
	rec := failure()
	rec.Value = make([]byte, 3*limit)
	f := deadletter.Failure{Cause: errors.New("no stock"), Handler: "orders", Attempts: 1}
	if err := b.Publish(testContext(t), rec, f, b.failing); err != nil {
		t.Fatal(err)
	}
	letter := b.read(t, 1)[0]
	if letter.Key != nil || letter.Value != nil || len(letter.Headers) != 11 {
		t.Errorf("key %q, %d bytes of value, headers %q; want only what is written beside a record",
			letter.Key, len(letter.Value), lines(letter.Headers))
	}
	if content, _ := wire.Last(letter.Headers, wire.DeadContent); string(content) != wire.DeadPointer {
		t.Errorf("the content is %q, want %q", content, wire.DeadPointer)
	}
	if offset, _ := wire.Last(letter.Headers, wire.DeadOffset); string(offset) != "\x00\x00\x00\x00\x00\x01\x02\x03" {
		t.Errorf("the offset is %q", offset)
	}
	why, _ := wire.Last(letter.Headers, wire.DeadErrorMessage)
	if !strings.Contains(string(why), "too large") || !strings.Contains(string(why), "no stock") {
		t.Errorf("the message is %q", why)
	}
}

// The broker can be away when a service stops.
func TestPublishEndsWithItsContextWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	b.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		arrived <- struct{}{}
		b.SleepControl(func() { <-release })
		return nil, nil, false
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	err := b.Publish(ctx, failure(), deadletter.Failure{Cause: errors.New("no stock")}, b.failing)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "orders-dlt") {
		t.Errorf("Publish = %v, want an error that names the topic and wraps %v", err, context.Canceled)
	}
}
