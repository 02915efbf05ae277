package commit_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What the watermark costs a record, from its fetch to its end.
func BenchmarkPartition(b *testing.B) {
	records := make([]*kgo.Record, 100)
	for i := range records {
		records[i] = &kgo.Record{Value: make([]byte, 100), Headers: []kgo.RecordHeader{
			{Key: "kafka_correlationId", Value: make([]byte, 20)},
			{Key: "kafka_replyTopic", Value: make([]byte, 20)},
			{Key: "kafka_replyPartition", Value: make([]byte, 1)},
			{Key: "siskin-timeout", Value: make([]byte, 5)},
		}}
	}
	p := commit.NewPartition()
	for n := 0; n < b.N; n += len(records) {
		for i, r := range records {
			r.Offset = int64(n + i)
		}
		first, _ := p.Begin(records, time.Time{})
		for i := range records {
			p.Done(first + commit.Mark(i))
		}
	}
}
