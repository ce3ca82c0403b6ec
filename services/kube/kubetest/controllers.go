package kubetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HaltControllers suspends the cluster's controller manager until resume is
// called or the test ends. Until then, for example, a cordoned node does not get
// its taint.
func (c *Cluster) HaltControllers(t testing.TB) (resume func()) {
	t.Helper()
	require.Positive(t, c.controllers, "kubetest: the plane does not name the controller manager; build it again")
	require.NoError(t, syscall.Kill(c.controllers, syscall.SIGSTOP))
	t.Cleanup(c.resumeControllers)
	return c.resumeControllers
}

func (c *Cluster) resumeControllers() {
	if c.controllers > 0 {
		_ = syscall.Kill(c.controllers, syscall.SIGCONT) // No effect on a process that runs.
	}
}

// LifecycleThrough runs the node lifecycle controller through the proxy until the
// test ends. It is the controller that sets and removes the taints of cordons and
// conditions. All other controllers of the cluster are suspended meanwhile.
func (c *Cluster) LifecycleThrough(t testing.TB, proxy *Proxy) {
	t.Helper()
	c.HaltControllers(t)
	binary, err := filepath.EvalSymlinks(c.plane.Kubectl)
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(t.TempDir(), "controllers.log"))
	require.NoError(t, err)
	defer log.Close() // The child has its own descriptor.
	cmd := &exec.Cmd{
		Path: binary, Stdout: log, Stderr: log,
		Args: []string{
			"kube-controller-manager", "--kubeconfig=" + proxy.Kubeconfig(t, c.Name),
			"--controllers=node-lifecycle-controller", "--leader-elect=false", "--secure-port=0",
			"--node-monitor-grace-period=2m", "--kube-api-qps=500", "--kube-api-burst=1000",
		},
	}
	startWithTest(t, cmd)
	c.awaitLifecycle(t)
}

// startWithTest starts a process that ends with the test, even if the test's own
// process is killed. The kernel kills the child when the thread that started it
// ends (prctl(2), PR_SET_PDEATHSIG), so that thread must live as long as the test.
// stop ends it before.
func startWithTest(t testing.TB, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		// If the goroutine ended with the lock, so would the thread, and the kernel would kill
		// what other goroutines had started on it before.
		defer runtime.UnlockOSThread()
		started <- cmd.Start()
		<-over
	}()
	err := <-started
	t.Cleanup(func() { close(over) })
	require.NoError(t, err)
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // It was killed.
	})
	t.Cleanup(stop)
	return stop
}

// awaitLifecycle waits until the node lifecycle controller reacts to a cordon.
func (c *Cluster) awaitLifecycle(t testing.TB) {
	t.Helper()
	name := c.Nodes(t, 1)[0]
	require.NoError(t, c.patchNode(t.Context(), name, `{"spec":{"unschedulable":true}}`))
	nodes := c.Client.CoreV1().Nodes()
	c.Eventually(t, func(ctx context.Context) error {
		n, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, taint := range n.Spec.Taints {
			if taint.Key == corev1.TaintNodeUnschedulable {
				return nil
			}
		}
		return errors.New("kubetest: the node lifecycle controller does not react to a cordon")
	})
	require.NoError(t, nodes.Delete(t.Context(), name, metav1.DeleteOptions{}))
}
