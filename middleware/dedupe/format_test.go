package dedupe

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin"
	"pgregory.net/rapid"
)

var ignoreCause = cmpopts.IgnoreUnexported(siskin.Error{})

// maybe is bytes that can also be none at all, which is not the same as empty.
func maybe() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 40), rapid.Just([]byte(nil)))
}

func drawOutcome(t *rapid.T) Outcome {
	name := rapid.Map(maybe(), func(b []byte) string { return string(b) })
	header := rapid.Custom(func(t *rapid.T) siskin.Header {
		return siskin.Header{Key: name.Draw(t, "name"), Value: maybe().Draw(t, "value")}
	})
	reply := rapid.Custom(func(t *rapid.T) Reply {
		r := Reply{Value: maybe().Draw(t, "value"), Key: maybe().Draw(t, "key")}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, header.Draw(t, "header"))
		}
		return r
	})
	o := Outcome{Cut: rapid.Bool().Draw(t, "cut")}
	for range rapid.IntRange(0, 4).Draw(t, "replies") {
		o.Replies = append(o.Replies, reply.Draw(t, "reply"))
	}
	if rapid.Bool().Draw(t, "fault") {
		o.Fault = &siskin.Error{
			Code: siskin.CodeConflict, Message: name.Draw(t, "message"), Details: json.RawMessage(maybe().Draw(t, "details")),
		}
	}
	return o
}

func TestAnOutcomeIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawOutcome(t)
		data, err := encodeOutcome(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeOutcome(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, ignoreCause); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// What is written once is read by later versions, so the text is a promise.
func TestTheFormatOfAnOutcome(t *testing.T) {
	t.Parallel()
	data, err := encodeOutcome(Outcome{
		Replies: []Reply{{Value: []byte("7")}, {Value: []byte{}, Key: []byte("k"), Headers: []siskin.Header{{Key: "h", Value: []byte("v")}}}},
		Fault:   &siskin.Error{Code: siskin.CodeConflict, Message: "no", Details: json.RawMessage("{}")},
	})
	const want = `{"v":1,"replies":[{"value":"Nw==","key":null},{"value":"","key":"aw==","headers":[{"name":"aA==","value":"dg=="}]}],` +
		`"fault":{"code":"conflict","message":"bm8=","details":"e30="}}`
	if err != nil || string(data) != want {
		t.Errorf("got %s, %v; want %s", data, err, want)
	}
	if data, err := encodeOutcome(Outcome{}); err != nil || string(data) != `{"v":1}` {
		t.Errorf("got %s, %v", data, err)
	}
	var zero ID
	for got, want := range map[string]string{
		string(idKey(zero, "a/b")):   "id/" + strings.Repeat("0", 64) + "/a/b",
		string(markKey("XY", "a/b")): "mark/XY/a/b",
	} {
		if got != want {
			t.Errorf("the key is %q, want %q", got, want)
		}
	}
}

func TestKeysAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.String().Draw(t, "group")
		var id ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		if k, err := parseKey(idKey(id, group)); err != nil || k != (storedKey{id: id, group: group}) {
			t.Fatalf("got %v, %v", k, err)
		}
		if k, err := parseKey(markKey("X", group)); err != nil || k != (storedKey{instance: "X", group: group}) {
			t.Fatalf("got %v, %v", k, err)
		}
	})
}

// Whatever is in the topic, it is read or refused, and what is read can be written.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("id/"+strings.Repeat("0", 64)+"/g"), []byte(`{"v":1}`))
	f.Add([]byte("mark/X/g"), []byte("1"))
	f.Add([]byte("mark//g"), []byte("-1"))
	f.Add([]byte("id/"+strings.Repeat("z", 64)+"/g"), []byte(`{"v":2}`))
	f.Add([]byte(nil), []byte(nil))
	f.Add([]byte("id/"), []byte(`{"v":1,"replies":[{"value":"!"}]}`))
	f.Add([]byte("x"), []byte(`{"v":1,"replies":[{"headers":[{}]}],"fault":{}}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if k, err := parseKey(key); err == nil {
			again := idKey(k.id, k.group)
			if k.instance != "" {
				again = markKey(k.instance, k.group)
			}
			if !strings.EqualFold(string(again), string(key)) {
				t.Fatalf("the key %q is read as %q", key, again)
			}
		}
		o, err := decodeOutcome(value)
		if err != nil {
			return
		}
		data, err := encodeOutcome(o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeOutcome(data)
		if err != nil || !cmp.Equal(o, again, ignoreCause, cmpopts.EquateEmpty()) {
			t.Fatalf("%v became %v, %v", o, again, err)
		}
		if bytes.Contains(data, []byte("\n")) {
			t.Fatal("more than a line")
		}
	})
}

// No two lists of parts make one id.
func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[ID]string{}
	for what, id := range map[string]ID{
		"a":                identify("a", 0, "t", []byte("x")),
		"another name":     identify("b", 0, "t", []byte("x")),
		"another handler":  identify("a", 1, "t", []byte("x")),
		"another topic":    identify("a", 0, "u", []byte("x")),
		"another id":       identify("a", 0, "t", []byte("y")),
		"a longer topic":   identify("a", 0, "tx", nil),
		"a longer name":    identify("at", 0, "", []byte("x")),
		"a very long one":  identify("a", 0, "t", bytes.Repeat([]byte("x"), 1<<20)),
		"a longer still":   identify("a", 0, "t", bytes.Repeat([]byte("x"), 1<<20+1)),
		"an empty one":     identify("a", 0, "t", nil),
		"everything empty": identify("", 0, "", nil),
	} {
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s have one id", what, other)
		}
		seen[id] = what
	}
}
