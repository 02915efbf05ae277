package main

import (
	"bytes"
	"encoding/json"
	"hash/fnv"

	"github.com/siskin-go/siskin/codec"
)

// note is what travels, as an event and as a request. ID is unique in a run for
// each kind; Seq counts up within a key of a topic.
type note struct {
	ID   int    `json:"id"`
	Key  string `json:"key"`
	Seq  int    `json:"seq"`
	Fate fate   `json:"fate"`
}

// spoiled is put before the JSON of a note that shall not be decodable.
var spoiled = []byte("!")

func (n note) bytes() []byte {
	text, err := json.Marshal(n)
	if err != nil {
		panic(err) // a note has nothing that cannot be encoded
	}
	if n.Fate == poison {
		text = append(bytes.Clone(spoiled), text...)
	}
	return text
}

// readNote reads a note from a record's value, also a spoiled one.
func readNote(value []byte) (n note, ok bool) {
	return n, json.Unmarshal(bytes.TrimPrefix(value, spoiled), &n) == nil
}

// raw is the codec of the load: bytes go as they are, so that a client can send
// what cannot be decoded.
type raw struct{ codec.Codec }

func (r raw) Encode(v any) ([]byte, error) {
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	return r.Codec.Encode(v)
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}
