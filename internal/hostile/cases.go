package hostile

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Case is a batch that cannot be read.
type Case struct {
	Name string
	Batch
	// Anywhere is true when Apache Kafka stores the batch too, and not only a
	// broker that does not look into batches.
	Anywhere bool
}

// Unreadable are batches that a broker stores and the Kafka client cannot read.
// Each says that it has as many records as Count.
func Unreadable() []Case {
	good := Plain(
		&kgo.Record{Key: []byte("k"), Value: bytes.Repeat([]byte("abcdefgh"), 500)}, &kgo.Record{Value: []byte("second")},
	)
	var all []Case
	now := time.Now().UnixMilli()
	for codec, name := range []string{1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"} {
		if name == "" {
			continue
		}
		torn := good.Compressed(int16(codec))
		for i := len(torn.Records) / 2; i < len(torn.Records); i++ {
			torn.Records[i] ^= 0x5a
		}
		text := Batch{Codec: int16(codec), Records: []byte("this was never compressed"), Count: 2, FirstTimestamp: now}
		all = append(all, Case{Name: "damaged " + name, Batch: torn}, Case{Name: "text as " + name, Batch: text})
	}
	// Kafka stops at the end of the compressed stream; the Kafka client of Go
	// reads on and finds that what follows is no other one.
	trailing := good.Compressed(1)
	trailing.Records = append(trailing.Records, "and more"...)
	return append(all,
		Case{Name: "gzip with more behind it", Batch: trailing, Anywhere: true},
		Case{Name: "bomb", Batch: Crowd(2_000_000), Anywhere: true},
		Case{Name: "records without bytes", Batch: Batch{Count: 3, FirstTimestamp: now}},
	)
}
