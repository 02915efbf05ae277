package fetch

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// wakeEvery is how long a reader stands still at most, when the Kafka client has
// forgotten to fetch. Waking it takes some microseconds.
const wakeEvery = 250 * time.Millisecond

// Wake makes a client go on fetching, until ctx ends. Each client that reads for longer
// than a moment needs it.
//
// When SetOffsets, a rebalance or a leader that moves makes the Kafka client begin its
// fetches anew while those of the last time are just about to begin, it can end both: a
// loop that finds its session over resets the state in which the next one was asked for
// (kgo's source.loopFetch, up to 1.22.3). Then no partition of that broker is fetched any
// more, without an error, until something else asks for fetches. To resume no partition
// asks for them, and changes nothing where all is well.
func Wake(ctx context.Context, client *kgo.Client) {
	ticker := time.NewTicker(wakeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			client.ResumeFetchPartitions(nil)
		case <-ctx.Done():
			return
		}
	}
}
