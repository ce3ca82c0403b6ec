package batch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// with changes the labels and annotations of the pods of a workload.
func with(change func(*metav1.ObjectMeta)) kubetest.PodOption {
	return func(pod *corev1.PodTemplateSpec) {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		change(&pod.ObjectMeta)
	}
}

func labelled(key, value string) kubetest.PodOption {
	return with(func(m *metav1.ObjectMeta) { m.Labels[key] = value })
}

func annotated(key, value string) kubetest.PodOption {
	return with(func(m *metav1.ObjectMeta) { m.Annotations[key] = value })
}

// follow waits until the view of a batch is as it should be.
func (p *process) follow(t *testing.T, id string, check func(batch.View) bool) batch.View {
	t.Helper()
	var now batch.View
	require.Eventually(t, func() bool {
		var err error
		now, err = p.engine.View(as(t, services.RoleViewer), id)
		return err == nil && check(now)
	}, time.Minute, 20*time.Millisecond, "%+v", now)
	return now
}

// completes sets the phase of a pod to Succeeded.
func completes(t *testing.T, c *kubetest.Cluster, ns, name string) {
	t.Helper()
	c.UpdatePodStatus(t, ns, name, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
}

func TestDrain_asksAboutPodsThatAskNotToBeDisrupted(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 2), c.Namespace(t)
	onFirst := kubetest.OnNodes(nodes[0])
	c.Deployment(t, ns, "trainer", 1, onFirst, annotated("karpenter.sh/do-not-disrupt", "true"))
	c.Deployment(t, ns, "cache", 1, onFirst, annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"))
	c.Deployment(t, ns, "web", 1, onFirst)
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes[:1]))
	require.NoError(t, err)
	require.Equal(t, []int{2, 1}, []int{plan.Drain.Counts.Acknowledge, plan.Drain.Counts.Evict})
	_, err = p.drain(t, c.Name, nodes[:1])
	require.Equal(t, "disrupt", services.AsError(err).Fields[0].Field)
	require.Equal(t, "error_disrupt", services.AsError(err).Fields[0].Text)
	require.Zero(t, proxy.Calls("create", "pods/eviction"))
	v := p.drained(t, c.Name, nodes[:1], "disrupt", "1")
	require.Equal(t, store.StateSucceeded, v.State)
	require.Empty(t, podsOn(t, c, nodes[0]))
}

// The rules of the cluster say what becomes of the pods of a namespace, whoever drains.
func TestDrain_rulesOfNamespaces(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	onFirst := kubetest.OnNodes(nodes[0])
	ci, pay, shop := c.Namespace(t), c.Namespace(t), c.Namespace(t)
	c.Deployment(t, ci, "job", 1, onFirst)
	c.Deployment(t, pay, "pay", 1, onFirst)
	c.Deployment(t, shop, "web", 1, onFirst, annotated("karpenter.sh/do-not-disrupt", "true"))
	p.rule(t, c.Name, form.Fields{"namespace_rules": {
		ci + " wait 10s\n" + "kubernetes.io/metadata.name=" + pay + " ask\n" + shop + " evict",
	}})
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes[:1]))
	require.NoError(t, err)
	verdicts := map[string]drain.Verdict{}
	for _, pod := range plan.Drain.Nodes[0].Pods {
		verdicts[pod.Namespace] = pod.Verdict
	}
	require.Equal(t, map[string]drain.Verdict{
		ci: drain.WaitCompleted, pay: drain.Acknowledge, shop: drain.Evict,
	}, verdicts)
	require.Empty(t, plan.Drain.Unread)
	_, err = p.drain(t, c.Name, nodes[:1])
	require.Equal(t, "disrupt", services.AsError(err).Fields[0].Field)

	v, err := p.drain(t, c.Name, nodes[:1], "disrupt", "1")
	require.NoError(t, err)
	now := p.follow(t, v.ID, func(v batch.View) bool {
		return v.Drain != nil && v.Drain.Completing == 1 && v.Drain.Left == 1
	})
	require.Equal(t, drain.PhaseCompleting, now.Drain.Nodes[0].Phase)
	wait := now.Drain.Nodes[0].Waits[0]
	require.Contains(t, wait.Pod, ci+"/job-")
	require.False(t, wait.Until.IsZero())
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State, "the wait is over, and the pod is evicted")
	require.Equal(t, 3, evicted(t, p.items(t, v.ID)[nodes[0]]))
}

// Nobody evicts a pod that has to complete; a node without such pods goes on meanwhile.
func TestDrain_waitsUntilPodsComplete(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 3), c.Namespace(t)
	waits := labelled("cluster.x-k8s.io/drain", "wait-completed")
	c.Pod(t, ns, "report", nodes[0], waits)
	c.Pod(t, ns, "agent", nodes[0], labelled("cluster.x-k8s.io/drain", "skip"))
	held := c.Deployment(t, ns, "batch", 1, kubetest.OnNodes(nodes[0]), waits)[0]
	c.Deployment(t, ns, "web", 4, kubetest.OnNodes(nodes[:2]...))
	v, err := p.drain(t, c.Name, nodes[:2], "parallel", "1")
	require.NoError(t, err, "none of the two is lost, so nobody has to agree")
	now := p.follow(t, v.ID, func(v batch.View) bool {
		return v.Counts.Succeeded == 1 && v.Drain != nil && v.Drain.Left == 2 && v.Drain.Completing == 2
	})
	first := now.Drain.Nodes[0]
	require.Equal(t, []string{drain.PhaseCompleting, nodes[0]}, []string{first.Phase, first.Node})
	require.Equal(t, 1, now.Counts.Waiting)
	completes(t, c, ns, "report")
	p.follow(t, v.ID, func(v batch.View) bool { return v.Drain != nil && v.Drain.Completing == 1 })
	// Who changes their mind about a pod is heard at once.
	_, err = c.Client.CoreV1().Pods(ns).Patch(t.Context(), held.Name, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"cluster.x-k8s.io/drain":null}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	left := podsOn(t, c, nodes[0])
	slices.Sort(left)
	require.Equal(t, []string{"agent", "report"}, left)
	require.Equal(t, 5, proxy.Calls("create", "pods/eviction"))
}

func TestDrain_timeoutNamesThePodThatDidNotComplete(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Pod(t, ns, "report", nodes[0], labelled("cluster.x-k8s.io/drain", "wait-completed"))
	v := p.drained(t, c.Name, nodes, "timeout", "2", "restore", "1")
	require.Equal(t, store.StateFailed, v.State)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, "error_drain_timeout_completed", it.Error.ID)
	require.Equal(t, ns+"/report", it.Error.Args["Pod"])
	require.Equal(t, []string{"report"}, podsOn(t, c, nodes[0]))
	require.Zero(t, proxy.Calls("create", "pods/eviction"))
}

// machineAPI installs what a cluster with Cluster API has, with a machine for each node.
func machineAPI(t *testing.T, c *kubetest.Cluster, nodes []string) (rules kubetest.Resource, ns string) {
	t.Helper()
	kind := func(kind, plural string) kubetest.Resource {
		return kubetest.Resource{Group: "cluster.x-k8s.io", Version: "v1beta2", Kind: kind, Plural: plural}
	}
	rules = kind("MachineDrainRule", "machinedrainrules")
	machines, clusters := kind("Machine", "machines"), kind("Cluster", "clusters")
	for _, r := range []kubetest.Resource{rules, machines, clusters} {
		c.Install(t, r)
	}
	ns = c.Namespace(t)
	c.Add(t, clusters, ns, "prod", map[string]string{"stage": "production"}, map[string]any{})
	for i, name := range nodes {
		machine := fmt.Sprintf("m-%d", i)
		c.Add(t, machines, ns, machine, map[string]string{"cluster.x-k8s.io/cluster-name": "prod"}, map[string]any{})
		c.UpdateNode(t, name, func(n *corev1.Node) {
			n.Annotations = map[string]string{
				"cluster.x-k8s.io/machine": machine, "cluster.x-k8s.io/cluster-namespace": ns,
				"cluster.x-k8s.io/cluster-name": "prod",
			}
		})
	}
	return rules, ns
}

// ordered is the spec of a rule for the pods of one workload.
func ordered(app string, order int) map[string]any {
	return map[string]any{
		"drain": map[string]any{"behavior": "Drain", "order": order},
		"machines": []any{map[string]any{"clusterSelector": map[string]any{
			"matchLabels": map[string]any{"stage": "production"},
		}}},
		"pods": []any{map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": app}}}},
	}
}

// Pods of a lower order are gone before those of the next begin to go.
func TestDrain_followsTheOrderOfMachineDrainRules(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	rules, fleet := machineAPI(t, c, nodes)
	ns := c.Namespace(t)
	for i, app := range []string{"last", "second", "first"} {
		c.Add(t, rules, fleet, app, nil, ordered(app, []int{10, -1, -5}[i]))
		c.Deployment(t, ns, app, 2, kubetest.OnNodes(nodes[0]))
	}
	c.Deployment(t, ns, "plain", 2, kubetest.OnNodes(nodes[0]))
	v := p.drained(t, c.Name, nodes[:1])
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	var apps []string
	for _, r := range evictionsOf(proxy) {
		app, _, _ := strings.Cut(r.Name, "-")
		apps = append(apps, app)
	}
	require.Equal(t, []string{"first", "first", "second", "second", "plain", "plain", "last", "last"}, apps)
}

// Rules of Cluster API keep pods where they are, and have a drain wait for others.
func TestDrain_machineDrainRulesSkipAndWait(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	rules, fleet := machineAPI(t, c, nodes)
	ns := c.Namespace(t)
	for app, behavior := range map[string]string{"agent": "Skip", "job": "WaitCompleted"} {
		spec := ordered(app, 0)
		spec["drain"] = map[string]any{"behavior": behavior}
		c.Add(t, rules, fleet, app, nil, spec)
	}
	c.Deployment(t, ns, "agent", 1, kubetest.OnNodes(nodes[0]))
	c.Deployment(t, ns, "web", 1, kubetest.OnNodes(nodes[0]))
	job := c.Pod(t, ns, "job", nodes[0])
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes[:1]))
	require.NoError(t, err)
	said := map[drain.Verdict]string{}
	for _, pod := range plan.Drain.Nodes[0].Pods {
		if len(pod.Reasons) > 0 {
			said[pod.Verdict] += pod.Reasons[0].Text
		}
	}
	require.Equal(t, map[drain.Verdict]string{
		drain.Skip: "drain_skip_machine_rule", drain.WaitCompleted: "drain_completed_machine_rule",
	}, said)

	v, err := p.drain(t, c.Name, nodes[:1])
	require.NoError(t, err)
	p.follow(t, v.ID, func(v batch.View) bool { return v.Drain != nil && v.Drain.Left == 1 && v.Drain.Completing == 1 })
	completes(t, c, ns, job.Name)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Len(t, evictionsOf(proxy), 1, "of the web")
	require.Len(t, podsOn(t, c, nodes[0]), 2, "the agent, and the job that has ended")
}

// What the account may not read is said, and not guessed. Nothing is asked of a cluster
// without Cluster API but whether it has it.
func TestDrain_unreadPolicies(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	rules, fleet := machineAPI(t, c, nodes)
	c.Add(t, rules, fleet, "web", nil, ordered("web", 10))
	c.Deployment(t, ns, "web", 1)
	config := c.User(t,
		kubetest.Rule("", []string{"get", "list", "watch", "patch"}, []string{"nodes"}),
		kubetest.Rule("", []string{"get", "list", "watch"}, []string{"pods"}),
	)
	p := startProcess(t, kubetest.WriteKubeconfig(t, c.Name, config), t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"namespace_rules": {"team=web ask"}})
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes))
	require.NoError(t, err)
	unread := []string{"poddisruptionbudgets", "daemonsets", "machinedrainrules", "namespaces"}
	require.Equal(t, unread, plan.Drain.Unread)
	require.Zero(t, plan.Drain.Nodes[0].Pods[0].Order)
}
