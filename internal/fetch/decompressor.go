package fetch

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Decompressor bounds what compressed batches become in memory. A megabyte can
// hold hundreds of batches that each become tens of megabytes, so a bound on each
// is not enough: when those of one poll take too much, the others are put off.
// The Kafka client fetches them again after the poll. Safe for concurrent use.
type Decompressor struct {
	each    kgo.Decompressor
	most    int
	perPoll int64
	used    atomic.Int64
}

// ErrLater says that a batch was put off, and no more. The Kafka client reports it
// when the batch was the first of its partition.
var ErrLater = errors.New("the batch is read later: others take the memory")

// NewDecompressor returns one for batches that take up to most bytes of memory, and
// up to perPoll together between two calls of Polled.
func NewDecompressor(most, perPoll int) (*Decompressor, error) {
	// The library has a bounded decompressor, but gives it to its clients only.
	holder, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(most), kgo.DisableClientMetrics())
	if err != nil {
		return nil, fmt.Errorf("make a decompressor: %w", err)
	}
	defer holder.Close()
	each, ok := holder.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if !ok {
		return nil, errors.New("make a decompressor: the Kafka client has none")
	}
	return &Decompressor{each: each, most: most, perPoll: int64(perPoll)}, nil
}

// Decompress is called by the Kafka client for each compressed batch. Its error is
// ErrLater, or wraps kgo.ErrMaxDecompress when the batch alone takes too much.
func (d *Decompressor) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	if d.used.Load() >= d.perPoll {
		return nil, ErrLater
	}
	out, size, err := d.one(src, codec)
	d.used.Add(int64(size))
	return out, err
}

func (d *Decompressor) one(src []byte, codec kgo.CompressionCodecType) ([]byte, int, error) {
	out, err := d.each.Decompress(src, codec)
	if errors.Is(err, kgo.ErrMaxDecompress) {
		return nil, d.most, err
	}
	if err != nil {
		return nil, 0, err
	}
	size := memory(out)
	if size > d.most {
		return nil, d.most, fmt.Errorf("%w: its records take %d bytes of memory, the most is %d",
			kgo.ErrMaxDecompress, size, d.most)
	}
	return out, size, nil
}

// Polled says that what was decompressed is in the hands of the caller, who has
// bounds of its own.
func (d *Decompressor) Polled() {
	if d.used.Load() != 0 {
		d.used.Store(0)
	}
}

// alone decompresses without regard to others.
type alone struct{ *Decompressor }

func (d alone) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	out, _, err := d.one(src, codec)
	return out, err
}

const (
	recordSize = int(unsafe.Sizeof(kgo.Record{}))
	headerSize = int(unsafe.Sizeof(kgo.RecordHeader{}))
)

// memory is what the records of a batch take once they are parsed. A record takes
// seven bytes in a batch and about two hundred in memory, and a header two and
// forty, so the bytes alone say little.
func memory(records []byte) int {
	size := len(records)
	for r := (kbin.Reader{Src: records}); r.Ok() && len(r.Src) > 0; {
		rec := kbin.Reader{Src: r.Span(int(r.Varint()))}
		rec.Int8()
		rec.Varlong()
		rec.Varint()
		rec.VarintBytes()
		rec.VarintBytes()
		size += recordSize + headerSize*max(0, int(rec.VarintArrayLen()))
	}
	return size
}
