// Package kubetest provides tests with a real, empty Kubernetes cluster for their
// exclusive use, and with a proxy that makes calls to its API server fail.
//
//	func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }
//
//	func TestDrain(t *testing.T) {
//		cluster := kubetest.Acquire(t)
//		nodes := cluster.Nodes(t, 3)
//		namespace := cluster.Namespace(t)
//		pods := cluster.Deployment(t, namespace, "web", 2, kubetest.OnNodes(nodes[0]))
//		cluster.Budget(t, namespace, "web", 2)
//		proxy := cluster.Proxy(t)
//		proxy.Inject(kubetest.Fault{Verb: "create", Resource: "pods/eviction", Code: 500, Times: 1})
//		…
//		require.Equal(t, 3, proxy.Calls("create", "pods/eviction"))
//	}
//
// The clusters are those of cmd/devcluster, which calls a set of control planes
// on this machine a plane. Under "devcluster run -- go test ./..." all packages
// share one plane of several clusters; otherwise each test process starts its own
// plane with bin/devcluster ("make plane" builds it). In both cases a test leases
// a cluster: see [Acquire].
//
// "go test -short" skips the tests that need a plane. Only tests may import this
// package.
package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// dirVariable names the directory of a running plane; "devcluster run" sets it.
	dirVariable = "DEVCLUSTER_DIR"
	// ownClusters is the number of clusters in a plane that a test process starts.
	ownClusters = 2
	// startTimeout bounds the start of a plane. It takes 4 s on an idle machine.
	startTimeout = 3 * time.Minute
	// checkTimeout bounds each check at the end of a run.
	checkTimeout = 10 * time.Second
)

// A Plane is a set of clusters. All tests of this process share it, and perhaps
// other processes, too.
type Plane struct {
	Dir     string // Its directory; logs/ contains a log for each component.
	Version string // Of Kubernetes, such as "v1.37.2".
	Kubectl string // Path of a kubectl of that version.

	clusters []clusterFiles
	pid      int // Of devcluster, if this process has started it.
	stop     func()
}

// clusterFiles is the description of one cluster in clusters.json.
type clusterFiles struct {
	Name   string `json:"name"`
	Server string `json:"server"`
	Admin  string `json:"adminKubeconfig"`
	Viewer string `json:"viewerKubeconfig"`
	System string `json:"systemKubeconfig"`
	// ControllerManager is the process id of the cluster's controller manager.
	ControllerManager int `json:"controllerManagerPID"`
}

// shared is the plane of this process. It takes seconds to start and serves many
// tests, so it cannot belong to one of them.
var shared struct {
	sync.Mutex
	plane *Plane
	err   error // Why the start failed. It is not tried again for each test.
}

// Main runs the tests and then stops the plane, if this process has started one.
// It returns the exit code for os.Exit. If all tests have passed, it runs the
// checks. Each is repeated for a few seconds until it returns nil, since
// goroutines may need a moment to end; a last error makes the run fail:
//
//	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
//
// A plane also ends if its test process dies without calling Main; only its logs
// in the temporary directory are left then.
func Main(m *testing.M, checks ...func() error) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.plane != nil {
		shared.plane.stop()
	}
	for _, check := range checks {
		if code != 0 {
			break
		}
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		err := poll(ctx, func(context.Context) error { return check() })
		cancel()
		if err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
	}
	return code
}

// Start returns the plane, and starts it at the first call. Under "go test
// -short" it skips the test; if the plane cannot be started, it fails the test.
// Most tests should call [Acquire] instead.
func Start(t testing.TB) *Plane {
	t.Helper()
	if testing.Short() {
		t.Skip("kubetest: skipped by -short, because it needs a control plane")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.plane == nil && shared.err == nil {
		shared.plane, shared.err = findPlane()
	}
	if shared.err != nil {
		t.Fatalf("kubetest: %v", shared.err)
	}
	return shared.plane
}

func findPlane() (*Plane, error) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		binary, err := findBinary()
		if err != nil {
			return nil, err
		}
		return startPlane(binary, ownClusters)
	}
	plane, err := openPlane(dir)
	if err != nil {
		return nil, fmt.Errorf("no plane runs in $%s: %w", dirVariable, err)
	}
	return plane, nil
}

// openPlane reads the description of a running plane, which devcluster writes
// when the plane is ready.
func openPlane(dir string) (*Plane, error) {
	content, err := os.ReadFile(filepath.Join(dir, "clusters.json"))
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Version  string         `json:"version"`
		Kubectl  string         `json:"kubectl"`
		Clusters []clusterFiles `json:"clusters"`
	}
	if err := json.Unmarshal(content, &manifest); err != nil {
		return nil, err
	}
	for _, c := range manifest.Clusters {
		// Tests delete all nodes of their cluster, so it must not be a real one.
		if !strings.HasPrefix(c.Server, "https://127.0.0.1:") {
			return nil, fmt.Errorf("cluster %s at %s is not on this machine", c.Name, c.Server)
		}
	}
	return &Plane{
		Dir: dir, Version: manifest.Version, Kubectl: manifest.Kubectl,
		clusters: manifest.Clusters, stop: func() {},
	}, nil
}

// findBinary returns the path of bin/devcluster.
func findBinary() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "devcluster")
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("the development cluster is not built; run \"make plane\" (%w)", err)
	}
	return binary, nil
}

// moduleRoot returns the root directory of the main module. go test runs a test
// in the directory of its package, somewhere below.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(module), "module kube-node-manager\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is not in the module kube-node-manager")
		}
		dir = parent
	}
}

// startPlane starts a plane of so many clusters that ends with this process.
func startPlane(binary string, clusters int) (*Plane, error) {
	dir, err := os.MkdirTemp("", "kubetest-")
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "devcluster.log")
	cmd := exec.Command(binary, "up", "--stdin", "--dir", dir, "--clusters", strconv.Itoa(clusters), "--nodes", "0")
	stdin, err := startWithStdin(cmd, log)
	if err != nil {
		return nil, err
	}
	plane, err := awaitPlane(dir, cmd.Process.Pid)
	if err != nil {
		stdin.Close()
		content, _ := os.ReadFile(log) // It only adds details to the error.
		return nil, fmt.Errorf("%w:\n%s", err, content)
	}
	plane.pid = cmd.Process.Pid
	plane.stop = func() {
		stdin.Close()
		_ = cmd.Wait() // The exit code does not matter.
		os.RemoveAll(dir)
	}
	return plane, nil
}

// startWithStdin starts a command that ends when its standard input does, and
// returns the other end of that pipe. The kernel closes it even if this process
// is killed. cmd.StdinPipe is not used because it needs a goroutine, which goleak
// would report.
func startWithStdin(cmd *exec.Cmd, log string) (*os.File, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close() // The child has its own descriptor.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close() // The child has its own descriptor.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, output, output
	return write, cmd.Start()
}

// awaitPlane waits until the plane is ready or its process has ended.
func awaitPlane(dir string, pid int) (*Plane, error) {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		plane, err := openPlane(dir)
		if !errors.Is(err, os.ErrNotExist) {
			return plane, err
		}
		var status syscall.WaitStatus
		ended, _ := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if ended == pid {
			return nil, fmt.Errorf("devcluster ended with exit code %d", status.ExitStatus())
		}
	}
	return nil, fmt.Errorf("the plane was not ready within %s", startTimeout)
}
