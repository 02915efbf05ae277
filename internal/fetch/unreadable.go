package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch is a record batch that cannot be read.
type Batch struct {
	// First is the offset of the first record that is not read, and Next the one
	// behind the last.
	First, Next int64
	// Epoch is the leader epoch that the batch says it was written in.
	Epoch int32
	// Raw is the batch as the broker has it.
	Raw []byte
	// Err is why it cannot be read.
	Err error
	// Stored is where somebody has kept it. Without a topic, nobody has.
	Stored events.Position
}

// ErrReadable says that nothing unreadable comes next in a partition.
var ErrReadable = errors.New("the next batch of the partition can be read")

// Damaged reports whether a fetch error can mean that a batch cannot be read: the
// Kafka client then asks for it again and again, and its error has neither a type
// nor an offset. What a broker says, and what passes, is no such error.
func Damaged(err error) bool {
	if errors.Is(err, kgo.ErrMaxDecompress) {
		return true
	}
	_, refused := errors.AsType[*kerr.Error](err)
	_, lost := errors.AsType[*kgo.ErrDataLoss](err)
	return !refused && !lost && !errors.Is(err, ErrLater) && !errors.Is(err, kgo.ErrClientClosed) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Unreadable fetches a partition from an offset on, apart from the client's own
// fetches, and returns the batch that stops it. The error is ErrReadable when there
// is none before the next record.
func Unreadable(ctx context.Context, client *kgo.Client, topic string, partition int32, at int64) (Batch, error) {
	l := look{client: client, topic: topic, partition: partition}
	if err := l.find(ctx); err != nil {
		return Batch{}, fmt.Errorf("find the leader of %s/%d: %w", topic, partition, err)
	}
	for {
		found, err := l.fetch(ctx, at)
		if err != nil {
			return Batch{}, fmt.Errorf("fetch %s/%d from offset %d: %w", topic, partition, at, err)
		}
		batch, next, err := l.judge(found, at)
		if err != nil || next == at {
			return batch, err
		}
		at = next // only marks of transactions, or records that nobody is to see
	}
}

// tooLarge fetches a batch that takes too much memory. The client says where it is,
// and has stopped reading for good: the partition must go on behind it, also when
// the batch is no longer there.
func tooLarge(ctx context.Context, client *kgo.Client, e *kgo.ErrDecompressTooLarge) (Batch, error) {
	b := Batch{First: e.Offset, Next: e.NextOffset, Epoch: e.Epoch, Err: e}
	l := look{client: client, topic: e.Topic, partition: e.Partition}
	if err := l.find(ctx); err != nil {
		return b, fmt.Errorf("find the leader of %s/%d: %w", e.Topic, e.Partition, err)
	}
	found, err := l.fetch(ctx, e.Offset)
	if err != nil && !errors.Is(err, kerr.OffsetOutOfRange) {
		return b, fmt.Errorf("fetch %s/%d from offset %d: %w", e.Topic, e.Partition, e.Offset, err)
	}
	if err == nil {
		b.Raw, _ = batchAt(found.RecordBatches, e.Offset)
	}
	return b, nil
}

type look struct {
	client    *kgo.Client
	topic     string
	partition int32
	id        [16]byte
	leader    int32
}

func (l *look) find(ctx context.Context) error {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(l.topic)
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{t}
	resp, err := req.RequestWith(ctx, l.client)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Partition == l.partition {
				l.id, l.leader = t.TopicID, p.Leader
				return kerr.ErrorForCode(p.ErrorCode)
			}
		}
	}
	return kerr.UnknownTopicOrPartition
}

func (l *look) fetch(ctx context.Context, at int64) (*kmsg.FetchResponseTopicPartition, error) {
	p := kmsg.NewFetchRequestTopicPartition()
	// A broker sends at least one whole batch, however large it is.
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = l.partition, at, MaxPartitionBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = l.topic, l.id, []kmsg.FetchRequestTopicPartition{p}
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.IsolationLevel, req.Topics = MaxPartitionBytes, 1, []kmsg.FetchRequestTopic{t}
	answer, err := l.client.Broker(int(l.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, errors.New("the broker has answered for other partitions")
	}
	found := &resp.Topics[0].Partitions[0]
	return found, kerr.ErrorForCode(found.ErrorCode)
}

// judge reads what was fetched as the client does, and returns the batch that
// stops it, or the offset that it gets to.
func (l *look) judge(found *kmsg.FetchResponseTopicPartition, at int64) (Batch, int64, error) {
	read, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: l.topic, Partition: l.partition,
	}, found, l.decompressor(), nil)
	switch {
	case len(read.Records) > 0 || len(found.RecordBatches) == 0:
		return Batch{}, at, ErrReadable
	case read.Err == nil && next > at:
		return Batch{}, next, nil
	case read.Err == nil:
		read.Err = errors.New("its records cannot be parsed")
	}
	raw, ok := batchAt(found.RecordBatches, next)
	if !ok {
		return Batch{}, at, fmt.Errorf("the broker has sent no whole batch: %w", read.Err)
	}
	b := Batch{First: next, Next: min(after(raw), found.HighWatermark), Epoch: -1, Raw: raw, Err: read.Err}
	b.Next = max(b.Next, next+1) // whatever its header says: it must be passed
	if raw[magicAt] >= 2 {
		b.Epoch = int32(binary.BigEndian.Uint32(raw[epochAt:]))
	}
	return b, at, nil
}

// decompressor is the client's own, but puts nothing off.
func (l *look) decompressor() kgo.Decompressor {
	d, _ := l.client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if bounded, ok := d.(*Decompressor); ok {
		return alone{bounded}
	}
	return d
}

// Where the fields of a record batch stand. The first three are where those of
// the message sets before it stand.
const (
	lengthAt    = 8
	epochAt     = 12
	magicAt     = 16
	lastDeltaAt = 23
	headEnd     = 27
)

// Where the fields behind those stand in a record batch.
const (
	attributesAt   = 21
	firstWrittenAt = 27
	lastWrittenAt  = 35
	timesEnd       = 43
)

// Written is the timestamp of the first record of the batch, and its type as the
// Kafka client numbers it: 0 for that of the producer, 1 for that of the broker, -1
// where the batch has none.
func (b Batch) Written() (time.Time, int8) {
	if len(b.Raw) < timesEnd || b.Raw[magicAt] < 2 {
		return time.UnixMilli(-1), -1
	}
	if byBroker := b.Raw[attributesAt+1]&8 != 0; byBroker {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(b.Raw[lastWrittenAt:]))), 1
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b.Raw[firstWrittenAt:]))), 0
}

// batchAt returns the first whole batch with records at or after an offset.
func batchAt(batches []byte, offset int64) ([]byte, bool) {
	for len(batches) >= headEnd {
		size := int64(epochAt) + int64(int32(binary.BigEndian.Uint32(batches[lengthAt:])))
		if size < headEnd || size > int64(len(batches)) {
			return nil, false
		}
		raw := batches[:size:size]
		if first := int64(binary.BigEndian.Uint64(raw)); first >= offset || after(raw) > offset {
			return raw, true
		}
		batches = batches[size:]
	}
	return nil, false
}

// after is the offset behind the last record of a batch.
func after(raw []byte) int64 {
	first := int64(binary.BigEndian.Uint64(raw))
	if raw[magicAt] < 2 {
		return first + 1
	}
	return first + int64(int32(binary.BigEndian.Uint32(raw[lastDeltaAt:]))) + 1
}
