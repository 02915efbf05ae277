// Package codec turns Go values into record values and back. A codec is chosen
// for a whole service or client, so that both sides of a contract agree.
package codec

// Codec encodes and decodes record values. Implementations are safe for
// concurrent use.
type Codec interface {
	// Name is the codec's short name in settings and logs.
	Name() string

	// Encode returns the bytes for v. A nil slice with a nil error stands for
	// a record without a value (a tombstone), an empty one for a value of
	// length zero. The codec gives the slice away and never reads it again.
	Encode(v any) ([]byte, error)

	// Decode fills into, a pointer, from data. A nil data stands for a record
	// without a value. Decode must not keep data, nor may what it writes to
	// into share memory with it, unless the type says so.
	Decode(data []byte, into any) error
}
