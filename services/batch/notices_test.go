package batch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// lifecycle returns the conditions of a node's lifecycle that hold, in their order.
func lifecycle(n *corev1.Node) string {
	var holds []string
	for _, kind := range kube.LifecycleConditions() {
		for _, c := range n.Status.Conditions {
			if c.Type == kind && c.Status == corev1.ConditionTrue {
				holds = append(holds, string(kind))
			}
		}
	}
	return strings.Join(holds, " ")
}

func conditionOf(n *corev1.Node, kind string) corev1.NodeCondition {
	i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return string(c.Type) == kind })
	if i < 0 {
		return corev1.NodeCondition{}
	}
	return n.Status.Conditions[i]
}

// awaitLifecycle waits until a node says just that.
func awaitLifecycle(t *testing.T, c *kubetest.Cluster, name, want string) {
	t.Helper()
	c.Eventually(t, func(ctx context.Context) error {
		n, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got := lifecycle(n); got != want {
			return fmt.Errorf("%s says %q, not %q", name, got, want)
		}
		return nil
	})
}

const (
	saysPlanned  = "MaintenancePlanned"
	saysDraining = "MaintenancePlanned DrainInProgress"
	saysDrained  = "Drained MaintenanceInProgress"
)

// A drain has its nodes say where they are, from its acceptance to their uncordon; the
// table shows it when the batch says that it is done.
func TestConditions_followADrain(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 3)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.drain(t, c.Name, nodes[:2], "wave_size", "1")
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	awaitLifecycle(t, c, nodes[1], saysPlanned)
	said := conditionOf(c.Node(t, nodes[0]), "DrainInProgress")
	require.Equal(t, "AdminRequested", said.Reason)
	require.Equal(t, "kube-node-manager batch "+v.ID+": being drained, by oncall: kernel CVE", said.Message)
	require.Empty(t, lifecycle(c.Node(t, nodes[2])))

	require.NoError(t, c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	all, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
	require.NoError(t, err)
	for _, name := range nodes[:2] {
		require.Equal(t, saysDrained, lifecycle(c.Node(t, name)), "done means true")
		n := all.Find(name)
		require.Equal(t, v.ID, n.Maintenance(), "and visible")
		require.Equal(t, []string{"Drained", "MaintenanceInProgress"}, []string{n.Lifecycle[0].Type, n.Lifecycle[1].Type})
		require.Equal(t, "DrainCompleted", n.Lifecycle[0].Reason)
		require.Empty(t, n.Problems)
	}
	require.Equal(t, corev1.ConditionTrue, conditionOf(c.Node(t, nodes[0]), "Ready").Status)

	over := p.wait(t, p.submit(t, c.Name, "uncordon", nodes...).ID)
	for _, name := range nodes {
		require.Empty(t, lifecycle(c.Node(t, name)))
	}
	said = conditionOf(c.Node(t, nodes[0]), "Drained")
	require.Equal(t, corev1.ConditionFalse, said.Status)
	require.Contains(t, said.Message, over.ID)
}

func TestConditions_endings(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 4)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)

	v := p.drained(t, c.Name, nodes[:1], "timeout", "1")
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, saysPlanned, lifecycle(c.Node(t, nodes[0])), "it stays cordoned for it")
	require.Equal(t, "DrainFailed", conditionOf(c.Node(t, nodes[0]), "MaintenancePlanned").Reason)

	v, err := p.drain(t, c.Name, nodes[:2], "wave_size", "1")
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateCancelled, p.wait(t, v.ID).State)
	for _, name := range nodes[:2] {
		require.Empty(t, lifecycle(c.Node(t, name)), "cancelled")
		require.True(t, c.Node(t, name).Spec.Unschedulable)
	}

	v = p.drained(t, c.Name, nodes[:1], "timeout", "1", "restore", "1")
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, saysPlanned, lifecycle(c.Node(t, nodes[0])), "it was cordoned before, and stays so")

	v = p.drained(t, c.Name, nodes[2:])
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[2])))
	undo, err := p.engine.Undo(as(t, services.RoleAdmin), v.ID, form.Fields{}, "", "")
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, undo.ID).State)
	require.Empty(t, lifecycle(c.Node(t, nodes[2])), "undone")

	q := drainRequest(c.Name, nodes[1:2])
	q.Reason = "another"
	v, err = p.engine.Submit(as(t, services.RoleAdmin), q)
	require.NoError(t, err)
	p.wait(t, v.ID)
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[1])))
	undo, err = p.engine.Undo(as(t, services.RoleAdmin), v.ID, form.Fields{"force": {"1"}}, "", "")
	require.NoError(t, err)
	p.wait(t, undo.ID)
	require.Empty(t, lifecycle(c.Node(t, nodes[1])), "undone, and cordoned as before")
	require.True(t, c.Node(t, nodes[1]).Spec.Unschedulable)

	p.wait(t, p.submit(t, c.Name, "cordon", nodes[3]).ID)
	require.Empty(t, lifecycle(c.Node(t, nodes[3])), "a cordon is no maintenance")
}

// setCondition has a node say something in somebody else's name.
func setCondition(t *testing.T, c *kubetest.Cluster, name, kind string) {
	t.Helper()
	const form = `{"status":{"conditions":[{"type":%q,"status":"True","reason":"Window","message":"by robot"}]}}`
	patch := fmt.Sprintf(form, kind)
	_, err := c.Client.CoreV1().Nodes().Patch(
		t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

// What others say stays, whatever we do to the node.
func TestConditions_ofOthersStay(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	setCondition(t, c, nodes[0], "MaintenancePlanned")
	setCondition(t, c, nodes[1], "KernelDeadlock")
	p.drained(t, c.Name, nodes)
	require.Equal(t, "MaintenancePlanned "+saysDrained, lifecycle(c.Node(t, nodes[0])))
	p.wait(t, p.submit(t, c.Name, "uncordon", nodes...).ID)
	require.Equal(t, saysPlanned, lifecycle(c.Node(t, nodes[0])))
	require.Equal(t, "by robot", conditionOf(c.Node(t, nodes[0]), "MaintenancePlanned").Message)
	require.Equal(t, "by robot", conditionOf(c.Node(t, nodes[1]), "KernelDeadlock").Message)
	all, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
	require.NoError(t, err)
	require.Empty(t, all.Find(nodes[0]).Problems)
	require.Empty(t, all.Find(nodes[0]).Maintenance())
	require.Equal(t, []string{"KernelDeadlock"}, all.Find(nodes[1]).Problems)
}

// operatorRules is what the program needs without any option.
func operatorRules() []rbacv1.PolicyRule {
	read := []string{"get", "list", "watch"}
	return []rbacv1.PolicyRule{
		kubetest.Rule("", read, []string{"nodes", "pods"}),
		kubetest.Rule("apps", read, []string{"daemonsets"}),
		kubetest.Rule("policy", read, []string{"poddisruptionbudgets"}),
		kubetest.Rule("", []string{"patch"}, []string{"nodes"}),
		kubetest.Rule("", []string{"create"}, []string{"pods/eviction"}),
	}
}

// By default they are set where the account may; a cluster can have it otherwise.
func TestConditions_byOption(t *testing.T) {
	for name, test := range map[string]struct {
		option  string
		allowed bool
		told    bool
		refused bool
	}{
		"auto":                {"auto", true, true, false},
		"auto, not allowed":   {"auto", false, false, false},
		"off":                 {"off", true, false, false},
		"on":                  {"on", true, true, false},
		"on, and not allowed": {"on", false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := lease(t)
			nodes := c.Nodes(t, 3)
			rules := operatorRules()
			if test.allowed {
				rules = append(rules, kubetest.Rule("", []string{"patch"}, []string{"nodes/status"}))
			}
			proxy := kubetest.NewProxy(t, c.User(t, rules...))
			p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
			_, err := p.rules.Set(as(t, services.RoleAdmin), c.Name, form.Fields{
				"node_conditions": {test.option}, "node_events": {"off"},
			})
			require.NoError(t, err)
			v := p.drained(t, c.Name, nodes)
			require.Equal(t, store.StateSucceeded, v.State, "whatever becomes of the conditions")
			require.Equal(t, test.told, lifecycle(c.Node(t, nodes[0])) == saysDrained)
			require.Equal(t, test.refused, v.Untold != "")
			require.Equal(t, test.refused, strings.Contains(p.seen.log(), "refuses the conditions"))
			require.LessOrEqual(t, strings.Count(p.seen.log(), "refuses the conditions"), 1)
			require.Equal(t, test.told || test.refused, proxy.Calls("patch", "nodes/status") > 0)
			require.LessOrEqual(t, proxy.Calls("create", "selfsubjectaccessreviews"), 1, "asked once")
		})
	}
}

// Whoever cannot be told at once is told later, and the drain does not wait for it.
func TestConditions_areNotInTheWay(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 3)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 3, kubetest.OnNodes(nodes[0]))
	gate := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes/status", Code: 503})
	v, err := p.drain(t, c.Name, nodes[:1])
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && batch.Done(now.Counts) == 1
	}, time.Minute, 20*time.Millisecond, "the drain itself is done")
	gate.Remove()
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[0])), "done means true")
}

// What an earlier process could not say any more is said by the next one.
func TestConditions_areCorrected(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 4)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	dir := t.TempDir()
	p := startProcess(t, c.Kubeconfig, dir, usual)
	v, err := p.drain(t, c.Name, nodes[:2], "wave_size", "1")
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	p.drained(t, c.Name, nodes[2:])
	p.stop()
	require.Equal(t, saysPlanned, lifecycle(c.Node(t, nodes[0])), "nobody drains it any more")
	require.Equal(t, "DrainInterrupted", conditionOf(c.Node(t, nodes[0]), "MaintenancePlanned").Reason)
	require.Equal(t, saysPlanned, lifecycle(c.Node(t, nodes[1])))

	// As if the process had been killed: one node says too much, one says nothing; a third
	// one was uncordoned with kubectl.
	restore := kube.LifecycleMessage(v.ID, "being drained")
	forge(t, c, nodes[0], "DrainInProgress", "True", restore)
	forge(t, c, nodes[1], "MaintenancePlanned", "False", restore)
	forge(t, c, nodes[3], "Drained", "True", kube.LifecycleMessage("of-others", "drained"))
	uncordonBehind(t, c, nodes[2])

	p = startProcess(t, c.Kubeconfig, dir, usual)
	correct(t, p, c.Name)
	awaitLifecycle(t, c, nodes[0], saysPlanned)
	awaitLifecycle(t, c, nodes[1], saysPlanned)
	awaitLifecycle(t, c, nodes[2], "")
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[3])))

	require.NoError(t, c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, form.Fields{})
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[0])))
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[1])))
}

// correct looks at the nodes of a cluster as a process does from time to time.
func correct(t *testing.T, p *process, cluster string) {
	t.Helper()
	all, err := p.nodes.All(as(t, services.RoleViewer), cluster, true)
	require.NoError(t, err)
	require.NoError(t, p.engine.CorrectNotices(t.Context(), cluster, all))
}

// forge sets a condition as if this program had.
func forge(t *testing.T, c *kubetest.Cluster, name, kind, status, message string) {
	t.Helper()
	patch := fmt.Sprintf(`{"status":{"conditions":[{"type":%q,"status":%q,"message":%q}]}}`, kind, status, message)
	_, err := c.Client.CoreV1().Nodes().Patch(
		t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

func uncordonBehind(t *testing.T, c *kubetest.Cluster, name string) {
	t.Helper()
	_, err := c.Client.CoreV1().Nodes().Patch(
		t.Context(), name, types.MergePatchType, []byte(`{"spec":{"unschedulable":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

// Another write of the node, between our read and our write, is seen.
func TestConditions_meetOtherWrites(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 1)
	struck := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes/status", Code: 409, Times: 2})
	v := p.drained(t, c.Name, nodes)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Equal(t, saysDrained, lifecycle(c.Node(t, nodes[0])))
	require.Equal(t, 2, struck.Hits())
}
