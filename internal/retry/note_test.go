package retry_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// moment is 1,764,073,000,001 ms after 1970.
var moment = time.UnixMilli(1_764_073_000_001)

func original() *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Partition: 3, Offset: 258, Timestamp: moment,
		Attrs: wire.TimestampAttrs("LogAppendTime"), LeaderEpoch: -1,
		Key: []byte("a"), Value: []byte("{}"),
		Headers: []kgo.RecordHeader{
			{Key: "kafka_original-topic", Value: []byte("of the user")},
			{Key: "trace", Value: []byte("1")},
			{Key: "nothing"},
		},
	}
}

func TestBytesOfACopy(t *testing.T) {
	t.Parallel()
	failure := fmt.Errorf("charge: %w", &fs.PathError{Op: "open", Path: "x", Err: errors.New("gone")})
	n := retry.Note{
		Group: "billing", Attempt: 2, Due: moment.Add(time.Second - time.Nanosecond), Handlers: []int{1, 3}, Owner: 77, Cause: failure,
	}
	got := n.Record("orders-billing-retry", original())
	if got.Topic != "orders-billing-retry" || got.Partition != 3 || string(got.Key) != "a" || string(got.Value) != "{}" {
		t.Errorf("the copy is %v", got)
	}
	if !got.Timestamp.IsZero() {
		t.Error("the copy has the record's timestamp, so it could be older than the topic keeps records")
	}
	golden(t, got.Headers, `
		kafka_original-topic "of the user"
		trace "1"
		nothing nil
		siskin-retry "77"
		siskin-retry-handlers "1,3"
		kafka_original-topic "orders"
		kafka_original-partition "\x00\x00\x00\x03"
		kafka_original-offset "\x00\x00\x00\x00\x00\x00\x01\x02"
		kafka_original-timestamp "\x00\x00\x01\x9a\xba\xf1\xccA"
		kafka_original-timestamp-type "LogAppendTime"
		kafka_dlt-original-consumer-group "billing"
		kafka_exception-fqcn "fs.PathError"
		kafka_exception-cause-fqcn "errors.errorString"
		kafka_exception-message "charge: open x: gone"
		retry_topic-attempts "\x00\x00\x00\x02"
		retry_topic-original-timestamp "\x01\x9a\xba\xf1\xccA"
		retry_topic-backoff-timestamp "\x01\x9a\xba\xf1\xd0)"
	`)
}

func TestBytesOfAParkedCopy(t *testing.T) {
	t.Parallel()
	rec := &kgo.Record{Topic: "orders", Timestamp: time.UnixMilli(-1), Attrs: wire.TimestampAttrs("NoTimestampType")}
	got := retry.Note{Group: "g", Owner: retry.NoOwner}.Record("r", rec)
	golden(t, got.Headers, `
		siskin-retry "-"
		kafka_original-topic "orders"
		kafka_original-partition "\x00\x00\x00\x00"
		kafka_original-offset "\x00\x00\x00\x00\x00\x00\x00\x00"
		kafka_original-timestamp "\xff\xff\xff\xff\xff\xff\xff\xff"
		kafka_original-timestamp-type "NoTimestampType"
		kafka_dlt-original-consumer-group "g"
		retry_topic-attempts "\x00\x00\x00\x01"
		retry_topic-original-timestamp "\xff"
		retry_topic-backoff-timestamp "\x00"
	`)
}

func TestBytesOfAMarker(t *testing.T) {
	t.Parallel()
	got := retry.Marker("r", 2, "token")
	if got.Topic != "r" || got.Partition != 2 || got.Key != nil || got.Value != nil {
		t.Errorf("the marker is %v", got)
	}
	golden(t, got.Headers, `siskin-retry-marker "token"`)
}

func golden(t *testing.T, headers []kgo.RecordHeader, want string) {
	t.Helper()
	var got []string
	for _, h := range headers {
		value := "nil"
		if h.Value != nil {
			value = fmt.Sprintf("%q", h.Value)
		}
		got = append(got, h.Key+" "+value)
	}
	if diff := cmp.Diff(lines(want), got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}
