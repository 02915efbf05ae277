package codec

// Encoded is a value that a codec has encoded before. Its bytes are the record's,
// whatever the codec; nil stands for a record without a value. It is for
// middleware that keeps replies: to its author's type it cannot be turned back.
// The bytes must not be changed any more.
type Encoded []byte

// Encode returns the bytes for v: its own when it is Encoded, else those of c.
func Encode(c Codec, v any) ([]byte, error) {
	if e, ok := v.(Encoded); ok {
		return e, nil
	}
	return c.Encode(v)
}
