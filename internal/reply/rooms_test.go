package reply

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// roomsOf is rooms with limits as given.
func roomsOf(records, bytes int64) *rooms {
	return makeRooms(usage{records, bytes}, func([]*flight) {})
}

func value(size int64) *flight { return &flight{size: size} }

// fill puts replies of a size into the room of to until it is full.
func fill(r *rooms, to address, size int64) (in []*flight) {
	for {
		f := value(size)
		if !r.enter(to, f, time.Time{}) {
			return in
		}
		in = append(in, f)
	}
}

func TestRoomIsBoundedByRecords(t *testing.T) {
	t.Parallel()
	r, to := roomsOf(1_000_000, 1<<40), address{"a.reply", 0}
	in := fill(r, to, 1)
	if want := mostRecords - mostRecords/spare; len(in) != want {
		t.Errorf("%d values had room, want %d", len(in), want)
	}
	ends := 0
	for r.enter(to, &flight{size: 1, ending: true}, time.Time{}) {
		ends++
	}
	if want := mostRecords / spare; ends != want {
		t.Errorf("%d ends had room behind them, want %d", ends, want)
	}
	if !r.enter(address{"a.reply", 1}, value(1), time.Time{}) {
		t.Error("another partition of the topic has no room")
	}
	r.leave(in[0])
	if r.enter(to, value(1), time.Time{}) {
		t.Error("a value took the room that is left to ends")
	}
}

func TestRoomIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	r, to := roomsOf(1_000_000, allBytes), address{"a.reply", 0}
	in := fill(r, to, 1<<20)
	if len(in) < 15 || len(in) > 22 {
		t.Errorf("%d values of a mebibyte had room, want about 20", len(in))
	}
	// What is larger than any share goes when nothing else does.
	for _, f := range in {
		r.leave(f)
	}
	if !r.enter(to, value(allBytes/2), time.Time{}) {
		t.Error("a huge reply has no room although nothing else is on its way")
	}
	if r.enter(to, value(1), time.Time{}) {
		t.Error("a reply has room beside a huge one")
	}
	if !r.enter(address{"a.reply", 1}, value(1<<10), time.Time{}) {
		t.Error("another partition has no room beside a huge one")
	}
}

// Few destinations that stand still leave the others as much as they have
// themselves, and hundreds leave them their floor.
func TestDestinationsThatStandStillLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ dead, size, least int }{
		{1, overhead, 7_000},
		{5, overhead, 5_000},
		{20, overhead, 2_000},
		{100, overhead, 100},
		{399, overhead, 100},
		{1, 1 << 20, 15},
		{20, 1 << 20, 4},
		{399, 10 << 10, 20},
	} {
		r := roomsOf(200_000, allBytes)
		for i := range tt.dead {
			fill(r, address{"dead.reply", int32(i)}, int64(tt.size))
		}
		if n := len(fill(r, address{"live.reply", 0}, int64(tt.size))); n < tt.least {
			t.Errorf("with %d dead destinations a live one has room for %d replies of %d bytes, want %d",
				tt.dead, n, tt.size, tt.least)
		}
	}
}

// All together never hold more than the limit, whoever names how many.
func TestAllRoomsAreBounded(t *testing.T) {
	t.Parallel()
	r := roomsOf(1_000, 1<<30)
	in := 0
	for i := range 5_000 {
		if r.enter(address{fmt.Sprint(i, ".reply"), 0}, value(1), time.Time{}) {
			in++
		}
	}
	if in != 1_000 {
		t.Errorf("%d replies had room, want 1,000", in)
	}
}

func TestIdleDestinationsAreForgotten(t *testing.T) {
	t.Parallel()
	r := roomsOf(100_000, 1<<30)
	for i := range 10_000 {
		f := value(1)
		r.enter(address{fmt.Sprint(i, ".reply"), 0}, f, time.Now().Add(time.Hour))
		r.leave(f)
	}
	if n := len(r.known); n > remembered {
		t.Errorf("%d destinations are remembered, want at most %d", n, remembered)
	}
	if r.used != (usage{}) {
		t.Errorf("%+v is in use, want nothing", r.used)
	}
}

func TestEnteringAndLeavingAllocatesNothing(t *testing.T) {
	r, to, f := roomsOf(1_000, 1<<30), address{"a.reply", 0}, value(1)
	until := time.Now().Add(time.Hour)
	if n := testing.AllocsPerRun(1_000, func() {
		f.ended = false
		r.enter(to, f, until)
		r.leave(f)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// A reply is late at its own deadline, whatever the order, and keeps its room
// until it leaves.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, to, start := roomsOf(1_000, 1<<30), address{"a.reply", 0}, time.Now()
		ended := map[*flight]time.Duration{}
		var mu sync.Mutex
		r.late = func(late []*flight) {
			mu.Lock()
			defer mu.Unlock()
			for _, f := range late {
				ended[f] = time.Since(start)
			}
		}
		var all []*flight
		for _, seconds := range []time.Duration{30, 30, 5, 7, 30, 1, 60} {
			f := value(1)
			r.enter(to, f, start.Add(seconds*time.Second))
			all = append(all, f)
		}
		if !r.leave(all[1]) {
			t.Error("a reply that left in time was late")
		}
		time.Sleep(2 * time.Minute) // virtual
		synctest.Wait()
		for i, want := range []time.Duration{30, 0, 5, 7, 30, 1, 60} {
			if got := ended[all[i]]; got != want*time.Second {
				t.Errorf("reply %d was late after %v, want %v", i, got, want*time.Second)
			}
		}
		if r.used.records != 6 {
			t.Errorf("%d replies have room, want 6", r.used.records)
		}
		for i, f := range all {
			if i != 1 && r.leave(f) {
				t.Errorf("reply %d ended twice", i)
			}
		}
		if r.used != (usage{}) {
			t.Errorf("%+v is in use, want nothing", r.used)
		}
	})
}

func TestThoseWhoWaitAreWoken(t *testing.T) {
	t.Parallel()
	r, to := roomsOf(4_000, 1<<30), address{"a.reply", 0}
	in := fill(r, to, 1)
	no := r.enterOrWait(to, value(1))
	if again := r.enterOrWait(to, value(1)); no == nil || no.freed == nil || again == nil || again.freed != no.freed {
		t.Fatalf("enterOrWait = %+v and then %+v", no, again)
	}
	for i, f := range in {
		select {
		case <-no.freed:
			if i < len(in)/4 {
				t.Errorf("woken when %d of %d had left", i, len(in))
			}
			if r.enterOrWait(to, value(1)) != nil {
				t.Error("woken without room")
			}
			return
		default:
		}
		r.leave(f)
	}
	t.Error("nobody was woken")
}

// A destination that stands still is known for that until it moves.
func TestAStallEndsWithAMove(t *testing.T) {
	t.Parallel()
	r, to := roomsOf(4_000, 1<<30), address{"a.reply", 0}
	in := fill(r, to, 1)
	no := r.enterOrWait(to, value(1))
	r.stall(to, no.moves+1) // it has moved since: that was another look
	if r.enterOrWait(to, value(1)).stalled {
		t.Error("a destination that has moved is stalled")
	}
	r.stall(to, no.moves)
	if !r.enterOrWait(to, value(1)).stalled {
		t.Error("a destination that stands still is not stalled")
	}
	r.leave(in[0])
	if no := r.enterOrWait(to, value(1)); no != nil && no.stalled {
		t.Error("a destination that moves again is stalled")
	}
}

// Whatever comes and goes, what is in use is what is inside.
func TestRoomsAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := roomsOf(200, 100_000)
		inside := map[*flight]address{}
		for range 2_000 {
			if rnd.IntN(2) == 0 {
				to := address{fmt.Sprint(rnd.IntN(5), ".reply"), int32(rnd.IntN(3))}
				f := &flight{size: rnd.Int64N(1_000), ending: rnd.IntN(4) == 0}
				if r.enter(to, f, time.Now().Add(time.Hour)) {
					inside[f] = to
				}
			} else {
				for f := range inside {
					r.leave(f)
					delete(inside, f)
					break
				}
			}
			agree(t, r, inside)
		}
	}
}

func agree(t *testing.T, r *rooms, inside map[*flight]address) {
	t.Helper()
	all, each := usage{}, map[address]usage{}
	for f, to := range inside {
		all = all.plus(usage{1, f.size})
		each[to] = each[to].plus(usage{1, f.size})
	}
	if all != r.used {
		t.Fatalf("%+v is in use, want %+v", r.used, all)
	}
	shared := usage{}
	for _, u := range each {
		shared = shared.plus(u.above(r.floor))
	}
	if shared != r.shared {
		t.Fatalf("%+v is shared, want %+v", r.shared, shared)
	}
	for to, d := range r.known {
		linked := int64(0)
		for f := d.under.first; f != nil; f = f.next {
			linked++
		}
		if d.used != each[to] || linked != d.used.records {
			t.Fatalf("%v: %+v in use and %d linked, want %+v", to, d.used, linked, each[to])
		}
	}
}

func BenchmarkRooms(b *testing.B) {
	r, until := roomsOf(200_000, allBytes), time.Now().Add(time.Hour)
	to := address{"sum.reply", 0}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		f := value(100)
		for pb.Next() {
			f.ended = false
			r.enter(to, f, until)
			r.leave(f)
		}
	})
}

// A destination is proven from a reply that was stored until one that was not, also one
// that is tried again.
func TestWhatProvesADestination(t *testing.T) {
	t.Parallel()
	r, to := roomsOf(4_000, 1<<30), address{"a.reply", 0}
	enter := func(want bool) *flight {
		t.Helper()
		f := value(1)
		if !r.enter(to, f, time.Time{}) {
			t.Fatal("no room")
		}
		if f.proven != want {
			t.Errorf("its destination is proven: %t, want %t", f.proven, want)
		}
		return f
	}
	first, second := enter(false), enter(false)
	r.land(first, true)
	third := enter(true)
	r.doubt(second)
	enter(false)
	r.land(second, true)
	enter(true)
	r.land(third, false)
	r.leave(enter(false)) // was never sent
	enter(false)
}
