package proof_test

import (
	"os"
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(serviceEnv); settings != "" {
		os.Exit(runService(settings))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeProgram()
		os.Exit(code)
	}))
}

// patience bounds whatever a test waits for; it is only used up by a failure.
const patience = 30 * time.Second

// parallel lets t run beside the others where they share nothing. Beside a
// real broker, the tests that start a second one go first, alone.
func parallel(t *testing.T) {
	t.Helper()
	if !siskintest.Real() {
		t.Parallel()
	}
}
