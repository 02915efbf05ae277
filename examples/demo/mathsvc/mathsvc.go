// Package mathsvc serves package mathapi.
package mathsvc

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathapi"
)

// Register adds the handlers of the math service. What arrives to be printed is
// written to out, one line in one Write, from several goroutines.
func Register(r siskin.Registrar, out io.Writer) {
	mathapi.Sum.Handle(r, sum)
	mathapi.Max.Handle(r, largest)
	mathapi.Print.On(r, func(_ context.Context, text string) error {
		_, err := fmt.Fprintf(out, "print: %s\n", text)
		return err
	})
}

func sum(_ context.Context, xs []float64) (float64, error) {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total, nil
}

func largest(_ context.Context, xs []float64) (float64, error) {
	if len(xs) == 0 {
		return 0, siskin.Errorf(siskin.CodeInvalid, "no numbers, no largest one: send at least one")
	}
	return slices.Max(xs), nil
}
