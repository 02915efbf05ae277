package callsite_test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/siskin-go/siskin/internal/callsite"
)

func register() string {
	return callsite.Outside("github.com/siskin-go/siskin/internal/callsite_test.register")
}

func TestOutside(t *testing.T) {
	t.Parallel()
	if got := filepath.Base(register()); !regexp.MustCompile(`^callsite_test\.go:\d+$`).MatchString(got) {
		t.Errorf("Outside = %q, want a line of this file", got)
	}
	if got := filepath.Base(callsite.Outside("github.com/siskin-go/siskin/internal/callsite_test.")); !regexp.MustCompile(`^testing\.go:\d+$`).MatchString(got) {
		t.Errorf("Outside = %q, want the caller of this test", got)
	}
	if got := callsite.Outside(""); got != "unknown place" {
		t.Errorf("Outside = %q, where all is inside", got)
	}
}
