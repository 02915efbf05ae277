package nestjs_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
)

var id = []byte("ABCDEFGHIJKLMNOP-1")

// BenchmarkHeaders is what the headers of a request and of its reply cost.
func BenchmarkHeaders(b *testing.B) {
	d := nestjs.Dialect{}
	b.Run("WriteRequest", func(b *testing.B) {
		req := dialect.Request{CorrelationID: id, ReplyTopic: "sum.reply", ReplyPartition: 7, Timeout: time.Minute}
		var room [4]kgo.RecordHeader
		b.ReportAllocs()
		for b.Loop() {
			d.WriteRequest(&kgo.Record{Headers: room[:0]}, req)
		}
	})
	b.Run("ReadRequest", func(b *testing.B) {
		rec := new(kgo.Record)
		d.WriteRequest(rec, dialect.Request{CorrelationID: id, ReplyTopic: "sum.reply", ReplyPartition: 7, Timeout: time.Minute})
		b.ReportAllocs()
		for b.Loop() {
			d.ReadRequest(rec)
		}
	})
	b.Run("WriteReply", func(b *testing.B) {
		var room [2]kgo.RecordHeader
		b.ReportAllocs()
		for b.Loop() {
			d.WriteReply(&kgo.Record{Headers: room[:0]}, dialect.Reply{CorrelationID: id, Last: true})
		}
	})
	b.Run("ReadReply", func(b *testing.B) {
		rec := new(kgo.Record)
		d.WriteReply(rec, dialect.Reply{CorrelationID: id, Last: true})
		b.ReportAllocs()
		for b.Loop() {
			d.ReadReply(rec)
		}
	})
}
