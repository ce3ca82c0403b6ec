package kubetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// HaltControllers stops the cluster's controller manager as it stands, until
// the returned function is called or the test ends: the taint that follows a
// cordon, for one, does not come before.
func (c *Cluster) HaltControllers(t testing.TB) (goOn func()) {
	t.Helper()
	require.Positive(t, c.controllers, "kubetest: the plane does not say which process the controllers are: build it again")
	require.NoError(t, syscall.Kill(c.controllers, syscall.SIGSTOP))
	t.Cleanup(c.goOn)
	return c.goOn
}

func (c *Cluster) goOn() {
	if c.controllers > 0 {
		_ = syscall.Kill(c.controllers, syscall.SIGCONT) // Without an effect on a process that runs.
	}
}

// LifecycleThrough lets the node lifecycle controller, which sets and removes
// the taints of cordons and conditions, work through the proxy until the test
// ends. The cluster has no other controllers meanwhile.
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
	startBound(t, cmd)
	c.awaitLifecycle(t)
}

// startBound starts a process that ends with the test, also when the test's own
// process is killed. The kernel ends such a child when the thread that forked it
// does (prctl(2), PR_SET_PDEATHSIG), so that thread is kept.
func startBound(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // Never unlocked: the thread ends with this goroutine.
		started <- cmd.Start()
		<-over
	}()
	err := <-started
	t.Cleanup(func() { close(over) })
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // It was killed.
	})
}

// awaitLifecycle waits until the controller follows a cordon.
func (c *Cluster) awaitLifecycle(t testing.TB) {
	t.Helper()
	name := c.Nodes(t, 1)[0]
	nodes := c.Client.CoreV1().Nodes()
	_, err := nodes.Patch(t.Context(), name, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	require.NoError(t, poll(ctx, func(ctx context.Context) error {
		n, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, taint := range n.Spec.Taints {
			if taint.Key == corev1.TaintNodeUnschedulable {
				return nil
			}
		}
		return errors.New("kubetest: the node lifecycle controller does not follow")
	}))
	require.NoError(t, nodes.Delete(t.Context(), name, metav1.DeleteOptions{}))
}
