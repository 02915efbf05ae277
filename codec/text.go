package codec

import "fmt"

// Text carries strings and byte slices as they are and refuses every other
// type. For services whose values are not JSON.
var Text Codec = textCodec{}

type textCodec struct{}

func (textCodec) Name() string { return "text" }

func (textCodec) Encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil, struct{}:
		return nil, nil
	case string:
		return append(make([]byte, 0, len(v)), v...), nil
	case []byte:
		return cloned(v), nil
	}
	return nil, fmt.Errorf("encode %T as text: only string and []byte can be text; choose codec.JSON", v)
}

func (textCodec) Decode(data []byte, into any) error {
	switch p := into.(type) {
	case *string:
		*p = string(data)
	case *[]byte:
		*p = cloned(data)
	case *struct{}:
	case *any:
		*p = string(data)
	default:
		return fmt.Errorf("decode text into %T: only string and []byte can be text; choose codec.JSON", into)
	}
	return nil
}
