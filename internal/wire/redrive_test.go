package wire_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/wire"
)

func TestNamesOfARedrive(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		wire.Redriven:     "siskin-redriven",
		wire.RedrivenFrom: "siskin-redriven-from",
		wire.RedriveGroup: "siskin-redrive-",
	} {
		if got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
	}
}
