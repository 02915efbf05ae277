package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// quickReplies is the reply topic of the quick checks; it has three partitions.
const quickReplies = "quick.reply"

// quickHandlers are what the shared server serves, on topics of these names.
var quickHandlers = []string{
	"echo", "value-field", "unencodable", "typed-array", "map", "date", "length", "nothing", "headers",
	"number-filter", "empty-filter", "inner",
}

// numberTopic has a name that is a number, and so no prefix of this run. Kafka
// keeps it apart from those of other runs by its digits.
func numberTopic(prefix string) string {
	digits := 0
	for _, c := range prefix {
		digits = (digits*31 + int(c)) % 1_000_000_000
	}
	return fmt.Sprintf("%d.50", 1_000_000_000+digits)
}

// answersOf sends a request to the shared server and returns its replies, all
// that will ever come.
func (x *exam) answersOf(does string, value []byte, headers ...kgo.RecordHeader) []*kgo.Record {
	x.Helper()
	to := x.prefix + quickReplies
	request := x.ask(x.prefix+does, to, value, headers...)
	x.settled(x.shared, request)
	id, _ := last(request, correlationID)
	records, err := x.answers(to, id)
	x.must(err)
	return records
}

// one is the only reply there may be.
func one(replies []*kgo.Record) (*kgo.Record, error) {
	if len(replies) == 0 {
		return nil, errors.New("no reply")
	}
	if len(replies) > 1 {
		return nil, fmt.Errorf("%d replies", len(replies))
	}
	return replies[0], nil
}

// value checks that the handler's result arrives as one of the texts.
func value(does string, request []byte, want ...string) func(*exam) error {
	return valueWith(does, request, nil, want...)
}

func valueWith(does string, request []byte, headers []kgo.RecordHeader, want ...string) func(*exam) error {
	return func(x *exam) error {
		r, err := one(x.answersOf(does, request, headers...))
		if err != nil {
			return err
		}
		if fault, failed := last(r, nestError); failed {
			return fmt.Errorf("the error %s", quoted(clean(string(fault))))
		}
		if !slices.Contains(want, string(r.Value)) {
			return fmt.Errorf("the reply %s", quoted(string(r.Value)))
		}
		return nil
	}
}

// fault checks that the caller is told about an error, with the text.
func fault(does, text string) func(*exam) error {
	return func(x *exam) error {
		r, err := one(x.answersOf(does, []byte("x")))
		if err != nil {
			return err
		}
		got, failed := last(r, nestError)
		switch {
		case !failed:
			return errors.New("a reply without an error: it looks like success")
		case !strings.Contains(string(got), text):
			return fmt.Errorf("the error %s", quoted(string(got)))
		}
		return nil
	}
}

// partition checks that a reply that cannot be addressed is neither sent
// somewhere else nor lost without a word.
func partition(header string) func(*exam) error {
	return func(x *exam) error {
		logged := x.complaints()
		before := len(logged())
		replies := x.answersOf("echo", []byte("x"), kgo.RecordHeader{Key: replyPartition, Value: []byte(header)})
		if len(replies) > 0 {
			return fmt.Errorf("the reply went to partition %d", replies[0].Partition)
		}
		if len(logged()) == before {
			return errors.New("no reply, and nothing in the log")
		}
		return nil
	}
}

// complaints returns a function that says what warnings and errors there are in
// the log of the shared server.
func (x *exam) complaints() func() []entry {
	logs := []*journal{x.shared.log()}
	if h, ok := x.shared.(*hosted); ok {
		logs = append(logs, h.host.journal("log"))
	}
	return func() (found []entry) {
		for _, j := range logs {
			entries, _ := j.now()
			found = append(found, slices.DeleteFunc(entries, func(e entry) bool { return e.Did != "complaint" })...)
		}
		return found
	}
}

// correlation checks that a reply has the id of its request, byte for byte.
func correlation(ids ...string) func(*exam) error {
	return func(x *exam) error {
		to := x.prefix + quickReplies
		from, err := x.broker.log(x.ctx, to)
		x.must(err)
		var headers []kgo.RecordHeader
		for _, id := range ids {
			headers = append(headers, header(correlationID, id))
		}
		request := x.ask(x.prefix+"echo", to, []byte("correlation"), headers...)
		x.settled(x.shared, request)
		all, err := x.broker.log(x.ctx, to)
		x.must(err)
		for _, r := range all {
			if slices.ContainsFunc(from, func(old *kgo.Record) bool {
				return old.Partition == r.Partition && old.Offset == r.Offset
			}) || !bytes.Equal(r.Value, []byte("correlation")) {
				continue
			}
			got, _ := last(r, correlationID)
			if !slices.Contains(ids, string(got)) {
				return fmt.Errorf("a reply with the id %s", quoted(string(got)))
			}
			return nil
		}
		return errors.New("no reply")
	}
}

// tooLarge asks for a reply that its topic does not take.
func tooLarge(x *exam) error {
	to, limit := x.unique("small")+".reply", "2000"
	x.must(x.makeTopic(x.ctx, to, 1, map[string]*string{"max.message.bytes": &limit}))
	request := x.ask(x.prefix+"echo", to, bytes.Repeat([]byte("x"), 5000))
	x.settled(x.shared, request)
	id, _ := last(request, correlationID)
	replies, err := x.answers(to, id)
	x.must(err)
	_, err = one(replies)
	return err
}

// likeNumber asks on a topic whose name is a number that JavaScript would write
// in another way.
func likeNumber(x *exam) error {
	to := x.prefix + quickReplies
	request := x.ask(numberTopic(x.prefix), to, []byte("x"))
	x.settled(x.shared, request)
	id, _ := last(request, correlationID)
	replies, err := x.answers(to, id)
	x.must(err)
	r, err := one(replies)
	if err != nil {
		return err
	}
	if got, failed := last(r, nestError); failed {
		return fmt.Errorf("the error %s", quoted(string(got)))
	}
	return nil
}
