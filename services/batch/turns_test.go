package batch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// Two batches that share nodes: the second works on the others meanwhile, waits
// where the first is, says for whom, and finds the nodes as the first left them.
func TestTurns_secondBatchWaitsWhereTheFirstIs(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 8)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Times: 6, Hold: hold})
	first := p.submit(t, c.Name, "cordon", names[:6]...)
	held.WaitHits(t, 6)
	second := p.submit(t, c.Name, "uncordon", names[2:]...)
	third := p.submit(t, c.Name, "cordon", names[5:]...)
	view := func(id string) batch.View {
		v, err := p.engine.View(as(t, services.RoleViewer), id)
		require.NoError(t, err)
		return v
	}
	require.Eventually(t, func() bool { return view(second.ID).Counts.Unchanged == 2 }, time.Minute, 5*time.Millisecond)
	v := view(second.ID)
	require.Equal(t, batch.Counts{Unchanged: 2, Waiting: 4}, v.Counts)
	require.Equal(t, []string{first.ID}, v.WaitsFor)
	require.Eventually(t, func() bool {
		return slices.Contains(view(third.ID).WaitsFor, second.ID)
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, &batch.Work{Batch: first.ID, Operation: "cordon"}, p.engine.On(c.Name, names[5]))
	close(hold)
	require.Equal(t, store.StateSucceeded, p.wait(t, first.ID).State)
	v = p.wait(t, second.ID)
	require.Equal(t, batch.Counts{Unchanged: 2, Succeeded: 4}, v.Counts, "they were cordoned when its turn came")
	require.Empty(t, v.WaitsFor)
	for _, name := range names[2:6] {
		require.True(t, *p.items(t, second.ID)[name].Before.Unschedulable)
	}
	require.Equal(t, store.StateSucceeded, p.wait(t, third.ID).State)
	for i, name := range names {
		require.Equal(t, i < 2 || i >= 5, c.Node(t, name).Spec.Unschedulable, name)
	}
}

// A drain needs all its nodes at once; who waits can be cancelled, and leaves
// the line.
func TestTurns_drainWaitsForAllAndACancelledBatchLeavesTheLine(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 3)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[0], Times: 1, Hold: hold})
	first := p.submit(t, c.Name, "cordon", names[0])
	held.WaitHits(t, 1)
	drain, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "drain", Nodes: names, Reason: "kernel CVE", Fields: form.Fields{},
	})
	require.NoError(t, err)
	doomed := p.submit(t, c.Name, "uncordon", names...)
	last := p.submit(t, c.Name, "cordon", names[2])
	require.Equal(t, 1, proxy.Calls("patch", "nodes"), "nothing of the drain has begun")
	_, err = p.engine.Cancel(as(t, services.RoleUser), doomed.ID)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Cancelled: 3}, p.wait(t, doomed.ID).Counts)
	close(hold)
	p.wait(t, first.ID)
	require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, drain.ID).Counts)
	require.True(t, *p.items(t, drain.ID)[names[0]].Before.Unschedulable, "as the first batch left it")
	require.Equal(t, batch.Counts{Unchanged: 1}, p.wait(t, last.ID).Counts)
}

// The deletion of a pod is what a drain may be waiting for, so it waits for none.
func TestTurns_deletingAPodWaitsForNoDrain(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	pod := c.Deployment(t, ns, "cart", 1)[0]
	c.Budget(t, ns, "cart", 1)
	drain, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err := p.engine.View(as(t, services.RoleViewer), drain.ID)
		return err == nil && v.Drain != nil && v.Drain.Blocked == 1
	}, time.Minute, 10*time.Millisecond)
	fields := form.Fields{"pod": {ns + "/" + pod.Name}, "uid": {string(pod.UID)}, "node": nodes, "confirm": {pod.Name}}
	deleted, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "delete-pod", Nodes: nodes, Fields: fields,
	})
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, deleted.ID).Counts)
	require.Equal(t, store.StateSucceeded, p.wait(t, drain.ID).State)
}
