package dedupe

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// ID is what a Store knows an outcome by: a hash of the name of the middleware, the
// handler, the topic, and what By gave. So ids are of one length, whatever a
// stranger writes into a header, and one topic's ids are never another's.
type ID [sha256.Size]byte

// String is the id in hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// identify hashes parts with their lengths, so that no two lists of parts are one
// text.
func identify(name string, handler uint64, topic string, raw []byte) ID {
	b := make([]byte, 0, 256)
	b = binary.AppendUvarint(b, uint64(len(name)))
	b = append(b, name...)
	b = binary.AppendUvarint(b, handler)
	b = binary.AppendUvarint(b, uint64(len(topic)))
	b = append(b, topic...)
	b = append(b, raw...)
	return sha256.Sum256(b)
}
