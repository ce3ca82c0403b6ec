package batch_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	policyv1 "k8s.io/api/policy/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// awaitOutage waits until the batch says that no API server answers.
func (p *process) awaitOutage(t *testing.T, id string) *batch.Outage {
	t.Helper()
	var now batch.View
	require.Eventually(t, func() bool {
		var err error
		now, err = p.engine.View(as(t, services.RoleViewer), id)
		return err == nil && now.Outage != nil
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, store.StateRunning, now.State)
	require.Zero(t, now.Counts.Failed)
	return now.Outage
}

// strand starts a batch of 60 nodes, and takes the API server away when some of them are under
// way.
func strand(
	t *testing.T, c *kubetest.Cluster, proxy *kubetest.Proxy, p *process, operation string, away kubetest.Fault,
) (v batch.View, missing *kubetest.Injected) {
	t.Helper()
	names := c.Nodes(t, 60)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 20, Hold: hold})
	if operation == "drain" {
		var err error
		v, err = p.drain(t, c.Name, names)
		require.NoError(t, err)
	} else {
		v = p.submit(t, c.Name, operation, names...)
	}
	held.WaitHits(t, 1)
	missing = proxy.Inject(away)
	held.Remove()
	close(hold)
	return v, missing
}

// A batch waits for an API server that is away for longer than calls are repeated, and goes on
// by itself.
func TestOutage_isWaitedFor(t *testing.T) {
	for _, operation := range []string{"cordon", "drain"} {
		t.Run(operation, func(t *testing.T) {
			c, proxy, p := behind(t, usual)
			v, away := strand(t, c, proxy, p, operation, kubetest.Fault{Cut: kubetest.CutBefore, Connection: true})
			o := p.awaitOutage(t, v.ID)
			require.Equal(t, "error_cluster_cut", o.Why.Text)
			require.Equal(t, 10*time.Minute, o.Until.Sub(o.Since))
			time.Sleep(12 * time.Second) // calls are not repeated for as long
			away.Remove()

			v = p.wait(t, v.ID)
			require.Equal(t, batch.Counts{Succeeded: 60}, v.Counts)
			require.Nil(t, v.Outage)
		})
	}
}

// An API server that does not come back is waited for once. Then the nodes fail, and say why.
func TestOutage_lastsTooLong(t *testing.T) {
	impatient := usual
	impatient.OutageFor = 5 * time.Second
	c, proxy, p := behind(t, impatient)
	v, _ := strand(t, c, proxy, p, "cordon", kubetest.Fault{Code: http.StatusServiceUnavailable})
	p.awaitOutage(t, v.ID)
	v, err := p.engine.Wait(as(t, services.RoleViewer), v.ID, 2*time.Minute)
	require.NoError(t, err)
	require.Equal(t, store.StatePartial, v.State)
	require.Equal(t, 60, v.Counts.Succeeded+v.Counts.Failed)
	for _, it := range p.items(t, v.ID) {
		if it.State == store.ItemFailed {
			require.Equal(t, "error_cluster_busy", it.Error.ID)
		}
	}
}

// waiting starts a drain whose pods wait for a budget, so that it asks the API server for
// little, and returns how the budget is relaxed.
func waiting(t *testing.T, c *kubetest.Cluster, p *process, options ...string) (v batch.View, relax func()) {
	t.Helper()
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "cart", 2)
	c.Budget(t, ns, "cart", 2)
	c.Nodes(t, 1) // can take the pods
	v, err := p.drain(t, c.Name, nodes, options...)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err = p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && v.Drain != nil && v.Drain.Blocked == 2
	}, time.Minute, 20*time.Millisecond)
	return v, func() {
		c.UpdateBudget(t, ns, "cart", func(b *policyv1.PodDisruptionBudget) { b.Spec.MinAvailable.IntVal = 1 })
	}
}

// A drain that only waits notices an API server that has gone silent, and that costs no node
// its time.
func TestOutage_ofADrainThatWaits(t *testing.T) {
	const limit = 20 * time.Second
	c, proxy, p := behind(t, usual)
	v, relax := waiting(t, c, p, "timeout", "20")
	hold := make(chan struct{})
	silent := proxy.Inject(kubetest.Fault{Hold: hold})
	require.Equal(t, "error_cluster_timeout", p.awaitOutage(t, v.ID).Why.Text)
	time.Sleep(limit)
	relax()
	silent.Remove()
	close(hold)
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, v.ID).Counts)
}

// The nodes of a drain fail when the API server was waited for in vain, and say why.
func TestOutage_ofADrainLastsTooLong(t *testing.T) {
	impatient := usual
	impatient.OutageFor = 3 * time.Second
	c, proxy, p := behind(t, impatient)
	v, relax := waiting(t, c, p)
	proxy.Inject(kubetest.Fault{Code: http.StatusServiceUnavailable})
	relax() // now it is not the budget that keeps the pods
	v = p.wait(t, v.ID)
	require.Equal(t, batch.Counts{Failed: 1}, v.Counts)
	for _, it := range p.items(t, v.ID) {
		require.Equal(t, "error_cluster_busy", it.Error.ID)
	}
}

// While it waits for the API server, a batch can be cancelled.
func TestOutage_cancelled(t *testing.T) {
	c, proxy, p := behind(t, usual)
	v, _ := strand(t, c, proxy, p, "cordon", kubetest.Fault{Cut: kubetest.CutBefore, Connection: true})
	p.awaitOutage(t, v.ID)
	_, err := p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateCancelled, p.wait(t, v.ID).State)
}
