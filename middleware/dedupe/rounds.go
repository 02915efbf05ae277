package dedupe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// round is one mark, and those who wait until it is read.
type round struct {
	read chan struct{} // closed at its end
	err  error
}

// rounds are the marks of an instance: at most one is under way, and those who
// come meanwhile wait for the next one, since the one under way may have been
// written before what they look for.
type rounds struct {
	wake chan struct{} // somebody waits for the next round

	mu    sync.Mutex
	next  *round
	under uint64        // the number of the mark under way
	seen  chan struct{} // closed when that mark is read
}

// join returns the round that has not begun yet.
func (r *rounds) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &round{read: make(chan struct{})}
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.next
}

// begin takes the round that has been waited for, or nil, and numbers its mark.
func (r *rounds) begin() (at *round, number uint64, seen chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		return nil, 0, nil
	}
	at, r.next = r.next, nil
	r.under++
	r.seen = make(chan struct{})
	return at, r.under, r.seen
}

// reached notes that a mark was read.
func (r *rounds) reached(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if number == r.under && r.seen != nil {
		close(r.seen)
		r.seen = nil
	}
}

// catchUp returns when everything is read that was written before it was called.
func (s *TopicStore) catchUp(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	at := s.rounds.join()
	select {
	case <-at.read:
		return at.err
	case <-ctx.Done():
		return fmt.Errorf("what was remembered before is not read yet: %w", ctx.Err())
	case <-s.ctx.Done():
		return errClosed
	}
}

var errClosed = errors.New("the store is closed")

// mark writes marks as long as somebody waits.
func (s *TopicStore) mark() {
	for {
		select {
		case <-s.rounds.wake:
		case <-s.ctx.Done():
			return
		}
		if at, number, seen := s.rounds.begin(); at != nil {
			at.err = s.turn(number, seen)
			close(at.read)
		}
	}
}

// turn writes one mark and waits until it is read. One that is not read in time has
// gone with a topic that was made anew, or no broker answers; either way the topic
// is looked for again.
func (s *TopicStore) turn(number uint64, seen chan struct{}) error {
	key, value := markKey(s.instance, s.group), strconv.AppendUint(nil, number, 10)
	for {
		began := time.Now()
		if err := s.keep(s.ctx, key, value, func(*kgo.Record) {}); err != nil {
			return err
		}
		if read, err := s.await(seen); read || err != nil {
			return err
		}
		if err := s.renew(began); err != nil {
			return err
		}
	}
}

// await reports whether the mark is read in time. A search for the way past a batch
// has as much time as it needs.
func (s *TopicStore) await(seen chan struct{}) (bool, error) {
	late := time.NewTicker(markPatience)
	defer late.Stop()
	for {
		select {
		case <-seen:
			return true, nil
		case <-s.ctx.Done():
			return false, errClosed
		case <-late.C:
			if !s.searching() {
				return false, nil
			}
		}
	}
}

// markPatience is how long a mark that is stored may take to be read.
const markPatience = 5 * time.Second
