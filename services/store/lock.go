package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// errLocked is the error if another program holds the lock.
var errLocked = errors.New("locked by another program")

// Claim makes this program the only server of the data directory until Close: two
// servers on one database would run the same batches. Commands that only read the
// database or add a row need no claim. The operating system releases the claim of
// a program that crashes.
//
// Servers on one PostgreSQL database are replicas instead; see Lead. There, a command makes
// sure with a claim that no replica works, and none begins to within a minute.
func (s *Store) Claim(ctx context.Context) error {
	if s.file == "" {
		return s.claimLead(ctx)
	}
	f, err := lockFile(s.lockPath("serve.lock"))
	if errors.Is(err, errLocked) {
		return fmt.Errorf("another server runs on the data directory %s; "+
			"stop it first, or choose another with --data", filepath.Dir(s.file))
	}
	if err != nil {
		return fmt.Errorf("claim the data directory: %w", err)
	}
	s.claim = f
	return nil
}

func (s *Store) claimLead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	leading, err := s.Lead(ctx, Leader{Holder: "a command"}, time.Minute)
	if err != nil {
		return err
	}
	if leading == nil {
		return errors.New("a replica works on the database; stop all of them first")
	}
	return nil
}

func (s *Store) lockPath(name string) string { return filepath.Join(filepath.Dir(s.file), name) }

// waitForLock waits until it can lock the file. The lock lasts until the result is
// closed.
func waitForLock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := lockFile(path)
		if !errors.Is(err, errLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another program that migrates the database: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lockFile locks the file until the result is closed. If another program holds the
// lock, it returns errLocked at once.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
