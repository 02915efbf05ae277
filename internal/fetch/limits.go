// Package fetch bounds what a Kafka client takes into memory when it reads, and
// finds the way past what it cannot read.
package fetch

import "github.com/twmb/franz-go/pkg/kgo"

// The bounds of one reading client, in bytes. Each holds for what one response
// or one batch brings; a single batch that is larger is still read, up to the
// 100 MiB that the Kafka client takes in one response.
const (
	// MaxBytes is what one broker sends in one response. One response a broker
	// is under way or waits to be polled.
	MaxBytes = 16 << 20
	// MaxPartitionBytes is what one partition has of it.
	MaxPartitionBytes = 1 << 20
	// MaxBatchMemory is what the records of one compressed batch take in
	// memory. One that takes more is not read.
	MaxBatchMemory = 64 << 20
	// MaxPollMemory is what compressed batches take between two polls, and
	// one batch a broker beyond that.
	MaxPollMemory = 64 << 20
)

// Options are the bounds as options of a Kafka client. The client gives its
// memory to d.
func Options(d *Decompressor) []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchMaxBytes(MaxBytes),
		kgo.FetchMaxPartitionBytes(MaxPartitionBytes),
		kgo.WithDecompressor(d),
	}
}
