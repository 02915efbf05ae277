// Package hostile makes record batches that no well-behaved client writes, and
// stores them. It is for tests only.
package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch is a record batch before it is written. The zero value is an empty one.
type Batch struct {
	// Codec is the compression that the batch says it has: 0 none, 1 gzip,
	// 2 snappy, 3 lz4, 4 zstd. Kafka knows no others.
	Codec int16
	// Records is what stands where the records should.
	Records []byte
	// Count is how many records the batch says that it has.
	Count int32
	// CRC is added to the right checksum; 0 leaves it right.
	CRC int32
	// FirstTimestamp is in milliseconds since 1970.
	FirstTimestamp int64
}

// Bytes is the batch as it stands in a produce request.
func (b Batch) Bytes() []byte {
	rb := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: b.Codec, LastOffsetDelta: b.Count - 1,
		FirstTimestamp: b.FirstTimestamp, MaxTimestamp: b.FirstTimestamp,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: b.Count, Records: b.Records,
	}
	rb.Length = int32(len(rb.AppendTo(nil)) - 12)
	raw := rb.AppendTo(nil)
	const crcAt = 17
	sum := crc32.Checksum(raw[crcAt+4:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(raw[crcAt:], sum+uint32(b.CRC))
	return raw
}

// Plain is a batch of the records' keys, values and headers, as it should be.
func Plain(records ...*kgo.Record) Batch {
	var b Batch
	for i, r := range records {
		b.Records = appendRecord(b.Records, int32(i), r)
	}
	b.Count = int32(len(records))
	return b
}

func appendRecord(dst []byte, number int32, r *kgo.Record) []byte {
	body := kbin.AppendInt8(nil, 0)
	body = kbin.AppendVarlong(body, 0)
	body = kbin.AppendVarint(body, number)
	body = kbin.AppendVarintBytes(body, r.Key)
	body = kbin.AppendVarintBytes(body, r.Value)
	body = kbin.AppendVarint(body, int32(len(r.Headers)))
	for _, h := range r.Headers {
		body = kbin.AppendVarintString(body, h.Key)
		body = kbin.AppendVarintBytes(body, h.Value)
	}
	return append(kbin.AppendVarint(dst, int32(len(body))), body...)
}

// Compressed is the batch with its records compressed.
func (b Batch) Compressed(codec int16) Batch {
	opt := map[int16]kgo.CompressionCodec{
		1: kgo.GzipCompression(), 2: kgo.SnappyCompression(), 3: kgo.Lz4Compression(), 4: kgo.ZstdCompression(),
	}[codec]
	c, err := kgo.DefaultCompressor(opt)
	if err != nil {
		panic(fmt.Sprintf("codec %d: %v", codec, err))
	}
	out, _ := c.Compress(new(bytes.Buffer), b.Records)
	b.Codec, b.Records = codec, bytes.Clone(out)
	return b
}

// Bomb is a batch of one record whose value of size zero bytes takes little
// room until it is decompressed.
func Bomb(size int) Batch {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	// The record is written in pieces: it is not to be in memory here either.
	head := kbin.AppendInt8(nil, 0)
	head = kbin.AppendVarlong(head, 0)
	head = kbin.AppendVarint(head, 0)
	head = kbin.AppendVarintBytes(head, nil)
	head = kbin.AppendVarint(head, int32(size))
	_, _ = zip.Write(kbin.AppendVarint(nil, int32(len(head)+size+1)))
	_, _ = zip.Write(head)
	zeros := []byte(strings.Repeat("\x00", 1<<16))
	for left := size; left > 0; left -= len(zeros) {
		_, _ = zip.Write(zeros[:min(left, len(zeros))])
	}
	_, _ = zip.Write([]byte{0}) // no headers
	_ = zip.Close()
	return Batch{Codec: 1, Records: out.Bytes(), Count: 1}
}
