//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hasModes says whether files have separate permissions for their owner and for
// others.
const hasModes = true

// lock locks a file, or returns errLocked. It succeeds on a file system without
// locks, since the lock only prevents that somebody starts two servers by mistake.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		return nil // the file system has no locks
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errLocked
	default:
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}
