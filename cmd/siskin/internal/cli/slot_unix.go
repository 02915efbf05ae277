//go:build unix

package cli

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"syscall"
)

// slot is a name for this process that no other one on this machine has as long
// as it lives, and that the next process gets when it has ended, however that
// was. It is how a demo worker that was killed gets its partitions back at once
// without anybody giving it a name: the first free of some lock files.
func slot(of ...string) (name string, release func()) {
	host, err := os.Hostname()
	if err != nil {
		return "", func() {}
	}
	where := fnv.New64a()
	fmt.Fprint(where, host, os.Getuid(), of)
	for n := range 100 {
		name := fmt.Sprintf("siskin-demo-%x-%d", where.Sum64(), n)
		path := filepath.Join(os.TempDir(), name+".lock")
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return "", func() {} // without a name it is an ordinary member
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return name, func() { _ = f.Close() }
		}
		_ = f.Close()
	}
	return "", func() {}
}
