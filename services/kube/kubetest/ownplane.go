package kubetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// OwnPlane starts a plane of one cluster for this test alone, which may do to its processes
// what other tests could not bear. It ends with the test.
func OwnPlane(t testing.TB) *Plane {
	t.Helper()
	if testing.Short() {
		t.Skip("kubetest: skipped by -short, because it needs a control plane")
	}
	binary, err := findBinary()
	require.NoError(t, err)
	plane, err := startPlane(binary, 1)
	require.NoError(t, err)
	t.Cleanup(plane.stop)
	return plane
}

// Acquire leases the cluster of a plane of the test's own.
func (p *Plane) Acquire(t testing.TB) *Cluster {
	t.Helper()
	return p.acquire(t, 1)[0]
}

// HaltStorage suspends the plane's etcd, and so all of its API servers, until resume is
// called or the test ends.
func (p *Plane) HaltStorage(t testing.TB) (resume func()) {
	t.Helper()
	pid, _ := p.component(t, "etcd")
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	resume = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // No effect on a process that runs.
	t.Cleanup(resume)
	return resume
}

// component returns the process ID and the command line of a component of a plane that this
// process has started.
func (p *Plane) component(t testing.TB, name string) (int, []string) {
	t.Helper()
	require.Positive(t, p.pid, "kubetest: this process has not started the plane")
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range list {
		dir := filepath.Dir(path)
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || parentOf(path) != p.pid {
			continue
		}
		args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
		if args[0] == name {
			pid, err := strconv.Atoi(filepath.Base(dir))
			require.NoError(t, err)
			return pid, args
		}
	}
	require.Fail(t, "kubetest: the plane has no such component", name)
	return 0, nil
}

// parentOf returns the parent in /proc/PID/stat, or 0 if the process has ended.
func parentOf(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(content, []byte(") ")) // After the name, which may have spaces.
	fields := strings.Fields(string(rest))
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// An APIServer is one more API server of a cluster, over the same storage, which a test may
// stop and start again.
type APIServer struct {
	cluster *Cluster
	path    string
	args    []string
	config  *rest.Config // for the user "admin"
	stop    func()
}

// APIServer starts another API server for a cluster on a plane of the test's own.
func (c *Cluster) APIServer(t testing.TB) *APIServer {
	t.Helper()
	pid, args := c.plane.component(t, "kube-apiserver")
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	require.NoError(t, err)
	port := freePort(t)
	for i, arg := range args {
		if strings.HasPrefix(arg, "--secure-port=") {
			args[i] = fmt.Sprintf("--secure-port=%d", port)
		}
	}
	s := &APIServer{cluster: c, path: path, args: args, config: c.Config()}
	s.config.Host = fmt.Sprintf("https://127.0.0.1:%d", port)
	s.Start(t)
	return s
}

// freePort returns a port on which nobody listens, below those that Linux uses for outgoing
// connections.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	require.Fail(t, "kubetest: no free port on 127.0.0.1")
	return 0
}

// Config returns a new client configuration for the user "admin".
func (s *APIServer) Config() *rest.Config { return rest.CopyConfig(s.config) }

// Start starts the API server and waits until it is ready.
func (s *APIServer) Start(t testing.TB) {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "kube-apiserver-*.log")
	require.NoError(t, err)
	defer log.Close() // The child has its own descriptor.
	cmd := &exec.Cmd{Path: s.path, Args: s.args, Stdout: log, Stderr: log}
	s.stop = startWithTest(t, cmd)
	client, err := newClient(t, s.Config())
	require.NoError(t, err)
	ready := func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	require.NoError(t, poll(ctx, ready))
}

// Stop kills the API server.
func (s *APIServer) Stop() { s.stop() }
