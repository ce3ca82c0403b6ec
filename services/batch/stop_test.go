package batch_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// awaitStop waits until the engine takes no more batches.
func (p *process) awaitStop(t *testing.T, cluster string, names []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
			Cluster: cluster, Operation: "cordon", Nodes: names, Reason: "kernel CVE",
		})
		return err != nil && services.AsError(err).Text == "error_stopping"
	}, time.Minute, 10*time.Millisecond)
}

// A drain that is stopped while it still reads what it needs fails no node: it waits for a
// person to resume it.
func TestStop_drainThatReads(t *testing.T) {
	c := lease(t)
	proxy, dir := c.Proxy(t), t.TempDir()
	nodes := c.Nodes(t, 2)
	first := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	other := first.submit(t, c.Name, "cordon", nodes...)
	held.WaitHits(t, 1)
	v, err := first.drain(t, c.Name, nodes)
	require.NoError(t, err)
	read := proxy.Inject(kubetest.Fault{Path: "/apis/cluster.x-k8s.io", Hold: make(chan struct{})})
	close(hold)
	first.wait(t, other.ID)
	read.WaitHits(t, 1)
	first.stop()
	proxy.Reset()

	second := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	now, err := second.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, now.State)
	require.Zero(t, now.Counts.Failed)
	_, err = second.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 2}, second.wait(t, v.ID).Counts)
}

// A call that fails for now while the program stops is made by the next process.
func TestStop_callThatFails(t *testing.T) {
	c := lease(t)
	proxy, dir := c.Proxy(t), t.TempDir()
	nodes := c.Nodes(t, 3)
	first := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Hold: hold, Code: http.StatusTooManyRequests,
	})
	v := first.submit(t, c.Name, "cordon", nodes...)
	held.WaitHits(t, 3)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		first.stop()
	}()
	first.awaitStop(t, c.Name, nodes)
	close(hold)
	<-stopped
	proxy.Reset()

	second := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	require.Equal(t, batch.Counts{Succeeded: 3}, second.wait(t, v.ID).Counts)
}
