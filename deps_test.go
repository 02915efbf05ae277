package siskin_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Users of the root package must not get a broker, a command line library, a
// test library or a configuration loader with it.
func TestTheRootPackageStaysSmall(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/siskin-go/siskin").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"github.com/siskin-go/siskin", "github.com/twmb/franz-go/pkg/kgo", "github.com/twmb/franz-go/pkg/kadm",
		"github.com/twmb/franz-go/pkg/kmsg", "github.com/twmb/franz-go/pkg/kerr", "github.com/twmb/franz-go/pkg/kversion",
		"github.com/twmb/franz-go/pkg/kbin", "github.com/twmb/franz-go/pkg/sasl", "github.com/cenkalti/backoff/v5",
		"github.com/klauspost/compress", "github.com/pierrec/lz4",
	}
next:
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if !strings.Contains(strings.Split(dep, "/")[0], ".") {
			if dep == "testing" {
				t.Errorf("the root package reaches %s", dep)
			}
			continue // the standard library
		}
		for _, prefix := range allowed {
			if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
				continue next
			}
		}
		t.Errorf("the root package reaches %s", dep)
	}
}
