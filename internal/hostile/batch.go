// Package hostile makes record batches that no well-behaved client writes, and
// stores them. It is for tests only.
package hostile

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

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
	// FirstTimestamp is in milliseconds since 1970. A broker's retention removes what
	// is old, at any moment, so the functions of this package write the current time.
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
	b := Batch{FirstTimestamp: time.Now().UnixMilli()}
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

// Crowd is a batch of one record with a number of headers, which take two bytes each
// in the record, next to nothing in the batch, and forty in memory. The race detector
// notes each byte that is decompressed, so a Bomb takes it seconds and a Crowd does not.
func Crowd(headers int) Batch {
	body := kbin.AppendInt8(nil, 0)
	body = kbin.AppendVarlong(body, 0)
	body = kbin.AppendVarint(body, 0)
	body = kbin.AppendVarintBytes(body, nil)
	body = kbin.AppendVarintBytes(body, nil)
	body = kbin.AppendVarint(body, int32(headers))
	body = append(body, make([]byte, 2*headers)...) // without a name or a value
	records := append(kbin.AppendVarint(nil, int32(len(body))), body...)
	return Batch{Records: records, Count: 1, FirstTimestamp: time.Now().UnixMilli()}.Compressed(1)
}

// Bomb is a batch of one record whose value of a number of mebibytes of zeros takes
// little room until it is decompressed.
func Bomb(mebibytes int) Batch {
	const piece = 1 << 20
	size := mebibytes * piece
	head := kbin.AppendInt8(nil, 0)
	head = kbin.AppendVarlong(head, 0)
	head = kbin.AppendVarint(head, 0)
	head = kbin.AppendVarintBytes(head, nil)
	head = kbin.AppendVarint(head, int32(size))
	head = append(kbin.AppendVarint(nil, int32(len(head)+size+1)), head...)

	// Compressed by hand: the second piece of zeros looks like all later ones.
	var out bytes.Buffer
	deflate, _ := flate.NewWriter(&out, flate.BestCompression)
	zeros, sum := make([]byte, piece), crc32.NewIEEE()
	write := func(b []byte) []byte {
		from := out.Len()
		_, _ = deflate.Write(b)
		_ = deflate.Flush()
		return out.Bytes()[from:]
	}
	out.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}) // the header of gzip
	write(head)
	write(zeros)
	again := bytes.Clone(write(zeros))
	for range mebibytes - 2 {
		out.Write(again)
	}
	write([]byte{0}) // no headers
	_ = deflate.Close()
	_, _ = sum.Write(head)
	for range mebibytes {
		_, _ = sum.Write(zeros)
	}
	_, _ = sum.Write([]byte{0})
	tail := binary.LittleEndian.AppendUint32(nil, sum.Sum32())
	out.Write(binary.LittleEndian.AppendUint32(tail, uint32(len(head)+size+1)))
	return Batch{Codec: 1, Records: out.Bytes(), Count: 1, FirstTimestamp: time.Now().UnixMilli()}
}
