package dedupe_test

import (
	"context"
	"encoding/binary"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/middleware/dedupe"
	"pgregory.net/rapid"
)

func id(n int) (id dedupe.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func value(n int) dedupe.Outcome {
	return dedupe.Outcome{Replies: []dedupe.Reply{{Value: []byte(strings.Repeat("x", n))}}}
}

func find(t interface{ Fatal(...any) }, s dedupe.Store, n int) (dedupe.Outcome, bool) {
	o, ok, err := s.Find(context.Background(), id(n))
	if err != nil {
		t.Fatal(err)
	}
	return o, ok
}

func remember(t interface{ Fatal(...any) }, s dedupe.Store, n int, o dedupe.Outcome) {
	if err := s.Remember(context.Background(), id(n), o); err != nil {
		t.Fatal(err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bounds dedupe.Bounds
		want   string
	}{
		{dedupe.Bounds{}, ""},
		{dedupe.Bounds{Entries: 1, Bytes: 4096, Age: time.Second}, ""},
		{dedupe.Bounds{Entries: -1}, `dedupe.Bounds.Entries "-1"`},
		{dedupe.Bounds{Bytes: 4095}, `dedupe.Bounds.Bytes "4095"`},
		{dedupe.Bounds{Age: time.Millisecond}, `dedupe.Bounds.Age "1ms"`},
		{dedupe.Bounds{Age: 366 * 24 * time.Hour}, `dedupe.Bounds.Age "8784h`},
	} {
		_, err := dedupe.NewMemory(tt.bounds)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("NewMemory(%+v) = %v, want %q", tt.bounds, err, tt.want)
		}
	}
}

// model is a memory that is obviously right: a list in the order of coming.
type model struct {
	bounds  dedupe.Bounds
	list    []modelEntry
	evicted int
}

type modelEntry struct {
	id, size int
	outcome  dedupe.Outcome
	at       time.Time
}

// entrySize is what a Memory counts for an outcome with one reply without a key.
func entrySize(o dedupe.Outcome) int {
	size := 256
	for _, r := range o.Replies {
		size += 96 + len(r.Value)
	}
	return size
}

func (m *model) without(drop func(modelEntry) bool) {
	var left []modelEntry
	for _, e := range m.list {
		if !drop(e) {
			left = append(left, e)
		}
	}
	m.list = left
}

func (m *model) expire() {
	m.without(func(e modelEntry) bool { return time.Since(e.at) >= m.bounds.Age })
}

func (m *model) bytes() (n int) {
	for _, e := range m.list {
		n += e.size
	}
	return n
}

func (m *model) remember(id int, o dedupe.Outcome) {
	m.expire()
	if entrySize(o) > m.bounds.Bytes {
		o = dedupe.Outcome{Cut: true}
	}
	m.without(func(e modelEntry) bool { return e.id == id })
	m.list = append(m.list, modelEntry{id, entrySize(o), o, time.Now()})
	for len(m.list) > m.bounds.Entries || m.bytes() > m.bounds.Bytes {
		m.list = m.list[1:]
		m.evicted++
	}
}

func (m *model) find(id int) (dedupe.Outcome, bool) {
	m.expire()
	for _, e := range m.list {
		if e.id == id {
			return e.outcome, true
		}
	}
	return dedupe.Outcome{}, false
}

func TestMemoryIsLikeItsModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Rapid would ask a *testing.T for its deadline, which has none in here.
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) {
			bounds := dedupe.Bounds{
				Entries: rapid.IntRange(1, 12).Draw(t, "entries"),
				Bytes:   rapid.IntRange(4096, 8192).Draw(t, "bytes"),
				Age:     time.Duration(rapid.IntRange(1, 20).Draw(t, "age")) * time.Second,
			}
			m, err := dedupe.NewMemory(bounds)
			if err != nil {
				t.Fatal(err)
			}
			want := model{bounds: bounds}
			ids := rapid.IntRange(0, 15)
			t.Repeat(map[string]func(*rapid.T){
				"remember": func(t *rapid.T) {
					n, o := ids.Draw(t, "id"), value(rapid.IntRange(0, 9000).Draw(t, "size"))
					remember(t, m, n, o)
					want.remember(n, o)
				},
				"remember an event": func(t *rapid.T) {
					n := ids.Draw(t, "id")
					remember(t, m, n, dedupe.Outcome{})
					want.remember(n, dedupe.Outcome{})
				},
				"wait": func(t *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(0, 8000).Draw(t, "ms")) * time.Millisecond) // virtual
				},
				"": func(t *rapid.T) {
					for n := range 16 {
						o, ok := find(t, m, n)
						wantO, wantOK := want.find(n)
						if ok != wantOK || !reflect.DeepEqual(o, wantO) {
							t.Fatalf("Find(%d) = %v, %v; want %v, %v", n, o, ok, wantO, wantOK)
						}
					}
					wantStats := dedupe.Stats{Entries: len(want.list), Bytes: want.bytes(), Evicted: want.evicted}
					if got := m.Stats(); got != wantStats {
						t.Fatalf("Stats = %+v, want %+v", got, wantStats)
					}
				},
			})
		})
	})
}

func TestMemoryForgetsAtTheAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := memory(t, dedupe.Bounds{Age: time.Hour})
		remember(t, m, 1, value(1))
		time.Sleep(time.Hour - 1) // virtual
		if _, ok := find(t, m, 1); !ok {
			t.Error("it was forgotten too early")
		}
		time.Sleep(time.Nanosecond) // virtual
		if _, ok := find(t, m, 1); ok {
			t.Error("it is still remembered")
		}
		if s := m.Stats(); s != (dedupe.Stats{}) {
			t.Errorf("Stats = %+v", s)
		}
	})
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := memory(t, dedupe.Bounds{Entries: 50, Bytes: 64 << 10})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 2_000 {
				remember(t, m, n%97, value(n%500))
				if o, ok := find(t, m, n%89); ok && len(o.Replies) != 1 {
					t.Errorf("found %v", o)
				}
				if s := m.Stats(); s.Entries > 50 || s.Bytes > 64<<10 {
					t.Errorf("Stats = %+v", s)
				}
			}
		})
	}
	all.Wait()
	if s := m.Stats(); s.Entries != 50 {
		t.Errorf("Stats = %+v", s)
	}
}
