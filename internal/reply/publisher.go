package reply

import (
	"errors"
	"time"

	"github.com/siskin-go/siskin/internal/outbox"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Publisher sends reply records, each destination within a room of its own: one
// whose leader is dead takes nothing from the others. Safe for concurrent use.
type Publisher struct {
	client *kgo.Client
	out    *outbox.Outbox
	limits Limits
	rooms  *rooms
	purge  purge
}

// Limits say how long a reply is tried.
type Limits struct {
	// Missing is how long a destination that does not exist is looked for,
	// also when the caller waits longer: most often such a caller has gone,
	// and its topic with it, and the request's offset cannot pass while its
	// reply is tried. Zero gives it up when it is first missed.
	Missing time.Duration
	// Unstated is how long a reply is tried whose request states no deadline,
	// and how long each later reply of a stream is. At least a second.
	Unstated time.Duration
}

// lastChance is how long a reply is tried at least: an error that says that the
// deadline has passed is made only then.
const lastChance = time.Second

// retryDelay leaves time for one refresh of the metadata.
const retryDelay = 200 * time.Millisecond

// NewPublisher returns a publisher that produces through client. The client's
// RecordDeliveryTimeout, if any, counts from each attempt.
func NewPublisher(client *kgo.Client, limits Limits) *Publisher {
	p := &Publisher{client: client, out: outbox.New(client), limits: limits}
	p.rooms = newRooms(client, func(late []*flight) {
		for _, f := range late {
			f.seq.landed(ErrLate)
		}
	})
	return p
}

// produce puts f, which has room and a deadline, on its way. It never blocks.
//
// The deadline is no context: the end of one record's context fails its
// neighbours in the same batch. When the deadline passes, f has ended for its
// sequence, although the Kafka client may still hold the record: without an
// answer from a broker it cannot know whether the record is stored, and keeps
// it for as long as the broker is away.
func (p *Publisher) produce(f *flight) { p.out.Produce(&f.record, f.landed) }

// again tries f once more in a moment and reports whether it does.
func (p *Publisher) again(f *flight, err error) bool {
	if !f.patient || Permanent(err) || !p.worthwhile(f, err) {
		return false
	}
	if errors.Is(err, kerr.UnknownTopicID) {
		// The topic was made anew. The client finds the new one only after it
		// has forgotten the old one.
		p.purge.add(p, f.record.Topic, true)
	} else {
		p.client.ForceMetadataRefresh()
	}
	time.AfterFunc(retryDelay, func() {
		if p.rooms.isEnded(f) {
			p.rooms.leave(f)
			return
		}
		f.record.Timestamp = time.Time{} // the client's own limit counts from it
		p.produce(f)
	})
	return true
}

// worthwhile reports whether there is time for another attempt after err.
func (p *Publisher) worthwhile(f *flight, err error) bool {
	now := time.Now()
	if missing(err) {
		if f.missing.IsZero() {
			f.missing = now.Add(p.limits.Missing)
		}
		if !now.Before(f.missing) {
			p.purge.add(p, f.record.Topic, false)
			return false
		}
	}
	return now.Before(f.until) && !p.rooms.isEnded(f)
}
