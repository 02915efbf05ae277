package wire

import "github.com/twmb/franz-go/pkg/kgo"

// The types of a record's timestamp, as Kafka's Java clients call them.
const (
	createTime    = "CreateTime"
	logAppendTime = "LogAppendTime"
	noTimestamp   = "NoTimestampType"
)

// TimestampType is the name of who has set the record's timestamp.
func TimestampType(rec *kgo.Record) string {
	switch rec.Attrs.TimestampType() {
	case 0:
		return createTime
	case 1:
		return logAppendTime
	}
	return noTimestamp
}

// TimestampAttrs are attributes with the type of that name. Every other name counts
// as CreateTime.
func TimestampAttrs(name string) kgo.RecordAttrs {
	opts := kgo.RecordAttrsOpts{}
	switch name {
	case logAppendTime:
		opts.TimestampType = 1
	case noTimestamp:
		opts.TimestampType = -1
	}
	return kgo.NewRecordAttrs(opts)
}
