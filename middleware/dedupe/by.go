package dedupe

import (
	"encoding/binary"

	"github.com/siskin-go/siskin"
)

// By says what a record is known again by. Two records of one topic with the same
// id are duplicates. With false the record is not deduplicated. It is called
// before the record is decoded, from many goroutines at once; the id may be of any
// length, and may be memory of the delivery.
type By func(d *siskin.Delivery) (id []byte, ok bool)

// ByPosition knows a record by its partition and offset: that is a delivery of the
// same record again, after a crash, a rebalance or a commit that failed. A
// caller's or producer's second record is another one.
func ByPosition() By {
	return func(d *siskin.Delivery) ([]byte, bool) {
		id := make([]byte, 12)
		binary.BigEndian.PutUint32(id, uint32(d.Partition()))
		binary.BigEndian.PutUint64(id[4:], uint64(d.Offset()))
		return id, true
	}
}

// ByKey knows a record by its key: every later record with the same key is a
// duplicate, whatever its value. It is for topics on which a key is written once,
// such as "order placed" with the order's number. On a topic with one key for many
// changes it would swallow all but the first. A record without a key is not
// deduplicated; an empty key is a key.
func ByKey() By {
	return func(d *siskin.Delivery) ([]byte, bool) { return d.Key(), d.Key() != nil }
}

// ByHeader knows a record by the last header with the name, such as an idempotency
// key that a caller keeps when it tries again, or NestJS's kafka_correlationId. A
// record without the header, or with an empty one, is not deduplicated.
func ByHeader(name string) By {
	return func(d *siskin.Delivery) ([]byte, bool) {
		id, _ := d.Header(name)
		return id, len(id) > 0
	}
}
