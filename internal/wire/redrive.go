package wire

// Headers of a record that was put back from a dead-letter topic.
const (
	// Redriven is how often that was: decimal text.
	Redriven = "siskin-redriven"
	// RedrivenFrom is the dead letter that was put back last, as
	// topic/partition@offset.
	RedrivenFrom = "siskin-redriven-from"
)

// RedriveGroup is, with the dead-letter topic behind it, the consumer group that
// keeps which letters were redriven, and the id of the transactions.
const RedriveGroup = "siskin-redrive-"

// Further headers of Spring Kafka's plain dead letters. Source: protocol notes
// for Spring, b.5.
const (
	DeadKeyErrorType    = "kafka_dlt-key-exception-fqcn"
	DeadKeyErrorMessage = "kafka_dlt-key-exception-message"
	DeadKeyErrorStack   = "kafka_dlt-key-exception-stacktrace"
)

// Headers of Spring Kafka's @RetryableTopic; the group is in DeadGroup. Source:
// protocol notes for Spring, b.6.
const (
	RetryTopic           = "kafka_original-topic"
	RetryPartition       = "kafka_original-partition"
	RetryOffset          = "kafka_original-offset"
	RetryTimestamp       = "kafka_original-timestamp"
	RetryTimestampType   = "kafka_original-timestamp-type"
	RetryErrorType       = "kafka_exception-fqcn"
	RetryCauseType       = "kafka_exception-cause-fqcn"
	RetryErrorMessage    = "kafka_exception-message"
	RetryErrorStack      = "kafka_exception-stacktrace"
	RetryKeyErrorType    = "kafka_key-exception-fqcn"
	RetryKeyErrorMessage = "kafka_key-exception-message"
	RetryKeyErrorStack   = "kafka_key-exception-stacktrace"
	RetryAttempts        = "retry_topic-attempts"
	RetryFirstTimestamp  = "retry_topic-original-timestamp"
	RetryBackoff         = "retry_topic-backoff-timestamp"
)

// Headers that only Siskin writes into a retry topic. The page on retries says what
// is in them.
const (
	// RetryOwner is the number of the owner that wrote the copy, or "-". It is the
	// first header of the block that Siskin adds.
	RetryOwner = "siskin-retry"
	// RetryHandlers are the numbers of the handlers that are still to run.
	RetryHandlers = "siskin-retry-handlers"
	// RetryMarker has the token of the owner that begins with this record.
	RetryMarker = "siskin-retry-marker"
)

// Headers of SmallRye's dead letters; numbers are text. Source: protocol notes
// for Spring, b.7.
const (
	SmallRyeTopic        = "dead-letter-topic"
	SmallRyePartition    = "dead-letter-partition"
	SmallRyeOffset       = "dead-letter-offset"
	SmallRyeErrorMessage = "dead-letter-reason"
	SmallRyeCause        = "dead-letter-cause"
	SmallRyeErrorType    = "dead-letter-exception-class-name"
	SmallRyeCauseType    = "dead-letter-cause-class-name"
)

// Headers of the messages in Watermill's poison queue.
const (
	WatermillReason     = "reason_poisoned"
	WatermillTopic      = "topic_poisoned"
	WatermillHandler    = "handler_poisoned"
	WatermillSubscriber = "subscriber_poisoned"
)

// Headers of the dead letters of Spring Cloud Stream's Kafka binder.
const (
	CloudTopic         = "x-original-topic"
	CloudPartition     = "x-original-partition"
	CloudOffset        = "x-original-offset"
	CloudTimestamp     = "x-original-timestamp"
	CloudTimestampType = "x-original-timestamp-type"
	CloudErrorType     = "x-exception-fqcn"
	CloudErrorMessage  = "x-exception-message"
	CloudErrorStack    = "x-exception-stacktrace"
)

// Headers of Wolverine's dead letters. The names say nothing about who wrote
// them, so only a record with a WolverineDestination is taken for one.
const (
	WolverineDestination  = "original-destination"
	WolverinePartition    = "original-partition"
	WolverineOffset       = "original-offset"
	WolverineErrorType    = "exception-type"
	WolverineErrorMessage = "exception-message"
	WolverineErrorStack   = "exception-stack"
	WolverineFailedAt     = "failed-at"
	WolverineAttempts     = "attempts"
)
