package wire_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestLast(t *testing.T) {
	t.Parallel()
	headers := []kgo.RecordHeader{
		{Key: "a", Value: []byte("1")},
		{Key: "b", Value: []byte("2")},
		{Key: "a", Value: []byte("3")},
		{Key: "empty", Value: []byte{}},
		{Key: "null", Value: []byte("4")},
		{Key: "null"},
		{Key: "", Value: []byte("5")},
	}
	for _, tt := range []struct {
		key   string
		value string
		null  bool
		found bool
	}{
		{key: "a", value: "3", found: true},
		{key: "b", value: "2", found: true},
		{key: "empty", found: true},
		{key: "null", null: true, found: true}, // the last one, although it has no value
		{key: "", value: "5", found: true},
		{key: "A", null: true},
		{key: "c", null: true},
	} {
		value, found := wire.Last(headers, tt.key)
		if string(value) != tt.value || (value == nil) != tt.null || found != tt.found {
			t.Errorf("Last(%q) = %q, %v; want %q, %v", tt.key, value, found, tt.value, tt.found)
		}
		if wire.Has(headers, tt.key) != tt.found {
			t.Errorf("Has(%q) = %v, want %v", tt.key, !tt.found, tt.found)
		}
	}
	if _, found := wire.Last(nil, "a"); found || wire.Has(nil, "a") {
		t.Error("a header was found where there are none")
	}
}

// Names on the wire are a promise to peers that run other versions or other
// frameworks.
func TestNamesOnTheWire(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		wire.CorrelationID:     "kafka_correlationId",
		wire.ReplyTopic:        "kafka_replyTopic",
		wire.ReplyPartition:    "kafka_replyPartition",
		wire.NestError:         "kafka_nest-err",
		wire.NestDisposed:      "kafka_nest-is-disposed",
		wire.Timeout:           "siskin-timeout",
		wire.TraceParent:       "traceparent",
		wire.TraceState:        "tracestate",
		wire.DeadTopic:         "kafka_dlt-original-topic",
		wire.DeadPartition:     "kafka_dlt-original-partition",
		wire.DeadOffset:        "kafka_dlt-original-offset",
		wire.DeadTimestamp:     "kafka_dlt-original-timestamp",
		wire.DeadTimestampType: "kafka_dlt-original-timestamp-type",
		wire.DeadGroup:         "kafka_dlt-original-consumer-group",
		wire.DeadErrorType:     "kafka_dlt-exception-fqcn",
		wire.DeadErrorMessage:  "kafka_dlt-exception-message",
		wire.DeadErrorCause:    "kafka_dlt-exception-cause-fqcn",
		wire.DeadErrorStack:    "kafka_dlt-exception-stacktrace",
		wire.DeadHandler:       "siskin-dlt-handler",
		wire.DeadAttempts:      "siskin-dlt-attempts",
		wire.DeadContent:       "siskin-dlt-content",
		wire.DeadBatch:         "record-batch",
		wire.DeadPointer:       "pointer",
		wire.DeadCount:         "siskin-dlt-offsets",
		wire.ReplySuffix:       ".reply",
		wire.DeadLetterSuffix:  "-dlt",
		wire.ServerPostfix:     "-server",
		wire.ClientPostfix:     "-client",
	} {
		if got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
	}
}
