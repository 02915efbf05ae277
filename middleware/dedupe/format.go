package dedupe

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/siskin-go/siskin"
)

// The records of a store's topic. A key is one of
//
//	id/<64 hexadecimal digits>/<consumer group>
//	mark/<text of an instance>/<consumer group>
//
// so that compaction keeps the newest outcome of an id, and the newest mark of an
// instance. The value of an outcome is JSON; that of a mark is a decimal number. An
// outcome without a value (a tombstone) makes the id forgotten.
const (
	idPrefix   = "id/"
	markPrefix = "mark/"
)

// version is the format of outcomes. A reader skips those of a later one.
const version = 1

var errForeign = errors.New("it is no record of this store")

func idKey(id ID, group string) []byte { return []byte(idPrefix + id.String() + "/" + group) }

func markKey(instance, group string) []byte { return []byte(markPrefix + instance + "/" + group) }

// storedKey is a key taken apart. Instance is empty for an outcome.
type storedKey struct {
	id       ID
	instance string
	group    string
}

func parseKey(key []byte) (storedKey, error) {
	if rest, ok := strings.CutPrefix(string(key), markPrefix); ok {
		instance, group, ok := strings.Cut(rest, "/")
		if !ok || instance == "" {
			return storedKey{}, errForeign
		}
		return storedKey{instance: instance, group: group}, nil
	}
	rest, ok := strings.CutPrefix(string(key), idPrefix)
	digits, group, cut := strings.Cut(rest, "/")
	if !ok || !cut || len(digits) != hex.EncodedLen(len(ID{})) {
		return storedKey{}, errForeign
	}
	k := storedKey{group: group}
	if _, err := hex.Decode(k.id[:], []byte(digits)); err != nil {
		return storedKey{}, errForeign
	}
	return k, nil
}

// stored is an outcome as it is written. Bytes are base64; null is not the same as
// empty.
type stored struct {
	Version int           `json:"v"`
	Replies []storedReply `json:"replies,omitempty"`
	Fault   *storedFault  `json:"fault,omitempty"`
	Cut     bool          `json:"cut,omitempty"`
}

type storedReply struct {
	Value   []byte         `json:"value"`
	Key     []byte         `json:"key"`
	Headers []storedHeader `json:"headers,omitempty"`
}

// storedHeader has its name as bytes too: nothing says that it is UTF-8.
type storedHeader struct {
	Name  []byte `json:"name"`
	Value []byte `json:"value"`
}

type storedFault struct {
	Code    string `json:"code"`
	Message []byte `json:"message"`
	Details []byte `json:"details"`
}

func encodeOutcome(o Outcome) ([]byte, error) {
	s := stored{Version: version, Cut: o.Cut}
	for _, r := range o.Replies {
		sr := storedReply{Value: r.Value, Key: r.Key}
		for _, h := range r.Headers {
			sr.Headers = append(sr.Headers, storedHeader{[]byte(h.Key), h.Value})
		}
		s.Replies = append(s.Replies, sr)
	}
	if f := o.Fault; f != nil {
		s.Fault = &storedFault{string(f.Code), []byte(f.Message), f.Details}
	}
	return json.Marshal(s)
}

func decodeOutcome(value []byte) (Outcome, error) {
	var s stored
	if err := json.Unmarshal(value, &s); err != nil {
		return Outcome{}, fmt.Errorf("read an outcome: %w", err)
	}
	if s.Version != version {
		return Outcome{}, fmt.Errorf("read an outcome: its version is %d, this program reads %d", s.Version, version)
	}
	o := Outcome{Cut: s.Cut}
	for _, sr := range s.Replies {
		r := Reply{Value: sr.Value, Key: sr.Key}
		for _, h := range sr.Headers {
			r.Headers = append(r.Headers, siskin.Header{Key: string(h.Name), Value: h.Value})
		}
		o.Replies = append(o.Replies, r)
	}
	if f := s.Fault; f != nil {
		o.Fault = &siskin.Error{Code: siskin.Code(f.Code), Message: string(f.Message), Details: f.Details}
	}
	return o, nil
}
