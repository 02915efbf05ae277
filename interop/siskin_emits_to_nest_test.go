package interop_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
)

func siskinEmitsToNest(t *testing.T, n *nest) {
	e := emitter{caller{n, n.siskinClient(t)}, n.nestServer(t)}
	t.Run("Payloads", e.payloads)
	t.Run("KeyAndHeaders", e.keyAndHeaders)
	t.Run("Batch", e.batch)
	t.Run("SameKeySamePartition", e.samePartition)
}

// emitter sends events to the handlers of "note" of the NestJS server.
type emitter struct {
	caller
	server *peer.Server
}

func (e emitter) payloads(t *testing.T) {
	for _, p := range []struct {
		name    string
		payload any
		want    string // JSON of what NestJS decoded
	}{
		{"String", "hello", `"hello"`},
		{"Unicode", unicode, `"Grüße, 你好 🐦 <&> ` + "\u2028" + ` \"q\" \\"`},
		{"Number", 42, `"42"`}, // NestJS decodes only objects and lists
		{"Object", map[string]any{"a": 1, "b": "<ü>"}, `{"a":1,"b":"<ü>"}`},
		{"List", []int{1, 2}, `[1,2]`},
		{"StructWithValueAndKey", order{"k", 5, "EUR"}, `{"key":"k","value":5,"currency":"EUR"}`},
		{"Nothing", nil, `null`},
	} {
		t.Run(p.name, func(t *testing.T) {
			meta, err := e.client.Emit(e.ctx(t), e.topic("note"), p.payload)
			if err != nil {
				t.Fatal(err)
			}
			if meta.Topic != e.topic("note") || meta.Offset < 0 || meta.Timestamp.IsZero() {
				t.Errorf("incomplete metadata: %+v", meta)
			}
			e.noted(t, note{p.want, "null", "{}"})
		})
	}
}

func (e emitter) keyAndHeaders(t *testing.T) {
	_, err := e.client.Emit(e.ctx(t), e.topic("note"), "x", siskin.WithKey("schlüssel"),
		siskin.WithHeader("a", "1"), siskin.WithHeader("b", "é"), siskin.WithHeader("empty", ""))
	if err != nil {
		t.Fatal(err)
	}
	e.noted(t, note{`"x"`, `"schlüssel"`, `{"a":"1","b":"é","empty":""}`})
}

func (e emitter) batch(t *testing.T) {
	var messages []siskin.Message
	var want []note
	for i := range 5 {
		key := strconv.Itoa(i)
		messages = append(messages, siskin.Message{
			Value:   map[string]int{"i": i},
			Options: []siskin.CallOption{siskin.WithKey("k" + key), siskin.WithHeader("h", "h"+key)},
		})
		want = append(want, note{`{"i":` + key + `}`, `"k` + key + `"`, `{"h":"h` + key + `"}`})
	}
	metas, err := e.client.EmitBatch(e.ctx(t), e.topic("note"), messages)
	if err != nil {
		t.Fatal(err)
	}
	for i, meta := range metas {
		if meta.Offset < 0 {
			t.Errorf("message %d is not stored: %+v", i, meta)
		}
	}
	e.noted(t, want...)
}

// samePartition holds for keys of any bytes: kafkajs's hash must be ours.
func (e emitter) samePartition(t *testing.T) {
	nest := e.nestClient(t)
	used := map[int32]bool{}
	for _, key := range []string{"", "a", "b", "key-1", "key-2", "schlüssel", "你好", "🐦", "0", "00000000-0000"} {
		ours, err := e.client.Emit(e.ctx(t), e.topic("note"), "by key", siskin.WithKey(key))
		if err != nil {
			t.Fatal(err)
		}
		call, err := nest.Begin("emit", "note", map[string]string{"key": key, "value": "by key"}, patience)
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := call.End(e.ctx(t))
		if err != nil || outcome.Err != nil || len(outcome.Values) != 1 {
			t.Fatalf("key %q: %s, %v", key, outcome, err)
		}
		var theirs []struct{ Partition int32 }
		if err := json.Unmarshal(outcome.Values[0], &theirs); err != nil || len(theirs) != 1 {
			t.Fatalf("key %q: %s, %v", key, outcome.Values[0], err)
		}
		if theirs[0].Partition != ours.Partition {
			t.Errorf("key %q goes to partition %d, with NestJS to %d", key, ours.Partition, theirs[0].Partition)
		}
		used[ours.Partition] = true
		text := strconv.Quote(key)
		e.noted(t, note{`"by key"`, text, "{}"}, note{`"by key"`, text, "{}"})
	}
	if len(used) != requestPartitions {
		t.Errorf("the keys use the partitions %v, want all %d", used, requestPartitions)
	}
}

// note is what both handlers of "note" should get, as JSON.
type note struct{ payload, key, headers string }

// noted checks what the server received since the last time, in any order.
func (e emitter) noted(t *testing.T, want ...note) {
	t.Helper()
	var wanted, got []string
	for _, w := range want {
		for handler := 1; handler <= 2; handler++ {
			wanted = append(wanted, fmt.Sprintf("handler %d: %s key %s headers %s", handler, w.payload, w.key, w.headers))
		}
	}
	notes, err := e.server.Notes(e.ctx(t), len(wanted))
	if err != nil {
		t.Error(err)
	}
	for _, r := range notes {
		got = append(got, fmt.Sprintf("handler %d: %s key %s headers %s", r.Handler, r.Payload, r.Key, r.Headers))
	}
	slices.Sort(wanted)
	slices.Sort(got)
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("wrong events (-want +got):\n%s", diff)
	}
}
