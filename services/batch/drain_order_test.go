package batch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// evictionsOf returns the API server's evictions in the order in which they came.
func evictionsOf(proxy *kubetest.Proxy) []kubetest.Request {
	var out []kubetest.Request
	for _, r := range proxy.Requests() {
		if r.Resource == "pods/eviction" {
			out = append(out, r)
		}
	}
	return out
}

// timesOf returns when calls came, in their order.
func timesOf(proxy *kubetest.Proxy, verb, resource string) []time.Time {
	var out []time.Time
	for _, r := range proxy.Requests() {
		if r.Verb == verb && r.Resource == resource {
			out = append(out, r.Time)
		}
	}
	return out
}

// A pod that leaves one of the nodes must not land on the next victim.
func TestDrain_cordonsEveryNodeBeforeTheFirstPodMoves(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 3), c.Namespace(t)
	c.Deployment(t, ns, "web", 6, kubetest.OnNodes(nodes...))
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: nodes[2], DelayAnswer: 700 * time.Millisecond})
	v := p.drained(t, c.Name, nodes, "parallel", "1")
	require.Equal(t, store.StateSucceeded, v.State)
	var patched time.Time
	for _, r := range proxy.Requests() {
		if r.Verb == "patch" && r.Resource == "nodes" && r.Time.After(patched) {
			patched = r.Time
		}
	}
	require.GreaterOrEqual(t, evictionsOf(proxy)[0].Time.Sub(patched), 700*time.Millisecond)
}

// The scheduler may have bound a pod on what it knew before the cordon.
func TestDrain_podThatIsBoundAfterTheCordonGoesToo(t *testing.T) {
	c, proxy, p := behind(t, usual)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	cordon, look := make(chan struct{}), make(chan struct{})
	cordoning := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: cordon})
	v, err := p.drain(t, c.Name, []string{node}, "force", "1", "confirm", c.Name)
	require.NoError(t, err)
	cordoning.WaitHits(t, 1)
	last := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "pods", Hold: look})
	close(cordon)
	last.WaitHits(t, 1) // the last look is about to be taken
	cordoned, looked := timesOf(proxy, "patch", "nodes")[0], timesOf(proxy, "list", "pods")
	require.Greater(
		t, looked[len(looked)-1].Sub(cordoned), 4*time.Second, "the scheduler had no time to learn of the cordon",
	)
	_, err = c.Client.CoreV1().Pods(ns).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "late"},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "main"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	close(look)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Empty(t, podsOn(t, c, node))
	require.Equal(t, 1, proxy.Calls("create", "pods/eviction"))
}

func TestDrain_parallelAndZones(t *testing.T) {
	c, proxy, p := behind(t, usual)
	a := c.Nodes(t, 2, kubetest.WithLabels(map[string]string{corev1.LabelTopologyZone: "a"}))
	b := c.Nodes(t, 2, kubetest.WithLabels(map[string]string{corev1.LabelTopologyZone: "b"}))
	ns := c.Namespace(t)
	zone := map[string]string{}
	for i, node := range append(append([]string{}, b...), a...) {
		name := []string{"b0", "b1", "a0", "a1"}[i]
		for _, pod := range c.Deployment(t, ns, name, 2, kubetest.OnNodes(node)) {
			zone[pod.Name] = name[:1]
		}
	}
	v := p.drained(t, c.Name, append(append([]string{}, b...), a...), "order", "zone")
	require.Equal(t, store.StateSucceeded, v.State)
	order := ""
	for _, r := range evictionsOf(proxy) {
		order += zone[r.Name]
	}
	require.Equal(t, "aaaabbbb", order)
}

func TestDrain_stopsAfterSoManyFailures(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 3), c.Namespace(t)
	c.Deployment(t, ns, "slow", 1, kubetest.OnNodes(nodes[0]), kubetest.Stuck())
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(nodes[1], nodes[2]))
	v := p.drained(t, c.Name, nodes, "parallel", "1", "max_failures", "1", "timeout", "2")
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, batch.Counts{Failed: 1, Skipped: 2}, v.Counts)
	require.Equal(t, "drain_stopped", p.items(t, v.ID)[nodes[2]].Error.ID)
	for _, r := range evictionsOf(proxy) {
		require.NotContains(t, r.Name, "web")
	}
}

// A node that only waits for a budget gives its place to the next one.
func TestDrain_blockedNodeHoldsUpNoOther(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(nodes[1]))
	v, err := p.drain(t, c.Name, nodes, "parallel", "1")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && now.Counts.Succeeded == 1 && now.Drain != nil && now.Drain.Blocked == 1
	}, time.Minute, 20*time.Millisecond)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
}

// A node whose kubelet is gone never reports the end of a pod.
func TestDrain_unreachableNodeIsNotWaitedForWithoutEnd(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(nodes[0]))
	c.StopKubelet(t, nodes[0])
	began := time.Now()
	v := p.drained(t, c.Name, nodes[:1], "timeout", "0")
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, "error_drain_unreachable", p.items(t, v.ID)[nodes[0]].Error.ID)
	require.GreaterOrEqual(t, time.Since(began), 29*time.Second)

	v = p.drained(t, c.Name, nodes[:1], "skip_wait_seconds", "1")
	require.Equal(t, store.StateSucceeded, v.State, "pods that have been ending for longer are skipped when asked to")
}

// A pod with a finalizer is waited for, and said to be terminating.
func TestDrain_podWithAFinalizerIsWaitedFor(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	pod := c.Deployment(t, ns, "web", 1)[0]
	held := []byte(`{"metadata":{"finalizers":["example.com/hold"]}}`)
	_, err := c.Client.CoreV1().Pods(ns).Patch(
		t.Context(), pod.Name, "application/merge-patch+json", held, metav1.PatchOptions{},
	)
	require.NoError(t, err)
	v, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && now.Drain != nil && now.Drain.Terminating == 1 &&
			now.Drain.Nodes[0].Phase == drain.PhaseTerminating
	}, time.Minute, 20*time.Millisecond)
	_, err = c.Client.CoreV1().Pods(ns).Patch(
		t.Context(), pod.Name, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`),
		metav1.PatchOptions{},
	)
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Equal(t, 1, proxy.Calls("create", "pods/eviction"), "a pod that ends is not asked again")
}

// In a namespace that is being deleted the pods go with it; nobody evicts them.
func TestDrain_namespaceThatIsEnding(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "web", 2, kubetest.EndsAfter("4s"))
	require.NoError(t, c.Client.CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}))
	require.Equal(t, store.StateSucceeded, p.drained(t, c.Name, nodes).State)
	require.Empty(t, podsOn(t, c, nodes[0]))
}
