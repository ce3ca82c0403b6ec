//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hasRights says that files have rights for their owner and for others.
const hasRights = true

// lock takes the file's lock, or gives errLocked. A file system that has no
// locks is let through: the lock only guards
// against running twice by mistake.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil, errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		return nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errLocked
	default:
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}
