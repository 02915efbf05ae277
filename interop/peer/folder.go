package peer

import (
	"fmt"
	"os"
	"path/filepath"
)

// Folder fills dir with the programs of one folder and the packages of another,
// so that the same programs run on another version of NestJS: Node.js looks for
// packages beside a program.
func Folder(dir, programs, packages string) error {
	files, err := filepath.Glob(filepath.Join(programs, "*.js"))
	if err != nil {
		return fmt.Errorf("find the programs of %s: %w", programs, err)
	}
	for _, file := range append(files, filepath.Join(programs, "package.json")) {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("copy a program: %w", err)
		}
	}
	modules, err := filepath.Abs(filepath.Join(packages, "node_modules"))
	if err == nil {
		err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		return fmt.Errorf("use the packages of %s: %w", packages, err)
	}
	return nil
}
