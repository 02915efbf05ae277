package devbroker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// markerName is the file that says a folder is ours. Its lock says that a
// broker uses the folder, its text which process that is.
const markerName = "siskin-devbroker.lock"

// harmless are names that may be in a new data folder: systems and version
// control put them there.
var harmless = []string{".DS_Store", ".gitignore", ".gitkeep", "lost+found"}

// folder is a data folder that this broker has for itself.
type folder struct {
	path   string
	marker *os.File
}

// openFolder takes the data folder at path, which it creates if missing.
func openFolder(path string) (*folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder %q: %w", path, err)
	}
	if err := os.MkdirAll(abs, 0o755); err != nil { //nolint:gosec // Kafka's own log folder is readable too
		return nil, fmt.Errorf("data folder %q cannot be made: %w", path, err)
	}
	if err := checkOwner(abs); err != nil {
		return nil, fmt.Errorf("data folder %q: %w", path, err)
	}
	marker, err := takeMarker(filepath.Join(abs, markerName))
	if err != nil {
		return nil, fmt.Errorf("data folder %q: %w", path, err)
	}
	return &folder{path: abs, marker: marker}, nil
}

// checkOwner refuses a folder with files in it that is not marked as ours.
func checkOwner(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var foreign string
	for _, e := range entries {
		if e.Name() == markerName {
			return nil
		}
		if !slices.Contains(harmless, e.Name()) {
			foreign = e.Name()
		}
	}
	if foreign != "" {
		return fmt.Errorf("%w: it holds %q; choose an empty or a new folder", ErrForeignFolder, foreign)
	}
	return nil
}

// takeMarker opens and locks the marker file and writes our process into it.
func takeMarker(path string) (*os.File, error) {
	f, err := openLocked(path)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("%w (%s); stop it, or choose another folder", ErrFolderInUse, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be locked: %w", err)
	}
	if err := writeHolder(f); err != nil {
		_ = f.Close() // the first error is the one to report
		return nil, err
	}
	return f, nil
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	return nil
}

// holder names the process that uses a folder, as far as the marker tells.
func holder(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // the marker in the folder we were given
	pid := strings.TrimSpace(string(text))
	if err != nil || pid == "" {
		return "another process"
	}
	if pid == strconv.Itoa(os.Getpid()) {
		return "this process"
	}
	return "process " + pid
}

// close lets the folder go: closing the file unlocks it. The marker stays, as
// the sign that the folder is ours. Without a folder there is nothing to do.
func (f *folder) close() error {
	if f == nil {
		return nil
	}
	if err := f.marker.Close(); err != nil {
		return fmt.Errorf("data folder %q: unlock: %w", f.path, err)
	}
	return nil
}
