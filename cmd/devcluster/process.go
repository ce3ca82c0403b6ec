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

// A spawner starts child processes that die with this one.
//
// The kernel kills such a child when the *thread* that forked it ends, not the
// process (prctl(2), PR_SET_PDEATHSIG), and the Go runtime ends threads as it
// likes. So one thread, which never ends, does all the forking.
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

// start is cmd.Start on the spawner's thread.
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
	name  string // For people: "kube-scheduler of staging".
	log   string // Path of the file that has its output.
	cmd   *exec.Cmd
	ended chan struct{} // Closed when it has ended; err is set before.
	err   error
}

// startProcess runs one component. Its output goes to a file of its own in
// logDir. It gets its own process group, so that a Ctrl-C at the terminal
// reaches devcluster alone, which then stops everything in order.
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

// kill ends the process at once and waits until it is gone. Nothing is lost by
// not asking politely: the plane's data is thrown away with it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // Fails only when it has ended already.
	<-p.ended
}

// failure describes an end that nobody asked for, with the end of the log.
func (p *process) failure() error {
	why := "exit code 0"
	if p.err != nil {
		why = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); end of %s:\n%s", p.name, why, p.log, tail(p.log, 2000))
}

// tail returns the last lines of a file, at most size bytes of them.
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

// poll calls check every 50 ms until it returns nil, the context ends or
// failed receives. The error of the last check explains a timeout.
func poll(ctx context.Context, failed <-chan error, check func(context.Context) error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		if err := check(ctx); err == nil {
			return nil
		} else if ctx.Err() == nil {
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
