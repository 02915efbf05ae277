package rounds

import (
	"time"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/program"
)

// Run is one side at one work in one round. Times are in nanoseconds in JSON.
type Run struct {
	Broker string `json:"broker"`
	Work   string `json:"work"`
	Side   string `json:"side"`
	Round  int    `json:"round"`

	// Missing is why there are no figures.
	Missing string `json:"missing,omitempty"`

	program.Figures
	Rate float64 `json:"rate,omitempty"` // calls a second that were due

	Server half.Used       `json:"server"`
	Client half.Used       `json:"client"`
	Kafka  half.Used       `json:"kafka"`            // the broker
	Allocs *measure.Allocs `json:"allocs,omitempty"` // of server and client, where both tell

	// The rest is of points of a curve.
	Ready       time.Duration  `json:"ready_ns,omitempty"`     // that the server took to have its partitions
	First       time.Duration  `json:"first_ns,omitempty"`     // until each pattern was called once, and by each client
	Read        uint64         `json:"client_read,omitempty"`  // bytes that brokers sent to clients
	ServerHolds measure.Memory `json:"server_memory,omitzero"` // after the load
	ClientHolds measure.Memory `json:"client_memory,omitzero"`
}

// PerSecond is how many calls were answered in a second.
func (r Run) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Count) / r.Took.Seconds()
}

// CPU is what server and client used.
func (r Run) CPU() time.Duration { return r.Server.CPU + r.Client.CPU }

// PerCall divides what a run used by its calls.
func (r Run) PerCall(total float64) float64 {
	if r.Count == 0 {
		return 0
	}
	return total / float64(r.Count)
}
