package dedupe

import (
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
)

// recorder stands between a handler and its caller and notes the replies. A
// handler sends from one goroutine at a time.
type recorder struct {
	delivery *siskin.Delivery
	send     func(any) error
	limit    int
	size     int
	outcome  Outcome
}

// reply encodes a value, notes its bytes, and sends the same bytes.
func (r *recorder) reply(v any) error {
	var noted Reply
	with, ok := v.(siskin.Message)
	if ok {
		v = with.Value
		noted.Key, noted.Headers = with.Beside()
	}
	value, err := codec.Encode(r.delivery.Codec(), v)
	if err != nil {
		return err
	}
	noted.Value = value
	r.note(noted)
	if ok {
		with.Value = codec.Encoded(value)
		return r.send(with)
	}
	return r.send(codec.Encoded(value))
}

func (r *recorder) note(reply Reply) {
	if r.outcome.Cut {
		return
	}
	if r.size += reply.size(); r.size > r.limit {
		r.outcome = r.outcome.withoutReplies()
		return
	}
	r.outcome.Replies = append(r.outcome.Replies, reply)
}

// result is what is to be remembered of a handler that has returned err, or false
// when it is to be forgotten.
func (r *recorder) result(err error) (Outcome, bool) {
	if err == nil {
		return r.outcome, true
	}
	if !r.delivery.Request() {
		return Outcome{}, false
	}
	fault := verdict(err)
	if r.outcome.Fault = fault; r.outcome.size() > r.limit {
		r.outcome = r.outcome.withoutReplies()
	}
	return r.outcome, fault != nil
}
