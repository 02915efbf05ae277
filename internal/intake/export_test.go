package intake

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Retried reports whether the record comes from the retry topic.
func (i Item) Retried() bool { return i.entry != nil }

// Reread does what the poll loop does for a topic that was made anew.
func (in *Intake) Reread(topic string) { in.reread(topic) }

// Take does what the poll loop does with a poll that brings pieces of a partition.
func (in *Intake) Take(topic string, partition int32, pieces ...[]*kgo.Record) {
	in.gate.pass(func() {
		for _, records := range pieces {
			in.find(key{topic, partition}).push(records, time.Now())
		}
		in.sendBack()
	})
}
