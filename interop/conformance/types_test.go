package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
)

// Types as users have them. order has the names of fields that NestJS's
// serializer takes for a Kafka message.
type (
	order struct {
		Key      string `json:"key"`
		Value    int    `json:"value"`
		Currency string `json:"currency"`
	}
	large struct {
		N int64 `json:"n"`
	}
	binary struct {
		B []byte `json:"b"`
	}
	dated struct {
		D time.Time `json:"d"`
	}
)

// typed is a Go type as a handler of a service has it for its argument, and a
// client for its result.
type typed struct {
	name   string
	handle func(s *stage, svc *siskin.Service)
	send   func(ctx context.Context, c *siskin.Client, topic string, req any, opts []siskin.CallOption) (any, error)
}

// goTypes are all types that a case reads something as.
var goTypes = []typed{
	goType[any](), goType[string](), goType[[]byte](), goType[json.RawMessage](), goType[float64](), goType[float32](),
	goType[int](), goType[int64](), goType[bool](), goType[[]float64](), goType[[]any](), goType[map[string]any](),
	goType[map[string]float64](),
	goType[order](), goType[*order](), goType[large](), goType[binary](), goType[dated](), goType[time.Time](),
	goType[struct{}](), goType[*float64](),
}

// goType has a handler of requests on "ask.…" and one of events on "take.…".
func goType[T any]() typed {
	name := typeName(reflect.TypeFor[T]())
	return typed{
		name: name,
		handle: func(s *stage, svc *siskin.Service) {
			siskin.Handle(svc, s.topic("ask."+name), func(ctx context.Context, v T) (struct{}, error) {
				s.delivered(ctx, v)
				return struct{}{}, nil
			})
			siskin.On(svc, s.topic("take."+name), func(ctx context.Context, v T) error {
				s.delivered(ctx, v)
				return nil
			})
		},
		send: func(ctx context.Context, c *siskin.Client, topic string, req any, opts []siskin.CallOption) (any, error) {
			return siskin.Send[T](ctx, c, topic, req, opts...)
		},
	}
}

// typeName is t as a part of a topic's name.
func typeName(t reflect.Type) string {
	return strings.Trim(strings.NewReplacer(
		"conformance_test.", "", "interface {}", "any", "struct {}", "nothing", "[]", "list-", "*", "pointer-",
		"map[", "map-", "]", "-", "uint8", "byte",
	).Replace(t.String()), "- ")
}

func goTypeOf(name string) typed {
	for _, t := range goTypes {
		if t.name == name {
			return t
		}
	}
	panic("no such type: " + name)
}

// reading is a value as Siskin reads it into a type of Go.
type reading struct {
	into typed
	want any
	err  string // in the error, where the type does not take the value
}

// as says that a T becomes want.
func as[T any](want T) reading {
	return reading{into: goTypeOf(typeName(reflect.TypeFor[T]())), want: want}
}

// not says that a T refuses the value, with an error that says so.
func not[T any](err string) reading {
	return reading{into: goTypeOf(typeName(reflect.TypeFor[T]())), err: err}
}

func (r reading) String() string {
	if r.err != "" {
		return fmt.Sprintf("%s: refused: %s", r.into.name, r.err)
	}
	return fmt.Sprintf("%s: %s", r.into.name, show(r.want))
}

// show prints a value with its dynamic types.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case *order:
		if v != nil {
			return fmt.Sprintf("&%+v", *v)
		}
	case *float64:
		if v != nil {
			return fmt.Sprintf("&%v", *v)
		}
	case []byte:
		return fmt.Sprintf("bytes %q", v)
	case json.RawMessage:
		return fmt.Sprintf("JSON %q", []byte(v))
	case json.Number:
		return fmt.Sprintf("number %s", string(v))
	case binary:
		return fmt.Sprintf("{b: %q}", v.B)
	}
	return fmt.Sprintf("%#v", v)
}

func jsonNumber(digits string) json.Number { return json.Number(digits) }

func ptr[T any](v T) *T { return &v }
