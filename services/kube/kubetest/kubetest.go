// Package kubetest gives tests a real Kubernetes cluster, empty and to
// themselves, and a proxy that makes its API server misbehave on order.
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
// The clusters are those of cmd/devcluster. Under "devcluster run -- go test
// ./..." all packages share one plane of several clusters; otherwise each test
// process starts a plane of its own with bin/devcluster ("make plane" builds
// it). Either way a test leases a cluster for itself: see [Acquire].
//
// Tests that need a plane are skipped by "go test -short". Nothing outside
// tests may import this package.
package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// dirVariable names the directory of a running plane; "devcluster run" sets it.
	dirVariable = "DEVCLUSTER_DIR"
	// ownClusters is the size of the plane that a test process starts by itself.
	ownClusters = "2"
	// startTimeout bounds the start of that plane; it takes 4 s on an idle machine.
	startTimeout = 3 * time.Minute
	// checkTimeout bounds each check at the end of a run.
	checkTimeout = 10 * time.Second
)

// A Plane is a set of clusters, shared by all tests of this process and
// perhaps by other processes.
type Plane struct {
	Dir     string // Its directory; logs/ holds a log per component.
	Version string // Of Kubernetes, as in "v1.37.2".
	Kubectl string // Path of a kubectl of that version.

	clusters []clusterFiles
	stop     func()
}

// clusterFiles is what clusters.json says of one cluster.
type clusterFiles struct {
	Name   string `json:"name"`
	Server string `json:"server"`
	Admin  string `json:"adminKubeconfig"`
	Viewer string `json:"viewerKubeconfig"`
	System string `json:"systemKubeconfig"`
	// ControllerManager is the process id of the cluster's controller manager.
	ControllerManager int `json:"controllerManagerPID"`
}

// shared is the plane of this process. A plane takes seconds to start and
// outlives every single test, so it cannot hang on one of them.
var shared struct {
	sync.Mutex
	plane *Plane
	err   error // A start that failed once is not tried by every test again.
}

// Main runs the tests and then stops the plane, if this process has started
// one. It returns the exit code for os.Exit. Each of checks runs at the very
// end, when all tests passed, and has a few seconds to come true, since what was
// told to end may need a moment; an error makes the run fail:
//
//	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
//
// A plane also ends when its test process dies without having called Main;
// only its logs in the temporary directory are left behind then.
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

// Start returns the plane, and starts it at the first call. It skips the test
// under "go test -short", and fails it when there is no plane to be had.
// Most tests want [Acquire] instead.
func Start(t testing.TB) *Plane {
	t.Helper()
	if testing.Short() {
		t.Skip("kubetest: a control plane is needed, which -short leaves out")
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
	if dir := os.Getenv(dirVariable); dir != "" {
		plane, err := openPlane(dir)
		if err != nil {
			return nil, fmt.Errorf("$%s does not lead to a running plane: %w", dirVariable, err)
		}
		return plane, nil
	}
	binary, err := findBinary()
	if err != nil {
		return nil, err
	}
	return startPlane(binary)
}

// openPlane reads what devcluster tells about a plane that is ready.
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
		// Tests delete every node of their cluster. Never let that be a real one.
		if !strings.HasPrefix(c.Server, "https://127.0.0.1:") {
			return nil, fmt.Errorf("cluster %s at %s is not on this machine", c.Name, c.Server)
		}
	}
	return &Plane{
		Dir: dir, Version: manifest.Version, Kubectl: manifest.Kubectl,
		clusters: manifest.Clusters, stop: func() {},
	}, nil
}

// findBinary walks up from the package's directory, in which go test runs a
// test, to the root of the main module.
func findBinary() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(module), "module kube-node-manager\n") {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the module kube-node-manager is not above the working directory")
		}
	}
	binary := filepath.Join(dir, "bin", "devcluster")
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("the development cluster is not built; run \"make plane\" (%w)", err)
	}
	return binary, nil
}

// startPlane starts a plane that ends with this process: devcluster watches
// the pipe that is its standard input, and the kernel closes the other end
// even when this process is killed. No goroutine is involved, so that goleak
// finds none.
func startPlane(binary string) (*Plane, error) {
	dir, err := os.MkdirTemp("", "kubetest-")
	if err != nil {
		return nil, err
	}
	life, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer life.Close() // The child has its own.
	output, err := os.Create(filepath.Join(dir, "devcluster.log"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(binary, "up", "--stdin", "--dir", dir, "--clusters", ownClusters, "--nodes", "0")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = life, output, output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	plane, err := awaitPlane(dir, cmd.Process.Pid)
	if err != nil {
		hold.Close()
		log, _ := os.ReadFile(output.Name()) // What can be had.
		return nil, fmt.Errorf("%w:\n%s", err, log)
	}
	plane.stop = func() {
		hold.Close()
		_ = cmd.Wait() // It was told to end; its exit code says nothing.
		os.RemoveAll(dir)
	}
	return plane, nil
}

func awaitPlane(dir string, pid int) (*Plane, error) {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		plane, err := openPlane(dir)
		if !errors.Is(err, os.ErrNotExist) {
			return plane, err
		}
		var status syscall.WaitStatus
		if done, _ := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); done == pid {
			return nil, fmt.Errorf("devcluster ended with exit code %d", status.ExitStatus())
		}
	}
	return nil, fmt.Errorf("no plane within %s", startTimeout)
}
