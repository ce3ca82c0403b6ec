//go:build unix

package store

import (
	"fmt"
	"os"
	"syscall"
)

// giveTo gives a file to the owner of a directory. A command that root runs must not leave
// a database that the server cannot open. It does nothing for other users.
func giveTo(dir, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("read the owner of %s: %w", dir, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give %s to the owner of %s: %w", path, dir, err)
	}
	return nil
}
