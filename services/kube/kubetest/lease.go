package kubetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A Cluster is one Kubernetes cluster that belongs to one test.
type Cluster struct {
	// Name is also the name of the context in the kubeconfig files.
	Name string
	// Kubeconfig is the path of a kubeconfig file for the user "admin", who may do
	// everything but is not in the group system:masters, so that authorization and
	// priority-and-fairness apply. ViewerKubeconfig is for the user "viewer", who
	// may only read.
	Kubeconfig       string
	ViewerKubeconfig string
	// Client is for the test itself. It has no rate limit and bypasses every
	// [Proxy].
	Client kubernetes.Interface

	plane       *Plane
	controllers int // Process ID of the controller manager; see HaltControllers.
}

// Config returns a new client configuration for the user "admin".
func (c *Cluster) Config() *rest.Config {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		panic(err) // The file was readable when the cluster was leased.
	}
	return config
}

// Plane returns the plane to which the cluster belongs.
func (c *Cluster) Plane() *Plane { return c.plane }

// Acquire leases a cluster for the rest of the test. While the tests of all
// processes that share the plane use every cluster, it waits. The cluster has no
// nodes, no pods and only the system's namespaces.
//
// A test that needs more than one cluster must lease them at once with
// [AcquireN]: two tests that each hold one and wait for another would deadlock.
func Acquire(t testing.TB) *Cluster {
	t.Helper()
	return AcquireN(t, 1)[0]
}

// AcquireN leases n different clusters at once.
func AcquireN(t testing.TB, n int) []*Cluster {
	t.Helper()
	return Start(t).acquire(t, n)
}

func (p *Plane) acquire(t testing.TB, n int) []*Cluster {
	t.Helper()
	require.LessOrEqual(t, n, len(p.clusters), "kubetest: the plane has too few clusters")
	taken, err := p.lease(n)
	require.NoError(t, err, "kubetest: lease a cluster")
	// Registered first, so that it runs after all other cleanups.
	t.Cleanup(func() {
		for _, l := range taken {
			l.file.Close() // Drops the lock.
		}
	})
	var clusters []*Cluster
	for _, l := range taken {
		clusters = append(clusters, p.open(t, l.files))
	}
	return clusters
}

// A lease is a locked file. The kernel drops the lock when the process ends, so
// a test that crashes does not keep its cluster.
type lease struct {
	files clusterFiles
	file  *os.File
}

// lease waits until n clusters are free and takes them. Tests wait in a queue, so
// that others cannot overtake a test that needs two clusters for ever.
func (p *Plane) lease(n int) ([]lease, error) {
	head, err := p.queue()
	if err != nil {
		return nil, err
	}
	defer head.Close() // Drops the lock.
	for {
		taken, err := p.tryLease(n)
		if err != nil || len(taken) == n {
			return taken, err
		}
		for _, l := range taken {
			l.file.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// queue waits for the caller's turn. Closing the returned file ends the turn.
func (p *Plane) queue() (*os.File, error) {
	dir := filepath.Join(p.Dir, "leases")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "queue"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	return file, err
}

// tryLease takes up to n clusters that are free.
func (p *Plane) tryLease(n int) ([]lease, error) {
	dir := filepath.Join(p.Dir, "leases")
	var taken []lease
	for _, files := range p.clusters {
		if len(taken) == n {
			break
		}
		file, err := os.OpenFile(filepath.Join(dir, files.Name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return taken, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			taken = append(taken, lease{files, file})
			continue
		}
		file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return taken, err
		}
	}
	return taken, nil
}

// open connects to a leased cluster and empties it, now and when the test ends:
// now, because the last user may have crashed; at the end, because a thousand
// unused nodes would slow down all other tests.
func (p *Plane) open(t testing.TB, files clusterFiles) *Cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", files.System)
	require.NoError(t, err)
	config.QPS = -1 // No limit.
	config.WarningHandler = rest.NoWarnings{}
	client, err := newClient(t, config)
	require.NoError(t, err)
	c := &Cluster{
		Name: files.Name, Kubeconfig: files.Admin, ViewerKubeconfig: files.Viewer,
		Client: client, plane: p, controllers: files.ControllerManager,
	}
	c.resumeControllers() // A test that crashed may have suspended them.
	require.NoError(t, c.reset(t.Context()), "kubetest: empty cluster %s", c.Name)
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := c.reset(context.WithoutCancel(t.Context())); err != nil {
			t.Logf("kubetest: empty cluster %s: %v", c.Name, err)
		}
	})
	return c
}

// newClient returns a client with its own connections, which the test's end
// closes. Those of client-go's shared cache would stay, and goleak would report
// them.
func newClient(t testing.TB, config *rest.Config) (kubernetes.Interface, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	wrapped, err := rest.HTTPWrappersForConfig(config, transport)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfigAndClient(config, &http.Client{Transport: wrapped})
}

// unique returns a short random suffix for unique names.
func unique() string {
	suffix := make([]byte, 4)
	rand.Read(suffix) // Never fails: crypto/rand aborts the program instead.
	return hex.EncodeToString(suffix)
}
