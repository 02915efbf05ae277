package cli_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/siskin-go/siskin/cmd/siskin/internal/cli"
	"go.uber.org/goleak"
)

// TestMain makes this binary a siskin command too, which scripts and tests find
// in their PATH.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"siskin": func() { os.Exit(cli.Main()) }})
}

type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
