package side

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Traffic counts the bytes that Kafka clients read from brokers. It is a hook
// of theirs, one for many clients. Safe for concurrent use.
type Traffic struct{ read atomic.Uint64 }

var _ kgo.HookBrokerRead = (*Traffic)(nil)

// OnBrokerRead counts one response.
func (t *Traffic) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	t.read.Add(uint64(n))
}

// Read is how many bytes were read so far.
func (t *Traffic) Read() uint64 { return t.read.Load() }
