package siskin

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/serving"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Header is one header of a record. Headers are an ordered list in which a name
// may repeat.
type Header = kgo.RecordHeader

// RecordMetadata says where the broker stored a record.
type RecordMetadata struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
}

// Delivery is a record on its way to a handler. It is valid until the handler
// returns, and Commit also after that. It may be read from several goroutines;
// its bytes must not be changed.
type Delivery struct {
	record  *kgo.Record
	item    *intake.Item // for Commit, with ManualCommit
	attempt int
	request bool
	codec   codec.Codec
}

// DeliveryFrom returns the delivery that a handler's context belongs to. Inside
// a handler it is always there, but for one of OnBatch, which has DeliveriesFrom;
// elsewhere it returns nil and false. A call made with the context carries only the
// trace context and the remaining time on, never the headers of the delivery.
func DeliveryFrom(ctx context.Context) (*Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(*Delivery)
	return d, ok
}

type deliveryKey struct{}

// deliveryContext is context.WithValue in one allocation with the value.
type deliveryContext struct {
	context.Context
	delivery Delivery
}

func (c *deliveryContext) Value(key any) any {
	if key == (deliveryKey{}) {
		return &c.delivery
	}
	return c.Context.Value(key)
}

// batch is the context of a batch handler, with its records. A delivery is made of one
// when somebody asks for it: most handlers only want the values.
type batch struct {
	context.Context
	service *Service
	size    int
	attempt func(i int) serving.Attempt
	good    []int   // the indexes of those whose values the handler gets, or nil for all
	failed  []error // by index, or nil for none
}

type batchKey struct{}

func (b *batch) Value(key any) any {
	if key == (batchKey{}) {
		return b
	}
	return b.Context.Value(key)
}

// DeliveriesFrom returns the deliveries of a batch, in the order of the values that
// its handler got; see OnBatch. Outside of a batch handler it returns nil. In one,
// DeliveryFrom finds nothing, and calls made with its context carry no trace on: its
// records may have several.
func DeliveriesFrom(ctx context.Context) []*Delivery {
	b, ok := ctx.Value(batchKey{}).(*batch)
	if !ok {
		return nil
	}
	all := make([]*Delivery, b.count())
	for i := range all {
		d := b.delivery(b.index(i))
		all[i] = &d
	}
	return all
}

func (b *batch) delivery(i int) Delivery { return b.service.delivery(b.attempt(i)) }

// count is how many values the handler gets.
func (b *batch) count() int {
	if b.good == nil {
		return b.size
	}
	return len(b.good)
}

// index is that of the record of a value.
func (b *batch) index(value int) int {
	if b.good == nil {
		return value
	}
	return b.good[value]
}

func (b *batch) fail(i int, err error) {
	if b.failed == nil {
		b.failed = make([]error, b.size)
	}
	b.failed[i] = err
}

// leaveOut fails a record before the handler runs. Those after it have not been looked
// at.
func (b *batch) leaveOut(i int, err error) {
	b.fail(i, err)
	if b.good == nil {
		b.good = make([]int, i, b.size)
		for j := range b.good {
			b.good[j] = j
		}
	}
}

// decodeBatch returns the values of a batch, without those that have none. A codec
// that panics fails its record only.
func decodeBatch[T any](b *batch) []T {
	values := make([]T, 0, b.size)
	for i := 0; i < b.size; i++ {
		err := outcome.Contain(b, func(context.Context) error { // around them all, for it costs as much as decoding a number
			for ; i < b.size; i++ {
				d := b.delivery(i)
				if err := decode(&d, &values[:len(values)+1][len(values)]); err != nil {
					return err
				}
				values = values[:len(values)+1]
				if b.good != nil {
					b.good = append(b.good, i)
				}
			}
			return nil
		})
		if err != nil {
			values[:len(values)+1][len(values)] = *new(T)
			b.leaveOut(i, err)
		}
	}
	return values
}

// split gives what a batch handler returned to the records that it is about, and
// returns what is about all others.
func (b *batch) split(err error) (rest error) {
	return outcome.Split(err, b.count(), func(value int, err error) {
		at := b.index(value)
		if b.failed != nil && b.failed[at] != nil {
			err = errors.Join(b.failed[at], err)
		}
		b.fail(at, err)
	})
}

// traced adds the trace of a delivery to the headers of a call made inside its
// handler.
func traced(ctx context.Context, headers []Header) []Header {
	if d, ok := DeliveryFrom(ctx); ok {
		return wire.AddTrace(headers, d.record.Headers)
	}
	return headers
}

// Topic is the topic that the record was read from.
func (d *Delivery) Topic() string { return d.record.Topic }

// Partition is the partition that the record was read from.
func (d *Delivery) Partition() int32 { return d.record.Partition }

// Offset is the record's place in its partition.
func (d *Delivery) Offset() int64 { return d.record.Offset }

// Key is the record's key, or nil.
func (d *Delivery) Key() []byte { return d.record.Key }

// Value is the record's undecoded value, or nil for a record without one.
func (d *Delivery) Value() []byte { return d.record.Value }

// Headers are the record's headers in their order.
func (d *Delivery) Headers() []Header { return d.record.Headers }

// Header returns the last header with the name, or nil and false.
func (d *Delivery) Header(name string) ([]byte, bool) { return wire.Last(d.record.Headers, name) }

// Timestamp is when the record was written, by the clock of its producer, or of
// the broker where the topic says so.
func (d *Delivery) Timestamp() time.Time { return d.record.Timestamp }

// Attempt counts how often this handler has been started for the record in this
// process, from 1. A record that is delivered again after a crash starts at 1.
func (d *Delivery) Attempt() int { return d.attempt }

// Request reports whether a caller waits for a reply.
func (d *Delivery) Request() bool { return d.request }

// Codec is the codec of the service, for middleware that needs a reply's bytes.
func (d *Delivery) Codec() codec.Codec { return d.codec }

// Record is the record as the Kafka client gave it.
func (d *Delivery) Record() *kgo.Record { return d.record }

// Commit says that the record of a handler with ManualCommit is done, and commits
// the next offset for the service's consumer group, as far as no record before
// this one is unfinished. It may be called during the handler or at any time
// after it, from any goroutine, and more than once.
//
// It returns ErrPartitionLost when the partition belongs to another member by
// now, which gets the record again; ErrNotManual without ManualCommit; else the
// broker's error, after which the commit is tried again by itself, or that of
// ctx.
func (d *Delivery) Commit(ctx context.Context) error {
	if d.item == nil {
		return fmt.Errorf("siskin: commit %s/%d@%d: %w", d.Topic(), d.Partition(), d.Offset(), ErrNotManual)
	}
	if err := d.item.Commit(ctx); err != nil {
		return fmt.Errorf("siskin: commit %s/%d@%d: %w", d.Topic(), d.Partition(), d.Offset(), err)
	}
	return nil
}

// validator is a type that knows whether a value of it makes sense.
type validator interface{ Validate() error }

// decode makes a valid T of the record's value. A method of T is found through v;
// that of a pointer type only through *v, which costs nothing to look at.
func decode[T any](d *Delivery, v *T) error {
	if err := codec.Decode(d.codec, d.record.Value, v); err != nil {
		return &DecodeError{Topic: d.Topic(), Partition: d.Partition(), Offset: d.Offset(), Err: err}
	}
	check, ok := any(v).(validator)
	if t := reflect.TypeFor[T](); !ok && t.Kind() == reflect.Pointer && !reflect.ValueOf(*v).IsNil() {
		check, ok = any(*v).(validator)
	}
	if !ok {
		return nil
	}
	if err := check.Validate(); err != nil {
		return invalid(err)
	}
	return nil
}

// invalid makes the error of a Validate method one for the caller, unless its
// author has already chosen.
func invalid(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return Errorf(CodeInvalid, "%w", err)
}
