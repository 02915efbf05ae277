package datadir

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Bits of a batch's attributes.
const (
	attrTransactional = 0x10
	attrControl       = 0x20
)

const (
	batchPrefix = 12 // first offset (8 bytes), length of the rest (4)
	batchHead   = 61 // up to the records
	crcFrom     = 21 // the checksum covers what follows it
)

// batch is the head of a record batch, as it is on the wire and in a segment.
type batch struct {
	size            int
	firstOffset     int64
	leaderEpoch     int32
	attributes      int16
	lastOffsetDelta int32
	firstTimestamp  int64
	pid             int64
	epoch           int16
	firstSeq        int32
	records         int32

	committed bool // for a control batch: it ends a transaction with a commit
}

func (b batch) end() int64          { return b.firstOffset + int64(b.lastOffsetDelta) + 1 }
func (b batch) control() bool       { return b.attributes&attrControl != 0 }
func (b batch) transactional() bool { return b.attributes&attrTransactional != 0 }

// readBatch reads the batch that raw begins with, and reports whether there is
// a whole one.
func readBatch(raw []byte) (batch, bool) {
	size := batchSize(raw)
	if size < batchHead || size > len(raw) {
		return batch{}, false
	}
	raw = raw[:size]
	be := binary.BigEndian
	if crc32.Checksum(raw[crcFrom:], castagnoli) != be.Uint32(raw[17:]) {
		return batch{}, false
	}
	b := batch{
		size:            size,
		firstOffset:     int64(be.Uint64(raw)), //nolint:gosec // signed on the wire, as are all below
		leaderEpoch:     int32(be.Uint32(raw[12:])),
		attributes:      int16(be.Uint16(raw[21:])),
		lastOffsetDelta: int32(be.Uint32(raw[23:])),
		firstTimestamp:  int64(be.Uint64(raw[27:])),
		pid:             int64(be.Uint64(raw[43:])),
		epoch:           int16(be.Uint16(raw[51:])),
		firstSeq:        int32(be.Uint32(raw[53:])),
		records:         int32(be.Uint32(raw[57:])),
	}
	b.committed = b.control() && commits(raw[batchHead:])
	return b, true
}

// batchSize is the size that the batch at the start of raw claims, or 0.
func batchSize(raw []byte) int {
	if len(raw) < batchPrefix {
		return 0
	}
	length := int32(binary.BigEndian.Uint32(raw[8:])) //nolint:gosec // signed on the wire
	if length < 0 || length > 1<<30 {
		return 0
	}
	return batchPrefix + int(length)
}

// commits reports whether a control record says commit. One that cannot be read
// means abort, as for kfake.
func commits(records []byte) bool {
	var record kmsg.Record
	if record.ReadFrom(records) != nil {
		return false
	}
	var key kmsg.ControlRecordKey
	return key.ReadFrom(record.Key) == nil && key.Type == kmsg.ControlRecordKeyTypeCommit
}

// markerBatch is the control batch at an offset that ends a producer's
// transaction, as a broker writes it.
func markerBatch(offset int64, leaderEpoch int32, pid int64, epoch int16, commit bool, now time.Time) []byte {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	value := kmsg.EndTxnMarker{}
	record := kmsg.Record{Key: key.AppendTo(nil), Value: value.AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) //nolint:gosec // the length itself takes one byte
	b := kmsg.RecordBatch{
		FirstOffset:          offset,
		PartitionLeaderEpoch: leaderEpoch,
		Magic:                2,
		Attributes:           attrControl | attrTransactional,
		FirstTimestamp:       now.UnixMilli(),
		MaxTimestamp:         now.UnixMilli(),
		ProducerID:           pid,
		ProducerEpoch:        epoch,
		FirstSequence:        -1,
		NumRecords:           1,
		Records:              record.AppendTo(nil),
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-batchPrefix)) //nolint:gosec // a small batch
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[crcFrom:], castagnoli))
	return raw
}
