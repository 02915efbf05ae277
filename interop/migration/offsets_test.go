package migration_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committed is the group's position in each partition of a topic, as the broker
// has it.
func (s *stage) committed(pattern string) map[int32]int64 {
	s.t.Helper()
	offsets, err := s.admin.FetchOffsets(s.ctx(), s.group())
	if err != nil {
		s.t.Fatal(err)
	}
	at := make(map[int32]int64)
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == s.topic(pattern) {
			at[o.Partition] = o.At
		}
	})
	return at
}

// emit writes n records to each partition, which nobody answers.
func (s *stage) emit(pattern string, first, n int) {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cfg.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression())) // kafkajs cannot read snappy
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for p := range int32(partitions) {
		for i := range n {
			records = append(records, &kgo.Record{
				Topic: s.topic(pattern), Partition: p, Value: fmt.Appendf(nil, "record %d of %d", first+i, p),
			})
		}
	}
	if err := client.ProduceSync(s.ctx(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// all waits until every record of the topic was received, and returns how often
// each was.
func (s *stage) all(pattern string, from, to int64) {
	s.t.Helper()
	for ctx := s.ctx(); ; {
		s.ledger.mu.Lock()
		missing, repeated, changed := 0, 0, s.ledger.changed
		for p := range int32(partitions) {
			for at := from; at < to; at++ {
				switch n := len(s.ledger.places[place{s.topic(pattern), p, at}]); {
				case n == 0:
					missing++
				case n > 1:
					repeated++
				}
			}
		}
		s.ledger.mu.Unlock()
		if missing == 0 {
			if repeated > 0 {
				s.t.Errorf("%d records were received more than once", repeated)
			}
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.t.Fatalf("%d records of %s were never received", missing, pattern)
		}
	}
}

// A NestJS server goes on where Siskin has stopped, and the other way round, also
// in partitions in which nobody has ever had a record.
func TestEachGoesOnWhereTheOtherHasStopped(t *testing.T) {
	t.Parallel()
	s := newStage(t, work)
	stop := s.siskinServer(work)
	stop() // its first positions are committed
	for p, at := range s.committed(work) {
		if at != 0 {
			t.Errorf("Siskin has committed partition %d at %d, want 0: the end of an empty log", p, at)
		}
	}
	s.emit(work, 0, 3)
	stop = s.nestServer() // would begin at the end by itself
	s.all(work, 0, 3)
	stop()
	s.emit(work, 3, 3)
	stop = s.siskinServer(work)
	s.all(work, 3, 6)
	stop()
	s.emit(work, 6, 3)
	s.nestServer()
	s.all(work, 6, 9)
}

// TestSpecialOffsets has a NestJS server find an offset that is not in the log:
// only then does kafkajs commit a special one, -2 for the beginning and -1 for the
// end. Siskin goes on where that means.
func TestSpecialOffsets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fromBeginning string
		special       int64
		first         int64 // that Siskin or NestJS must have received in the end
	}{{"true", -2, 0}, {"false", -1, 3}} {
		t.Run("fromBeginning="+tt.fromBeginning, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, work)
			s.emit(work, 0, 3)
			s.commit(work, 100)
			stop := s.nestServer("FROM_BEGINNING=" + tt.fromBeginning)
			s.specials(work, tt.special)
			stop()
			s.siskinServer(work)
			s.emit(work, 3, 1)
			s.all(work, tt.first, 4)
		})
	}
}

func (s *stage) commit(pattern string, at int64) {
	s.t.Helper()
	offsets := make(kadm.Offsets)
	for p := range int32(partitions) {
		offsets.Add(kadm.Offset{Topic: s.topic(pattern), Partition: p, At: at, LeaderEpoch: -1})
	}
	if err := s.admin.CommitAllOffsets(s.ctx(), s.group(), offsets); err != nil {
		s.t.Fatal(err)
	}
}

// specials waits until a special offset was seen in each partition. It can be
// replaced soon, by that of a record.
func (s *stage) specials(pattern string, special int64) {
	s.t.Helper()
	seen := make(map[int32]bool)
	for ctx := s.ctx(); len(seen) < partitions; {
		at := s.committed(pattern)
		for p, offset := range at {
			if offset == special || offset >= 0 && offset < 100 { // it was there before, and is over
				seen[p] = true
			}
		}
		if ctx.Err() != nil {
			s.t.Fatalf("committed are %v, and %d was waited for", at, special)
		}
	}
}
