//go:build synctests

package intake_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// trouble is something that goes wrong at a moment.
type trouble struct {
	at     time.Duration
	kind   kind
	key    kmsg.Key      // the requests that suffer
	err    *kerr.Error   // what the broker answers
	count  int           // how many of them
	span   time.Duration // how long it lasts
	victim int           // which of the members then alive
}

type kind string

const (
	refuse   kind = "refuse"      // the broker answers an error
	hangUp   kind = "hang up"     // the broker ends the connection instead of an answer
	slow     kind = "slow answer" // the broker takes its time
	lag      kind = "lag"         // one member's network is slow
	away     kind = "away"        // one member's network is down: it can lose its partitions and come back
	moveBoth kind = "move"        // the coordinator and the leaders move
	forget   kind = "forget"      // the coordinator forgets who is in the group, as one that is killed and begins anew
)

func (t trouble) String() string {
	switch t.kind {
	case refuse:
		return fmt.Sprintf("%s %s %d times with %s", t.kind, t.key.Name(), t.count, t.err.Message)
	case hangUp:
		return fmt.Sprintf("%s on %s %d times", t.kind, t.key.Name(), t.count)
	case slow:
		return fmt.Sprintf("%s of %v to %s", t.kind, t.span, t.key.Name())
	case forget:
		return fmt.Sprintf("%s, %d slow answers of %v to %s", t.kind, t.count, t.span, t.key.Name())
	case lag, away:
		return fmt.Sprintf("%s for %v (member %d of those alive)", t.kind, t.span, t.victim)
	}
	return string(t.kind)
}

// refusal is what a broker can answer to a request of one kind.
type refusal struct {
	key  kmsg.Key
	errs []*kerr.Error
}

var refusals = []refusal{
	{kmsg.Heartbeat, []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.RebalanceInProgress,
		kerr.UnknownMemberID, kerr.UnknownMemberID, kerr.IllegalGeneration,
	}},
	{kmsg.OffsetCommit, []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.RebalanceInProgress,
		kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RequestTimedOut,
	}},
	{kmsg.JoinGroup, []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.UnknownMemberID,
	}},
	{kmsg.SyncGroup, []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.RebalanceInProgress, kerr.UnknownMemberID,
		kerr.IllegalGeneration,
	}},
	{kmsg.OffsetFetch, []*kerr.Error{
		kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.UnstableOffsetCommit,
	}},
	{kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownServerError}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable}},
	{kmsg.Produce, []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut,
	}},
}

// drawForgets draws whether the group is forgotten, in every third run. Its members
// then need some time to come to rest, while offsets are slow to come and records are
// sent all the time.
func (s *script) drawForgets(rng *rand.Rand) {
	if rng.IntN(3) > 0 {
		return
	}
	keys := 1 + rng.IntN(8)
	for range 1 + rng.IntN(3) {
		at := between(rng, 0, theEnd-time.Second)
		s.troubles = append(s.troubles,
			trouble{kind: forget, at: at, key: kmsg.OffsetFetch, count: rng.IntN(8), span: between(rng, 0, 50*time.Millisecond)})
		for range 20 {
			s.waves = append(s.waves, wave{at: between(rng, at, at+time.Second), records: []*kgo.Record{s.drawRecord(rng, keys)}})
		}
	}
	slices.SortStableFunc(s.troubles, func(a, b trouble) int { return int(a.at - b.at) })
	slices.SortStableFunc(s.waves, func(a, b wave) int { return int(a.at - b.at) })
}

// drawTroubles draws at least one error of the broker.
func (s *script) drawTroubles(rng *rand.Rand) {
	s.troubles = []trouble{drawRefusal(rng)}
	for range rng.IntN(5) {
		s.troubles = append(s.troubles, s.drawTrouble(rng))
	}
	from := pick(rng, 0, theEnd/2) // so that some runs have a quiet first half
	for i := range s.troubles {
		s.troubles[i].at = between(rng, from, theEnd)
	}
	slices.SortFunc(s.troubles, func(a, b trouble) int { return int(a.at - b.at) })
}

func (s *script) drawTrouble(rng *rand.Rand) trouble {
	key := refusals[rng.IntN(len(refusals))].key
	switch n := rng.IntN(10); {
	case n < 5:
		return drawRefusal(rng)
	case n < 6:
		return trouble{kind: hangUp, key: key, count: 1 + rng.IntN(3)}
	case n < 7:
		return trouble{kind: slow, key: key, span: between(rng, 50*time.Millisecond, 7*time.Second)}
	case n < 8:
		return trouble{kind: lag, victim: rng.IntN(3), span: between(rng, 50*time.Millisecond, 7*time.Second)}
	case n < 9:
		return trouble{kind: away, victim: rng.IntN(3), span: between(rng, s.settings.session/2, 2*s.settings.session)}
	}
	return trouble{kind: moveBoth}
}

func drawRefusal(rng *rand.Rand) trouble {
	r := refusals[min(rng.IntN(2), rng.IntN(2))] // heartbeats mostly
	if rng.IntN(3) > 0 {
		r = refusals[rng.IntN(len(refusals))]
	}
	return trouble{kind: refuse, key: r.key, err: pick(rng, r.errs...), count: 1 + rng.IntN(4)}
}
