package inbox

import (
	"context"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/twmb/franz-go/pkg/kgo"
)

// place is how far a partition was read.
type place struct {
	next    int64 // the offset that comes next
	mending bool  // somebody looks for the way past a batch that cannot be read
	ctx     context.Context
	leave   context.CancelFunc
}

// place begins to note how far a partition is read. One that is read already keeps
// its place.
func (in *Inbox) place(p partition, next int64) {
	if in.places[p] == nil {
		at := &place{next: next}
		at.ctx, at.leave = context.WithCancel(in.ctx)
		in.places[p] = at
	}
}

// displace forgets the places of a topic.
func (in *Inbox) displace(topic string) {
	for p, at := range in.places {
		if p.topic == topic {
			at.leave()
			delete(in.places, p)
		}
	}
}

// rewind notes that a log was shortened, and is read from an offset on.
func (in *Inbox) rewind(p partition, to int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if at := in.places[p]; at != nil {
		at.next = to
	}
}

// mend lets a partition go on behind a batch that cannot be read; the client asks
// for it again and again. Calls whose replies are in it end at their deadlines.
func (in *Inbox) mend(reader *kgo.Client, p partition, cause error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	at := in.places[p]
	if at == nil || at.mending || in.closed {
		return
	}
	at.mending = true
	search := fetch.Search{
		Client: reader, Topic: p.topic, Partition: p.number, At: at.next, Cause: cause, Emit: in.cfg.Emit,
	}
	in.tasks.Go(func() {
		batch, found := search.Find(at.ctx)
		if in.skip(reader, p, at, search.At, batch, found) {
			in.cfg.Emit(batch.Skipped(p.topic, p.number))
		}
	})
}

// moved notes the end of a search, and reports whether there is something to skip.
func (in *Inbox) moved(p partition, at *place, from int64, b fetch.Batch, found bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	at.mending = false
	if !found || in.places[p] != at || at.next != from || in.closed {
		return false
	}
	at.next = b.Next
	return true
}

// skip ends a search. It goes on behind the batch that was found, unless the
// partition has got further or was lost meanwhile.
func (in *Inbox) skip(reader *kgo.Client, p partition, at *place, from int64, b fetch.Batch, found bool) bool {
	in.turn.Lock()
	defer in.turn.Unlock()
	if !in.moved(p, at, from, b, found) {
		return false
	}
	reader.SetOffsets(map[string]map[int32]kgo.EpochOffset{p.topic: {p.number: {Epoch: -1, Offset: b.Next}}})
	return true
}
