package devbroker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/devbroker"
)

func TestFolderHasOneBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, devbroker.Config{DataDir: dir})
	_, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if !errors.Is(err, devbroker.ErrFolderInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want ErrFolderInUse that names %s", err, dir)
	}
	closeBroker(t, b)
	start(t, devbroker.Config{DataDir: dir})
}

func TestFailedStartLetsTheFolderGo(t *testing.T) {
	t.Parallel()
	dir, taken := t.TempDir(), occupy(t, freePort(t))
	if _, err := devbroker.Start(devbroker.Config{Listen: taken, ExactPort: true, DataDir: dir}); err == nil {
		t.Fatal("no error")
	}
	start(t, devbroker.Config{DataDir: dir})
}

func TestFolderOfAStranger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	letter := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(letter, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if !errors.Is(err, devbroker.ErrForeignFolder) || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("error %v, want ErrForeignFolder that names the file", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was written there: %v, %v", entries, err)
	}
}

func TestHarmlessFilesDoNotMakeAStranger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".gitkeep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, devbroker.Config{DataDir: dir})
}

func TestFolderIsMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	b := start(t, devbroker.Config{DataDir: dir})
	produce(t, client(t, b.Addr()), "t", "v")
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

func TestFolderErrorsNameIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	closeBroker(t, start(t, devbroker.Config{DataDir: broken}))
	if err := os.WriteFile(filepath.Join(broken, "topics.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	closeBroker(t, start(t, devbroker.Config{DataDir: newer}))
	if err := os.WriteFile(filepath.Join(newer, "meta.json"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), broken, newer} {
		_, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("folder %s: error %v does not name it", dir, err)
		}
	}
}
