package devbroker_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/siskin-go/siskin/devbroker"
)

// childFolder is the variable that makes the test binary a broker to be
// killed: it holds the data folder.
const childFolder = "DEVBROKER_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m)
}

// runChild is a broker that prints its address and runs until it is killed,
// or its standard input ends.
func runChild(dir string) int {
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(b.Addr())
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 1
}
