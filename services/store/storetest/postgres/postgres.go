// Package postgres runs PostgreSQL servers for tests: real ones, from the installed
// programs, on a free port of the loopback address, with their data in a directory that
// goes with the server.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// owner is the name of the database user.
const owner = "postgres"

// Server is a running server. Its methods must not be called at the same time.
type Server struct {
	dir      string // of the data
	programs string
	settings []string // of the server, such as "max_connections=20"
	port     int
	user     *syscall.Credential // nil for our own: the programs refuse to run as root
	cmd      *exec.Cmd
	ended    chan error
}

// Start creates a server in a new directory and starts it. The settings, such as
// "max_connections=20", are in place of those that tests have.
func Start(ctx context.Context, settings ...string) (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, settings: settings, port: port, user: credential}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.Continue(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// find returns the directory of the server's programs, which Debian does not put on the
// PATH.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("PostgreSQL is not installed; on Debian: apt-get install postgresql"), err)
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged returns the user that the programs run as, nil for our own.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	const nobody = 65534
	return &syscall.Credential{Uid: nobody, Gid: nobody}, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *Server) create(ctx context.Context) (err error) {
	s.dir, err = os.MkdirTemp("", "postgres-")
	if err != nil {
		return fmt.Errorf("create the directory of the database: %w", err)
	}
	if s.user != nil {
		if err := os.Chown(s.dir, int(s.user.Uid), int(s.user.Gid)); err != nil {
			return fmt.Errorf("give the directory of the database to its user: %w", err)
		}
	}
	cmd := s.command(ctx, "initdb", "--pgdata", s.dir, "--username", owner, "--auth", "trust", "--no-sync",
		"--encoding", "UTF8", "--locale", "C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create the database: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, program), args...)
	cmd.Dir = "/" // ours may be closed to the other user
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

// Continue starts the server with the data that it has, and waits until it answers.
func (s *Server) Continue(ctx context.Context) error {
	settings := []string{
		"-D", s.dir, "-p", strconv.Itoa(s.port), "-h", "127.0.0.1", "-k", s.dir,
		// What is lost with a crash of the machine is no matter of tests.
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=500",
	}
	out := &bytes.Buffer{}
	for _, setting := range s.settings {
		settings = append(settings, "-c", setting)
	}
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", settings...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	ended := make(chan error, 1)
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(s.cmd)
	s.ended = ended
	for {
		select {
		case err := <-ended:
			s.cmd = nil
			return fmt.Errorf("PostgreSQL ended: %w\n%s", err, out)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.Stop())
		case <-time.After(50 * time.Millisecond):
		}
		if execute(ctx, s.URL(owner), "SELECT 1") == nil {
			return nil
		}
	}
}

// Stop ends the server at once, with all connections to it. It keeps the data.
func (s *Server) Stop() error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.ended
	s.cmd = nil
	return err
}

// Close stops the server and removes its data.
func (s *Server) Close() error { return errors.Join(s.Stop(), os.RemoveAll(s.dir)) }

// URL returns the address of a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(owner), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}
