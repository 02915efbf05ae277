package fetch_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"unsafe"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/twmb/franz-go/pkg/kgo"
)

func decompressor(t *testing.T, most, perPoll int) *fetch.Decompressor {
	t.Helper()
	d, err := fetch.NewDecompressor(most, perPoll)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// of is a batch of n records with a value of some bytes and some headers.
func of(n, bytes, headers int) hostile.Batch {
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Value: make([]byte, bytes), Headers: make([]kgo.RecordHeader, headers)}
	}
	return hostile.Plain(records...)
}

func TestDecompressorBoundsABatch(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	for _, tt := range []struct {
		name  string
		batch hostile.Batch
		fits  bool
	}{
		{"one record", of(1, 1_000, 3), true},
		{"a large record", of(1, most-1_000, 0), true},
		{"a record that is too large", of(1, most+1, 0), false},
		{"many records that are nothing", of(most/int(unsafe.Sizeof(kgo.Record{})), 0, 0), false},
		{"half as many", of(most/int(unsafe.Sizeof(kgo.Record{}))/2, 0, 0), true},
		{"a record of headers that are nothing", of(1, 0, most/int(unsafe.Sizeof(kgo.RecordHeader{}))), false},
		{"half as many headers", of(1, 0, most/int(unsafe.Sizeof(kgo.RecordHeader{}))/2), true},
		{"no records", hostile.Batch{Records: []byte{0}}, true},
		{"no records but noise", hostile.Batch{Records: bytes.Repeat([]byte{0xff}, 5_000)}, true},
	} {
		for codec := int16(1); codec <= 4; codec++ {
			t.Run(fmt.Sprintf("%s, codec %d", tt.name, codec), func(t *testing.T) {
				t.Parallel()
				d := decompressor(t, most, 100*most)
				out, err := d.Decompress(tt.batch.Compressed(codec).Records, kgo.CompressionCodecType(codec))
				if tt.fits && (err != nil || !bytes.Equal(out, tt.batch.Records)) {
					t.Errorf("%d of %d bytes, %v", len(out), len(tt.batch.Records), err)
				}
				if !tt.fits && !errors.Is(err, kgo.ErrMaxDecompress) {
					t.Errorf("the error is %v, want %v", err, kgo.ErrMaxDecompress)
				}
			})
		}
	}
}

// Batches that are each within their bound are together within another.
func TestDecompressorPutsOffWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	d := decompressor(t, 1<<20, 1<<20)
	src := of(1, 300<<10, 0).Compressed(4).Records
	one := func() error {
		_, err := d.Decompress(src, kgo.CodecZstd)
		return err
	}
	for poll := range 3 {
		for i := range 4 {
			if err := one(); err != nil {
				t.Fatalf("poll %d, batch %d: %v", poll, i, err)
			}
		}
		if err := one(); !errors.Is(err, fetch.ErrLater) || fetch.Damaged(err) {
			t.Fatalf("poll %d: the error is %v, damaged: %v; want %v", poll, err, fetch.Damaged(err), fetch.ErrLater)
		}
		d.Polled()
	}
	// What is not compressed has the bounds of the response.
	if out, err := d.Decompress(src, kgo.CodecNone); err != nil || !bytes.Equal(out, src) {
		t.Errorf("%d of %d bytes, %v", len(out), len(src), err)
	}
}
