// Package wire holds every header name and topic suffix that Siskin reads or
// writes, so that a name on the wire is changed in one place.
package wire

// Headers of a request and its replies. The names are Spring Kafka's; NestJS
// borrowed them and writes the partition as decimal text. Source:
// protocol notes for NestJS, section 2.
const (
	CorrelationID  = "kafka_correlationId"
	ReplyTopic     = "kafka_replyTopic"
	ReplyPartition = "kafka_replyPartition"
)

// Headers that only NestJS knows.
const (
	NestError    = "kafka_nest-err"
	NestDisposed = "kafka_nest-is-disposed"
)

// Headers that only Siskin knows. Peers ignore them.
const (
	// Timeout is the time that the caller still waits when the record is
	// written: decimal milliseconds. A duration and not a moment, so that two
	// clocks need not agree.
	Timeout = "siskin-timeout"
)

// Headers of the W3C trace context, passed from a request to the calls made
// inside its handler.
const (
	TraceParent = "traceparent"
	TraceState  = "tracestate"
)

// Headers of a dead letter: Spring Kafka's plain set, so that tools which read
// Spring's dead letters read ours. Source: protocol notes for Spring, b.5.
const (
	DeadTopic         = "kafka_dlt-original-topic"
	DeadPartition     = "kafka_dlt-original-partition"
	DeadOffset        = "kafka_dlt-original-offset"
	DeadTimestamp     = "kafka_dlt-original-timestamp"
	DeadTimestampType = "kafka_dlt-original-timestamp-type"
	DeadGroup         = "kafka_dlt-original-consumer-group"
	DeadErrorType     = "kafka_dlt-exception-fqcn"
	DeadErrorMessage  = "kafka_dlt-exception-message"
	DeadErrorCause    = "kafka_dlt-exception-cause-fqcn"
	DeadErrorStack    = "kafka_dlt-exception-stacktrace"

	// How the headers about the error begin, and those about a key that could not
	// be decoded, which only Spring writes. A new error takes the place of all.
	DeadErrorPrefix    = "kafka_dlt-exception-"
	DeadKeyErrorPrefix = "kafka_dlt-key-exception-"

	// Siskin's own, behind all of Spring's. DeadHandler is the name of the handler that
	// could not handle the record: text. DeadAttempts is how often that was tried:
	// decimal text.
	DeadHandler  = "siskin-dlt-handler"
	DeadAttempts = "siskin-dlt-attempts"

	// DeadContent is Siskin's own: what the value of a dead letter is when it is
	// not that of the record.
	DeadContent = "siskin-dlt-content"
	// DeadBatch as content is a whole record batch as it was fetched, because its
	// records cannot be read.
	DeadBatch = "record-batch"
	// DeadPointer as content is no key and no value: the record is too large to be
	// stored once more, and is where it was.
	DeadPointer = "pointer"
	// DeadCount is how many offsets a batch stands for, from the original offset
	// on: decimal text.
	DeadCount = "siskin-dlt-offsets"
)

// Topic suffixes.
const (
	ReplySuffix      = ".reply"
	DeadLetterSuffix = "-dlt"
	RetrySuffix      = "-retry"
)

// Postfixes that NestJS appends to the client id and the consumer group of
// its two sides. Source: protocol notes for NestJS, section 1.
const (
	ServerPostfix = "-server"
	ClientPostfix = "-client"
)
