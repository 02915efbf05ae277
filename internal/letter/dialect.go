package letter

import (
	"maps"
	"slices"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dialect is the headers of one framework's dead letters. A name that is empty is
// one that it does not write.
type dialect struct {
	name string

	topic, partition, offset, timestamp, group string

	errorType, causeType, message, cause, stack string

	handler, attempts string

	// ours says that the handler and the attempts are Siskin's, which writes them
	// behind the topic. What stands before it is of an earlier letter: Spring leaves
	// it there.
	ours bool

	// next says that the attempts count the one that would come next.
	next bool

	others []string // further names that belong to the dead letter

	// common names are taken off only from letters of this dialect: elsewhere they
	// can be the user's own.
	common bool
}

var dialects = []*dialect{
	{
		name:  "spring",
		topic: wire.DeadTopic, partition: wire.DeadPartition, offset: wire.DeadOffset, timestamp: wire.DeadTimestamp,
		group: wire.DeadGroup, errorType: wire.DeadErrorType, causeType: wire.DeadErrorCause,
		message: wire.DeadErrorMessage, stack: wire.DeadErrorStack,
		handler: wire.DeadHandler, attempts: wire.DeadAttempts, ours: true,
		others: []string{
			wire.DeadTimestampType, wire.DeadKeyErrorType, wire.DeadKeyErrorMessage, wire.DeadKeyErrorStack,
			wire.DeadContent, wire.DeadCount,
		},
	},
	{
		name:  "spring-retryable",
		topic: wire.RetryTopic, partition: wire.RetryPartition, offset: wire.RetryOffset, timestamp: wire.RetryTimestamp,
		group: wire.DeadGroup, errorType: wire.RetryErrorType, causeType: wire.RetryCauseType,
		message: wire.RetryErrorMessage, stack: wire.RetryErrorStack, attempts: wire.RetryAttempts, next: true,
		others: []string{
			wire.RetryTimestampType, wire.RetryKeyErrorType, wire.RetryKeyErrorMessage, wire.RetryKeyErrorStack,
			wire.RetryFirstTimestamp, wire.RetryBackoff, wire.RetryOwner, wire.RetryHandlers,
		},
	},
	{
		name:  "smallrye",
		topic: wire.SmallRyeTopic, partition: wire.SmallRyePartition, offset: wire.SmallRyeOffset,
		errorType: wire.SmallRyeErrorType, causeType: wire.SmallRyeCauseType,
		message: wire.SmallRyeErrorMessage, cause: wire.SmallRyeCause,
	},
	{
		name:  "watermill",
		topic: wire.WatermillTopic, message: wire.WatermillReason, handler: wire.WatermillHandler,
		others: []string{wire.WatermillSubscriber},
	},
	{
		name:  "spring-cloud-stream",
		topic: wire.CloudTopic, partition: wire.CloudPartition, offset: wire.CloudOffset, timestamp: wire.CloudTimestamp,
		errorType: wire.CloudErrorType, message: wire.CloudErrorMessage, stack: wire.CloudErrorStack,
		others: []string{wire.CloudTimestampType},
	},
	{
		name:  "wolverine",
		topic: wire.WolverineDestination, partition: wire.WolverinePartition, offset: wire.WolverineOffset,
		errorType: wire.WolverineErrorType, message: wire.WolverineErrorMessage, stack: wire.WolverineErrorStack,
		attempts: wire.WolverineAttempts,
		others:   []string{wire.WolverineFailedAt},
		common:   true,
	},
}

// dialectOf finds who wrote the dead letter, or nil. A letter that was put back
// and failed elsewhere has the headers of both; the last ones count.
func dialectOf(headers []kgo.RecordHeader) *dialect {
	for i := len(headers) - 1; i >= 0; i-- {
		for _, d := range dialects {
			if headers[i].Key == d.topic {
				return d
			}
		}
	}
	return nil
}

func (d *dialect) read(l *Letter, headers []kgo.RecordHeader) {
	l.Dialect = d.name
	l.Topic = topic(headers, d.topic)
	l.Partition = partition(headers, d.partition)
	l.Offset = number(headers, d.offset)
	l.Timestamp = moment(headers, d.timestamp)
	l.Group = text(headers, d.group)
	l.ErrorType, l.CauseType = text(headers, d.errorType), text(headers, d.causeType)
	l.Error, l.Cause = text(headers, d.message), text(headers, d.cause)
	l.Stack = longText(headers, d.stack)
	if d.ours {
		headers = headers[lastIndex(headers, d.topic):]
	}
	l.Handler = text(headers, d.handler)
	l.Attempts = count(headers, d.attempts)
	if d.next && l.Attempts > 0 {
		l.Attempts--
	}
}

func lastIndex(headers []kgo.RecordHeader, name string) int {
	for i, h := range slices.Backward(headers) {
		if h.Key == name {
			return i
		}
	}
	return 0
}

// names are what to take off a letter of this dialect, which may be nil: its own
// names, those of the other dialects that can only be theirs, and Siskin's own.
func (d *dialect) names() map[string]bool {
	all := map[string]bool{wire.Redriven: true, wire.RedrivenFrom: true}
	for _, other := range dialects {
		if other == d || !other.common {
			maps.Copy(all, other.own())
		}
	}
	delete(all, "")
	return all
}

func (d *dialect) own() map[string]bool {
	own := make(map[string]bool)
	for _, name := range append([]string{
		d.topic, d.partition, d.offset, d.timestamp, d.group, d.errorType, d.causeType, d.message, d.cause, d.stack,
		d.handler, d.attempts,
	}, d.others...) {
		own[name] = true
	}
	return own
}
