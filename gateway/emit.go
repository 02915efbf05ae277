package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/siskin-go/siskin"
)

// Emit returns a handler that sends the body as an event and answers, when the
// broker has stored it, with its place: {"topic":…,"partition":…,"offset":…,
// "timestamp":…}. An event whose caller goes away, or is told 503, may still be
// stored.
func Emit[T any](e siskin.Event[T], client *siskin.Client, opts ...Option) http.Handler {
	return emit(e, client, body[T], opts)
}

// EmitAs is Emit with an event made by a function from the HTTP request and its
// body; see CallAs.
func EmitAs[Body, T any](
	e siskin.Event[T], client *siskin.Client, from func(*http.Request, Body) (T, error), opts ...Option,
) http.Handler {
	return emit(e, client, mapped(from), opts)
}

func emit[T any](
	e siskin.Event[T], client *siskin.Client, event func(*exchange) (T, error), opts []Option,
) http.Handler {
	return newHandler(opts, func(x *exchange) error {
		v, err := event(x)
		if err != nil {
			return err
		}
		meta, err := e.Emit(x.r.Context(), client, v, x.callOptions()...)
		if err != nil {
			return err
		}
		return x.answer(x.set.answer(meta))
	})
}

// metadata is the answer to an event by default.
func metadata(m siskin.RecordMetadata) any {
	return struct {
		Topic     string    `json:"topic"`
		Partition int32     `json:"partition"`
		Offset    int64     `json:"offset"`
		Timestamp time.Time `json:"timestamp"`
	}{m.Topic, m.Partition, m.Offset, m.Timestamp.UTC()}
}

// NestMetadata gives the place of an event as NestJS does, for WithAnswer: a
// list with one object, in which the offset is a string. logAppendTime is always
// "-1", which says that the record has the time of its producer. logStartOffset
// is left out, because the Kafka client does not tell it.
func NestMetadata(m siskin.RecordMetadata) any {
	type place struct {
		TopicName     string `json:"topicName"`
		Partition     int32  `json:"partition"`
		ErrorCode     int    `json:"errorCode"`
		BaseOffset    string `json:"baseOffset"`
		LogAppendTime string `json:"logAppendTime"`
	}
	return []place{{m.Topic, m.Partition, 0, strconv.FormatInt(m.Offset, 10), "-1"}}
}
