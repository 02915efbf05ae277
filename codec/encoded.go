package codec

// Encoded is a record's value as it is, whatever the codec; nil stands for a record
// without a value. It is for values that only pass through, for large ones, and for
// handlers that decode by themselves.
//
// It is not copied on its way out or in, so its bytes must not be changed any more. What
// a handler or a caller gets is in the memory of the fetch that brought it, up to a
// megabyte, which stays for as long as somebody keeps one value of it: copy what is to
// stay.
//
// Middleware that keeps replies sends them again so. To its author's type such a reply
// cannot be turned back.
type Encoded []byte

// Encode returns the bytes for v: its own when it is Encoded, else those of c.
func Encode(c Codec, v any) ([]byte, error) {
	if e, ok := v.(Encoded); ok {
		return e, nil
	}
	return c.Encode(v)
}

// Decode fills into, a pointer, from data: with data itself when it points to an Encoded,
// else as c does.
func Decode(c Codec, data []byte, into any) error {
	if e, ok := into.(*Encoded); ok {
		*e = data
		return nil
	}
	return c.Decode(data, into)
}
