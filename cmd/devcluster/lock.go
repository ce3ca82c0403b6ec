package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A dirLock is the lock of a directory that a running devcluster uses. The kernel
// drops it when the process ends, however it ends. So the lock, and not the process
// ID in the file, says whether a plane runs.
type dirLock struct{ file *os.File }

// errLocked is the error if another devcluster uses the directory.
var errLocked = errors.New("a devcluster runs in this directory")

func lockPath(dir string) string { return filepath.Join(dir, "devcluster.pid") }

// lockDir locks the directory and writes the ID of this process into it.
func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	lock := &dirLock{file}
	if err := lock.try(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := lock.write(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		lock.release()
		return nil, err
	}
	return lock, nil
}

// try takes the lock, or returns errLocked without waiting.
func (l *dirLock) try() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

func (l *dirLock) write(content string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(content), 0)
	return err
}

func (l *dirLock) release() {
	_ = l.write("") // Only "down" reads the process ID, while the file is locked.
	l.file.Close()
}

// stopHolder stops the devcluster that uses the directory, if any, and waits until
// it has ended.
func stopHolder(dir string, timeout time.Duration) error {
	file, err := os.Open(lockPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lock := &dirLock{file}
	defer file.Close() // Drops the lock, too.
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := lock.try(); !errors.Is(err, errLocked) {
			return err
		}
		pid := lock.holder()
		if pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGTERM) // If it has ended, the next try gets the lock.
		}
	}
	return fmt.Errorf("%s: devcluster did not stop within %s", dir, timeout)
}

// holder returns the ID of the process that wrote the file, or 0.
func (l *dirLock) holder() int {
	content := make([]byte, 32)
	n, _ := l.file.ReadAt(content, 0) // The file is shorter, so the error is io.EOF.
	pid, err := strconv.Atoi(strings.TrimSpace(string(content[:n])))
	if err != nil {
		return 0
	}
	return pid
}
