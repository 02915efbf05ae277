package outcome

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Panic is the panic of a handler, contained.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap returns the value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Contain runs a handler and returns a panic as an error, so that one record cannot
// end the process.
func Contain(ctx context.Context, handler func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return handler(ctx)
}
