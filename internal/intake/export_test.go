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

// RenewAwaited begins a new generation of a partition that the poll loop waits for, before
// it polls again. It reports false when there is none.
func (in *Intake) RenewAwaited() (renewed bool) {
	for _, p := range in.all() {
		in.gate.pass(func() {
			if p.state.Load() != awaited {
				return
			}
			p.lose()
			in.mu.Lock()
			delete(in.partitions, p.key)
			in.mu.Unlock()
			in.open(map[string][]int32{p.key.topic: {p.key.partition}})
			renewed = true
		})
	}
	return renewed
}

// PausedInClient are the partitions that the Kafka client does not fetch.
func (in *Intake) PausedInClient() map[string][]int32 { return in.client.PauseFetchPartitions(nil) }
