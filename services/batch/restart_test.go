package batch_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// reshape changes a Deployment as its owner would.
func reshape(t *testing.T, c *kubetest.Cluster, ns, name string, change func(*appsv1.Deployment)) {
	t.Helper()
	client := c.Client.AppsV1().Deployments(ns)
	require.NoError(t, retry.RetryOnConflict(retry.DefaultRetry, func() error {
		d, err := client.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(d)
		_, err = client.Update(t.Context(), d, metav1.UpdateOptions{})
		return err
	}))
}

// generations returns how often the spec of a Deployment was written.
func generations(t *testing.T, c *kubetest.Cluster, ns, name string) int {
	t.Helper()
	d, err := c.Client.AppsV1().Deployments(ns).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return int(d.Generation)
}

// fewestReady watches the pods of a workload until the returned function is called. That
// returns the smallest number that was ready, and not told to end, at any time.
func fewestReady(t *testing.T, c *kubetest.Cluster, ns, app string) func() int {
	t.Helper()
	client, ctx := c.Client.CoreV1().Pods(ns), context.WithoutCancel(t.Context())
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	ready := map[types.UID]bool{}
	note := func(pod *corev1.Pod, gone bool) {
		serves := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		delete(ready, pod.UID)
		if serves && !gone && pod.DeletionTimestamp == nil {
			ready[pod.UID] = true
		}
	}
	for i := range list.Items {
		note(&list.Items[i], false)
	}
	watch, err := client.Watch(ctx, metav1.ListOptions{
		LabelSelector: "app=" + app, ResourceVersion: list.ResourceVersion,
	})
	require.NoError(t, err)
	fewest, ended := len(ready), make(chan struct{})
	go func() {
		defer close(ended)
		for event := range watch.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				note(pod, event.Type == "DELETED")
				fewest = min(fewest, len(ready))
			}
		}
	}()
	return func() int {
		watch.Stop()
		<-ended
		return fewest
	}
}

// One pod, and a budget that never lets it go: without the option nobody gets it off.
func TestRestartFirst_neverWithoutAReadyPod(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(nodes[0])) // is evicted
	old := c.Deployment(t, ns, "cart", 1)[0]
	c.Budget(t, ns, "cart", 1)
	if old.Spec.NodeName != nodes[0] {
		nodes[0], nodes[1] = nodes[1], nodes[0]
	}
	fewest := fewestReady(t, c, ns, "cart")
	before := generations(t, c, ns, "cart")
	request := drainRequest(c.Name, nodes[:1], "restart_first", "1")
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), request)
	require.NoError(t, err)
	can, cannot := plan.Drain.Restarted()
	require.Equal(t, []string{ns + "/cart"}, []string{can[0].Name})
	require.Empty(t, cannot)
	require.Equal(t, 1, plan.Drain.Counts.Restart)
	require.Empty(t, plan.Drain.Denied)

	v := p.drained(t, c.Name, nodes[:1], "restart_first", "1")
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, store.StateSucceeded, v.State, "%+v", it.Error)
	require.Equal(t, []string{ns + "/cart"}, it.After.Restarted)
	require.Empty(t, podsOn(t, c, nodes[0]))
	require.Equal(t, before+1, generations(t, c, ns, "cart"), "it was restarted once")
	require.Zero(t, evictionsOfApp(proxy, "cart"), "nobody evicts what its Deployment replaces")
	require.Positive(t, fewest(), "there was a ready pod at any time")
}

// Pods of one Deployment on several nodes of a batch leave by one restart, whichever node
// comes first.
func TestRestartFirst_onceForAllNodes(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 4)
	c.Budget(t, ns, "cart", 4)
	reshape(t, c, ns, "cart", func(d *appsv1.Deployment) {
		d.Spec.Strategy.RollingUpdate.MaxUnavailable = new(intstr.FromInt32(0))
	})
	c.Nodes(t, 2)
	before := generations(t, c, ns, "cart")
	v := p.drained(t, c.Name, nodes, "restart_first", "1", "parallel", "1")
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	require.Equal(t, before+1, generations(t, c, ns, "cart"))
	require.Empty(t, evictionsOf(proxy))
	c.WaitRunning(t, ns, "cart", 4)
}

// What cannot be restarted first is planned as before, and the plan says why.
func TestRestartFirst_doesNotFit(t *testing.T) {
	c, _, p := behind(t, usual)
	node, ns := c.Nodes(t, 1), c.Namespace(t)
	rolling := func(surge, unavailable int32) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			d.Spec.Strategy.RollingUpdate.MaxSurge = new(intstr.FromInt32(surge))
			d.Spec.Strategy.RollingUpdate.MaxUnavailable = new(intstr.FromInt32(unavailable))
		}
	}
	for name, change := range map[string]func(*appsv1.Deployment){
		"recreate": func(d *appsv1.Deployment) {
			d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		},
		"paused":      func(d *appsv1.Deployment) { d.Spec.Paused = true },
		"surge":       rolling(0, 1),
		"unavailable": rolling(1, 1),
		"fits":        rolling(1, 0),
	} {
		c.Deployment(t, ns, name, 1)
		reshape(t, c, ns, name, change)
	}
	c.Deployment(t, ns, "many", 3)
	c.StatefulSet(t, ns, "db", 1)
	c.Budget(t, ns, "db", 1)
	c.Budget(t, ns, "recreate", 1)
	c.Eventually(t, func(ctx context.Context) error { return observed(ctx, c, ns) })

	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, node, "restart_first", "1"))
	require.NoError(t, err)
	can, cannot := plan.Drain.Restarted()
	require.Len(t, can, 1)
	require.Equal(t, ns+"/fits", can[0].Name)
	why := map[string]string{}
	for _, w := range cannot {
		why[w.Name] = w.Why.Text
	}
	require.Equal(t, map[string]string{
		ns + "/recreate": "drain_restart_recreate", ns + "/paused": "drain_restart_paused",
		ns + "/surge": "drain_restart_surge", ns + "/unavailable": "drain_restart_unavailable",
		ns + "/StatefulSet/db": "drain_restart_kind",
	}, why)
	verdicts := map[string]drain.Verdict{}
	for _, pod := range plan.Drain.Nodes[0].Pods {
		verdicts[pod.Owner[:6]+pod.Name[:2]] = pod.Verdict
	}
	require.Equal(t, map[string]drain.Verdict{
		"Replicre": drain.Never, "Replicpa": drain.Evict, "Replicsu": drain.Evict, "Replicun": drain.Evict,
		"Replicfi": drain.Restart, "Replicma": drain.Evict, "Statefdb": drain.Never,
	}, verdicts)

	without, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, node))
	require.NoError(t, err)
	require.Equal(t, plan.Drain.Workloads, without.Drain.Workloads, "the option is offered before it is chosen")
	require.Zero(t, without.Drain.Counts.Restart)
}

// observed returns an error until the controllers have seen all Deployments of a namespace.
func observed(ctx context.Context, c *kubetest.Cluster, ns string) error {
	list, err := c.Client.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, d := range list.Items {
		if d.Status.ObservedGeneration < d.Generation {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// Without the right to restart workloads the option is refused before anything is written,
// and says what it needs. Without the option the drain needs none of it.
func TestRestartFirst_needsRights(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1)
	read := []string{"get", "list", "watch"}
	config := c.User(t,
		kubetest.Rule("", []string{"get", "list", "watch", "patch"}, []string{"nodes"}),
		kubetest.Rule("", read, []string{"pods"}),
		kubetest.Rule("", []string{"create"}, []string{"pods/eviction"}),
		kubetest.Rule("apps", read, []string{"deployments", "replicasets", "daemonsets"}),
		kubetest.Rule("policy", read, []string{"poddisruptionbudgets"}),
	)
	p := startProcess(t, kubetest.WriteKubeconfig(t, c.Name, config), t.TempDir(), usual)
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes))
	require.NoError(t, err)
	require.Equal(t, []string{"patch deployments.apps"}, plan.Drain.Denied)
	_, err = p.drain(t, c.Name, nodes, "restart_first", "1")
	wrong := services.AsError(err).Fields
	require.Len(t, wrong, 1)
	require.Equal(t, "restart_first", wrong[0].Field)
	require.Equal(t, "patch deployments.apps", wrong[0].Args["Calls"])
	for _, name := range nodes {
		require.False(t, c.Node(t, name).Spec.Unschedulable)
	}
}

// A restart that ends in nothing is said in words, and the old pod still runs.
func TestRestartFirst_saysWhatItWaitedFor(t *testing.T) {
	for name, want := range map[string]struct {
		change func(t *testing.T, c *kubetest.Cluster, ns string)
		text   string
	}{
		"time is up": {func(*testing.T, *kubetest.Cluster, string) {}, "error_drain_timeout_restart"},
		"paused": {func(t *testing.T, c *kubetest.Cluster, ns string) {
			reshape(t, c, ns, "cart", func(d *appsv1.Deployment) { d.Spec.Paused = true })
		}, "error_restart_paused"},
		"progress deadline": {func(t *testing.T, c *kubetest.Cluster, ns string) {
			reshape(t, c, ns, "cart", func(d *appsv1.Deployment) { d.Spec.ProgressDeadlineSeconds = new(int32(1)) })
		}, "error_restart_late"},
		"deleted, its pods kept": {func(t *testing.T, c *kubetest.Cluster, ns string) {
			orphan := metav1.DeletePropagationOrphan
			require.NoError(t, c.Client.AppsV1().Deployments(ns).Delete(
				t.Context(), "cart", metav1.DeleteOptions{PropagationPolicy: &orphan},
			))
		}, "error_restart_gone"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, p := behind(t, usual)
			nodes, ns := c.Nodes(t, 1), c.Namespace(t)
			c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0])) // a new pod finds no other node
			c.Budget(t, ns, "cart", 1)
			v, err := p.drain(t, c.Name, nodes, "restart_first", "1", "timeout", "25")
			require.NoError(t, err)
			now := p.follow(t, v.ID, func(v batch.View) bool {
				return v.Drain != nil && v.Drain.Restarting == 1 && v.Drain.Nodes[0].Restarts[0].New == 1
			})
			require.Equal(t, drain.PhaseRestarting, now.Drain.Nodes[0].Phase)
			r := now.Drain.Nodes[0].Restarts[0]
			require.Equal(t, []any{ns + "/cart", 0}, []any{r.Deployment, r.Available})
			want.change(t, c, ns)
			v = p.wait(t, v.ID)
			it := p.items(t, v.ID)[nodes[0]]
			require.Equal(t, store.StateFailed, v.State)
			require.Equal(t, want.text, it.Error.ID)
			require.Equal(t, ns+"/cart", it.Error.Args["Deployment"])
			require.Len(t, podsOn(t, c, nodes[0]), 1, "the old pod still runs")
		})
	}
}

// A process that was killed while a new pod was not ready has restarted it once; the next
// one only waits.
func TestRestartFirst_onceAfterAKill(t *testing.T) {
	c := lease(t)
	nodes, ns, dir := c.Nodes(t, 1), c.Namespace(t), t.TempDir()
	c.Deployment(t, ns, "cart", 1)
	c.Budget(t, ns, "cart", 1)
	room := c.Nodes(t, 1, kubetest.Cordoned())[0]
	before := generations(t, c, ns, "cart")
	first := startProcess(t, c.Kubeconfig, dir, usual)
	v, err := first.drain(t, c.Name, nodes, "restart_first", "1")
	require.NoError(t, err)
	first.follow(t, v.ID, func(v batch.View) bool {
		return v.Drain != nil && v.Drain.Restarting == 1 && v.Drain.Nodes[0].Restarts[0].New == 1
	})
	first.stop()
	second := startProcess(t, c.Kubeconfig, dir, usual)
	_, err = second.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	second.follow(t, v.ID, func(v batch.View) bool { return v.Drain != nil && v.Drain.Restarting == 1 })
	c.UpdateNode(t, room, func(n *corev1.Node) { n.Spec.Unschedulable = false }) // the new pod can start
	v = second.wait(t, v.ID)
	it := second.items(t, v.ID)[nodes[0]]
	require.Equal(t, store.StateSucceeded, v.State, "%+v", it.Error)
	require.Equal(t, []string{ns + "/cart"}, it.After.Restarted)
	require.Equal(t, before+1, generations(t, c, ns, "cart"))
}

// A new pod that has landed on a node of a later wave is replaced again.
func TestRestartFirst_againForALaterNode(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "cart", 1)
	before := generations(t, c, ns, "cart")
	nodes = append(nodes, c.Nodes(t, 1)...)
	v, err := p.drain(t, c.Name, nodes, "restart_first", "1", "canary", "1", "timeout", "120")
	require.NoError(t, err)
	p.follow(t, v.ID, func(v batch.View) bool { return v.Counts.Succeeded == 1 && v.Gate != nil })
	require.Len(t, podsOn(t, c, nodes[1]), 1)
	c.Nodes(t, 1)
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, form.Fields{})
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	require.Equal(t, before+2, generations(t, c, ns, "cart"))
	c.WaitRunning(t, ns, "cart", 1)
}

// A conflict with another writer, and an answer that was lost, are tried again, and restart
// nothing twice.
func TestRestartFirst_isTriedAgain(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "cart", 2)
	c.Budget(t, ns, "cart", 2)
	c.Nodes(t, 1)
	before := generations(t, c, ns, "cart")
	conflict := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "deployments", Code: 409, Times: 1})
	lost := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "deployments", Times: 1, Cut: kubetest.CutAfter})
	v := p.drained(t, c.Name, nodes, "restart_first", "1")
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	require.Equal(t, []int{1, 1}, []int{conflict.Hits(), lost.Hits()})
	require.Equal(t, before+1, generations(t, c, ns, "cart"))
}
