package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A spawner starts child processes that end with this one.
//
// The kernel kills such a child when the thread that started it ends, not only when
// the process does (prctl(2), PR_SET_PDEATHSIG), and the Go runtime may end threads
// at any time. So one thread, which never ends, starts all children.
type spawner struct {
	requests chan func()
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // Never unlocked: see the type's comment.
		for request := range s.requests {
			request()
		}
	}()
	return s
}

// start calls cmd.Start on the spawner's thread.
func (s *spawner) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	s.requests <- func() { started <- cmd.Start() }
	return <-started
}

// A process is a running component of the plane.
type process struct {
	name  string // Such as "kube-scheduler of staging".
	log   string // Path of the file with its output.
	cmd   *exec.Cmd
	ended chan struct{} // Closed when it has ended; err is set before.
	err   error
}

// startProcess starts one component. Its output goes to a file in logDir. It gets its
// own process group, so that Ctrl-C at the terminal reaches only devcluster, which
// then stops all components in order.
func (s *spawner) startProcess(name, logDir string, cmd *exec.Cmd) (*process, error) {
	path := filepath.Join(logDir, strings.ReplaceAll(name, " of ", "-")+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer log.Close() // The child has its own descriptor.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: path, cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// kill kills the process and waits until it has ended. There is no need for a
// graceful end, since the plane's data is deleted.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // Fails only if it has ended already.
	<-p.ended
}

// failure returns the error of a process that has ended by itself, with the last
// lines of its log.
func (p *process) failure() error {
	why := "exit code 0"
	if p.err != nil {
		why = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); end of %s:\n%s", p.name, why, p.log, tail(p.log, 2000))
}

// tail returns the last lines of a file, at most size bytes.
func tail(path string, size int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(content) > size {
		content = content[len(content)-size:]
		content = content[bytes.IndexByte(content, '\n')+1:]
	}
	return strings.TrimSpace(string(content))
}

// poll calls check every 50 ms until it returns nil, the context ends, or failed
// receives an error. After the end of the context, the error contains that of the
// last check.
func poll(ctx context.Context, failed <-chan error, check func(context.Context) error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case err := <-failed:
			return err
		case <-ticker.C:
		}
	}
}
