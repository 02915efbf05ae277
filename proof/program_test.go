package proof_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program is the path of the command siskin, which is built when it is first
// needed.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "siskin-proof-")
	if err != nil {
		return "", err
	}
	programFolder = folder
	path := filepath.Join(folder, "siskin.exe")
	out, err := exec.Command("go", "build", "-o", path, "github.com/siskin-go/siskin/cmd/siskin").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return path, nil
})

var programFolder string

// removeProgram is called when all tests have ended.
func removeProgram() {
	if programFolder != "" {
		_ = os.RemoveAll(programFolder)
	}
}
