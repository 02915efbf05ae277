package intake_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	fromEnd       = startAt(intake.Start{})
	fromBeginning = startAt(intake.Start{Beginning: true})
)

// noon is the time of the first record of produceHourly.
var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

// produceHourly writes n records to partition 0, an hour apart.
func (b *broker) produceHourly(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		r := &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i)), Timestamp: noon.Add(time.Duration(i) * time.Hour)}
		if err := b.client.ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartPosition(t *testing.T) {
	t.Parallel()
	const none = -1
	for _, tt := range []struct {
		name      string
		start     intake.Start
		committed int64
		want      int64 // of a log with the offsets 0 to 4
	}{
		{"end", intake.Start{}, none, 5},
		{"beginning", intake.Start{Beginning: true}, none, 0},
		{"time of a record", intake.Start{At: noon.Add(2 * time.Hour)}, none, 2},
		{"time between two records", intake.Start{At: noon.Add(2*time.Hour + time.Second)}, none, 3},
		{"time before all records", intake.Start{At: noon.Add(-time.Hour)}, none, 0},
		{"time after all records", intake.Start{At: noon.Add(10 * time.Hour)}, none, 5},
		{"committed wins over end", intake.Start{}, 3, 3},
		{"committed wins over beginning", intake.Start{Beginning: true}, 3, 3},
		{"committed wins over a time", intake.Start{At: noon}, 3, 3},
		{"committed at the beginning", intake.Start{}, 0, 0},
		{"committed at the end", intake.Start{Beginning: true}, 5, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			b.produceHourly(t, 5)
			if tt.committed != none {
				b.commit(t, 0, tt.committed)
			}
			m := join(t, b, startAt(tt.start), drain(time.Millisecond))
			m.ready(t)
			b.produce(t, 0, 5, 1) // something to read behind the end
			if got := m.next(t).Record.Offset; got != tt.want {
				t.Errorf("the first record served has the offset %d, want %d", got, tt.want)
			}
			b.commits.await(t, 0, tt.want)
			if lost := all[events.OffsetsLost](m.recorder); len(lost) != 0 {
				t.Errorf("nothing was lost, but got the events %v", lost)
			}
		})
	}
}

// Without that, records sent between two runs would be lost to a group whose
// first run got none.
func TestStartPositionIsCommittedBeforeTheFirstRecord(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	first := join(t, b, fromEnd)
	b.commits.await(t, 0, 3)
	first.stop()
	b.produce(t, 0, 3, 2) // while no member runs

	second := join(t, b, fromEnd, drain(time.Millisecond))
	if got := offsets(second.take(t, 2)); !cmp.Equal(got, []int64{3, 4}) {
		t.Errorf("after a restart the records %v were served, want 3 and 4", got)
	}
}

func TestPartitionAddedWhileRunningStartsAtItsBeginning(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 2)
	m := join(t, b, fromEnd, drain(time.Millisecond))
	m.ready(t)
	if _, err := b.admin.CreatePartitions(testContext(t), 1, topic); err != nil {
		t.Fatal(err)
	}
	if err := b.client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Partition: 0}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromProducing(topic) // learn of the new partition now
	b.produce(t, 1, 0, 2)                    // before the member knows of it
	got := map[int32][]int64{}
	for range 3 {
		r := m.next(t).Record
		got[r.Partition] = append(got[r.Partition], r.Offset)
	}
	if diff := cmp.Diff(map[int32][]int64{0: {2}, 1: {0, 1}}, got); diff != "" {
		t.Errorf("records served (-want +got):\n%s", diff)
	}
}

func TestCommittedOffsetOutOfRange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name               string
		committed, nearest int64
	}{
		{"before the log", 2, 4}, // of a log with the offsets 4 to 9
		{"behind the log", 50, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			b.produce(t, 0, 0, 10)
			cut := make(kadm.Offsets)
			cut.Add(kadm.Offset{Topic: topic, Partition: 0, At: 4, LeaderEpoch: -1})
			if _, err := b.admin.DeleteRecords(testContext(t), cut); err != nil {
				t.Fatal(err)
			}
			b.commit(t, 0, tt.committed)

			m := join(t, b, fromEnd, drain(time.Millisecond))
			lost := await(t, m.recorder, 1, always[events.OffsetsLost])
			want := events.OffsetsLost{
				Group: group, Nearest: tt.nearest,
				Position: events.Position{Topic: topic, Partition: 0, Offset: tt.committed},
			}
			if lost != want {
				t.Errorf("event %+v, want %+v", lost, want)
			}
			b.commits.await(t, 0, tt.nearest)
			b.produce(t, 0, 10, 1)
			if got := m.next(t).Record.Offset; got != tt.nearest {
				t.Errorf("the first record served has the offset %d, want %d", got, tt.nearest)
			}
			if n := len(all[events.OffsetsLost](m.recorder)); n != 1 {
				t.Errorf("%d events for one loss, want 1", n)
			}
		})
	}
}

// A member without partitions, which is there because the topic had too few,
// learns of a partition only when it gets it.
func TestPartitionAddedForAnIdleMemberStartsAtItsBeginning(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	d := newDiary()
	first := join(t, b, fromEnd, handler(d.write))
	first.ready(t)
	second := join(t, b, fromEnd, handler(d.write))
	second.ready(t)
	if _, err := b.admin.CreatePartitions(testContext(t), 2, topic); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 0, 0, 1)
	b.client.PurgeTopicsFromProducing(topic)
	b.produce(t, 1, 0, 3)
	b.produce(t, 2, 0, 3)
	d.await(t, 7)
}

// While the leader of a partition is away, nobody knows where its log begins and
// ends. The partition must not be read from some default place then.
func TestStartWhileTheLeaderIsAway(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		start intake.Start
		want  []int64 // of a log with the offsets 0 to 5
	}{
		{"beginning", intake.Start{Beginning: true}, upTo(6)},
		{"time of a record", intake.Start{At: noon.Add(3 * time.Hour)}, []int64{3, 4, 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			b.produceHourly(t, 5)
			away := b.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Partitions: []int32{0}, Count: 4,
				Err: kerr.UnknownServerError,
			})
			m := join(t, b, startAt(tt.start), drain(time.Millisecond))
			if err := away.Wait(testContext(t), 4); err != nil {
				t.Fatal(err)
			}
			m.ready(t)
			b.produce(t, 0, 5, 1)
			if diff := cmp.Diff(tt.want, offsets(m.take(t, len(tt.want)))); diff != "" {
				t.Errorf("offsets served (-want +got):\n%s", diff)
			}
		})
	}
}

// From the end, nobody has joined until it is known where that is: and then it is stored
// there, although no record comes.
func TestStartFromTheEndWhileTheLeaderIsAway(t *testing.T) {
	t.Parallel()
	for _, nestjs := range []bool{false, true} {
		t.Run(fmt.Sprintf("beside NestJS servers: %v", nestjs), func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 2)
			b.produce(t, 0, 0, 3)
			away := b.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Partitions: []int32{0}, Count: -1, Err: kerr.UnknownServerError,
			})
			m := join(t, b, fromEnd, drain(time.Millisecond), config(func(c *intake.Config) { c.NestJS = nestjs }))
			b.commits.await(t, 1, 0) // the other partition has begun
			m.notYet(t, away, 4)
			b.produce(t, 0, 3, 2)
			away.Remove()
			m.ready(t)
			if got := b.committed(t, 0); got != 5 {
				t.Errorf("the start that is stored is %d, want 5", got)
			}
			b.produce(t, 0, 5, 1)
			if s := m.next(t); s.Record.Offset != 5 {
				t.Errorf("the first record served has the offset %d, want 5", s.Record.Offset)
			}
		})
	}
}

// A member that says it has joined will see what is sent from then on, and so
// will whoever takes over from it: its start is stored.
func TestJoinedComesWithTheCommitOfTheStart(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 3)
	refused := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: topic, Partitions: []int32{0}, Err: kerr.OffsetMetadataTooLarge, Count: 3,
	})
	m := join(t, b, fromEnd)
	m.ready(t)
	if refused.Hits() != 3 {
		t.Errorf("joined after %d refused commits, want 3", refused.Hits())
	}
	if got := b.committed(t, 0); got != 3 {
		t.Errorf("joined while the broker has stored %d, want 3", got)
	}
}

func TestJoinedWithoutPartitions(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	join(t, b).ready(t)
	join(t, b).ready(t) // there is nothing left for it
}

// A member that is thrown out before its first commit must not find another end
// when it is back.
func TestStartIsKeptWhenAPartitionIsLostBeforeItsFirstCommit(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 3)
	refused := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge, Count: -1})
	m := join(t, b, fromEnd, config(func(c *intake.Config) { c.Session = time.Second }))
	b.commits.await(t, 0, 3)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.UnknownMemberID})
	m.leaves(t, 0, 1)
	b.produce(t, 0, 3, 2)
	for _, want := range []int64{3, 4} {
		s := m.next(t)
		s.Done()
		if s.Record.Offset != want {
			t.Errorf("the record %d was served, want %d", s.Record.Offset, want)
		}
	}
	refused.Remove()
	b.committedIs(t, 0, 5)
	if lost := all[events.OffsetsLost](m.recorder); len(lost) != 0 {
		t.Errorf("events %+v, but nothing was lost", lost)
	}
}
