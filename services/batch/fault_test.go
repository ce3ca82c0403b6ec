package batch_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// behind starts a process that reaches its cluster through a proxy.
func behind(t *testing.T, o batch.Options) (*kubetest.Cluster, *kubetest.Proxy, *process) {
	t.Helper()
	c := lease(t)
	proxy := c.Proxy(t)
	return c, proxy, startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), o)
}

func TestBatch_oneCallPerNode(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 40)
	v := p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
	require.Equal(t, 40, v.Counts.Succeeded)
	require.Equal(t, 40, proxy.Calls("patch", "nodes"))
	require.Zero(t, proxy.Calls("get", "nodes"))
	require.Equal(t, 1, proxy.Calls("list", "nodes"), "the plan's")
}

// Law 2 on the real API server: a list that it began to answer before the
// clearing arrives after it.
func TestBatch_slowListFromBeforeIsNeverSeen(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 3)
	p.table(t, c.Name)
	p.cache.InvalidateCluster(c.Name)
	release := make(chan struct{})
	slow := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Times: 1, HoldAnswer: release})

	var readers sync.WaitGroup
	results := make(chan map[string]string, 100)
	for range cap(results) {
		readers.Go(func() { results <- p.table(t, c.Name) })
	}
	slow.WaitHits(t, 1)
	for _, name := range names {
		_, err := c.Client.CoreV1().Nodes().Patch(
			t.Context(), name, "application/merge-patch+json", []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{},
		)
		require.NoError(t, err)
	}
	p.cache.InvalidateCluster(c.Name) // as the end of a batch does
	close(release)
	readers.Wait()
	close(results)
	for rows := range results {
		for _, name := range names {
			require.Equal(t, "Ready,SchedulingDisabled", rows[name])
		}
	}
	require.LessOrEqual(t, proxy.Calls("list", "nodes"), 3, "a hundred readers shared the loads")
}

func TestBatch_throttledCallsSucceedInTheEnd(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"429":                  {Code: 429},
		"429 with Retry-After": {Code: 429, RetryAfter: 1},
		"500":                  {Code: 500},
		"503":                  {Code: 503, RetryAfter: 1},
		"504":                  {Code: 504},
		"cut before":           {Cut: kubetest.CutBefore},
		"cut after":            {Cut: kubetest.CutAfter},
	} {
		t.Run(name, func(t *testing.T) {
			c, proxy, p := behind(t, usual)
			names := c.Nodes(t, 20)
			fault.Verb, fault.Resource, fault.Skip, fault.Times = "patch", "nodes", 3, 6
			struck := proxy.Inject(fault)
			v := p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
			require.Equal(t, batch.Counts{Succeeded: 20}, v.Counts)
			require.Equal(t, 6, struck.Hits())
			require.Equal(t, 26, proxy.Calls("patch", "nodes"), "client-go retried behind our back")
		})
	}
}

// Law 3: an item that failed may have changed its node all the same.
func TestBatch_unknownOutcomeClearsTheCache(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 2)
	p.table(t, c.Name)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Cut: kubetest.CutAfter})
	v := p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
	require.Equal(t, store.StateFailed, v.State)
	for _, it := range p.items(t, v.ID) {
		require.True(t, it.Unknown)
		require.Equal(t, 6, it.Attempts)
	}
	require.Equal(t, []string{"cleared", "nodes changed", "ended failed"}, p.seen.all())
	for _, status := range p.table(t, c.Name) {
		require.Equal(t, "Ready,SchedulingDisabled", status, "what was written is shown, though the batch failed")
	}
}

// Law 8: a node of the same name is not the node that was meant.
func TestBatch_replacedNodeIsNotTouched(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 2, kubetest.Named("same-0.prod", "same-1.prod"))
	p.table(t, c.Name)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[0], Times: 1, Hold: hold})
	v := p.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)
	require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), names[0], metav1.DeleteOptions{}))
	c.Nodes(t, 1, kubetest.Named("same-0.prod"))
	close(hold)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StatePartial, v.State)
	require.Equal(t, "error_node_replaced", p.items(t, v.ID)[names[0]].Error.ID)
	require.False(t, c.Node(t, names[0]).Spec.Unschedulable)
}

func TestCancel_takesEffectAtOnceAndNoCallFollows(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 200)
	p.table(t, c.Name)
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 20, Hold: make(chan struct{})})
	v := p.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)
	require.Eventually(t, func() bool {
		now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && now.Counts.Succeeded == 20
	}, time.Minute, 10*time.Millisecond)
	_, err := p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	v = p.wait(t, v.ID) // which calls off what is held
	require.Equal(t, store.StateCancelled, v.State)
	calls := proxy.Calls("patch", "nodes")
	require.Less(t, calls, 200)
	require.Equal(t, batch.Counts{Succeeded: 20, Cancelled: 180}, v.Counts)
	rows := p.table(t, c.Name)
	for name, it := range p.items(t, v.ID) {
		want := map[bool]string{true: "Ready,SchedulingDisabled", false: "Ready"}[it.State == store.ItemSucceeded]
		require.Equal(t, want, rows[name], "%s is %s", name, it.State)
	}
	require.Equal(t, calls, proxy.Calls("patch", "nodes"))
	_, err = p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
}

func TestCancel_callThatHangsIsCalledOffAndCounted(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 2)
	p.table(t, c.Name)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[0], HoldAnswer: never})
	v := p.submit(t, c.Name, "cordon", names...)
	held.WaitAnswers(t, 1)
	_, err := p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	it := p.items(t, v.ID)[names[0]]
	require.Equal(t, store.ItemCancelled, it.State)
	require.True(t, it.Unknown, "it was written, and the answer never came")
	require.Equal(t, "Ready,SchedulingDisabled", p.table(t, c.Name)[names[0]])
}

// Law 4. The process stops in the middle; the next one finishes.
func TestRestart_continuesWhereItStopped(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 200)
	dir := t.TempDir()
	first := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 60, Hold: make(chan struct{})})
	v := first.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)
	first.stop()
	proxy.Reset()

	second := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	v = second.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Equal(t, batch.Counts{Succeeded: 200}, v.Counts)
	require.Equal(t, 140, proxy.Calls("patch", "nodes"), "what was done is not done again")
	for _, status := range second.table(t, c.Name) {
		require.Equal(t, "Ready,SchedulingDisabled", status)
	}
	require.Equal(
		t, 1, strings.Count(second.seen.log(), "Invalidated cache for cluster "+c.Name+" after batch cordon with progress"),
	)
}

func TestRestart_withoutResumeWaitsForAPerson(t *testing.T) {
	careful := usual
	careful.Resume = false
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 100)
	dir := t.TempDir()
	first := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, careful)
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 20, Hold: make(chan struct{})})
	v := first.submit(t, c.Name, "cordon", names[:50]...)
	other := first.submit(t, c.Name, "cordon", names[50:]...)
	held.WaitHits(t, 1)
	first.stop()
	proxy.Reset()

	second := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, careful)
	now, err := second.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, now.State)
	require.Zero(t, proxy.Calls("patch", "nodes"))
	_, err = second.engine.Resume(as(t, services.RoleViewer), v.ID, nil)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = second.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 50}, second.wait(t, v.ID).Counts)
	_, err = second.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))

	_, err = second.engine.Cancel(as(t, services.RoleUser), other.ID)
	require.NoError(t, err)
	ended := second.wait(t, other.ID)
	require.Equal(t, store.StateCancelled, ended.State)
	require.Equal(t, 50, ended.Counts.Succeeded+ended.Counts.Cancelled)
}
