package operation

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
)

// patience is for what takes seconds on an idle machine.
const patience = time.Minute

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
}

func clientOf(t *testing.T, config *rest.Config) *kube.Client {
	t.Helper()
	client, err := kube.New(config, "test", nil)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// survey plans a drain of the nodes with the form's options.
func survey(t *testing.T, c *kubetest.Cluster, fields form.Fields, names ...string) drain.Plan {
	t.Helper()
	d, err := Find("drain")
	require.NoError(t, err)
	params, err := d.Read(fields)
	require.NoError(t, err)
	op := params.Make(Meta{By: "oncall", At: at})
	client := clientOf(t, c.Config())
	var nodes []*node.Node
	for _, name := range names {
		nodes = append(nodes, node.FromKube(c.Node(t, name)))
	}
	plan, err := op.(Conductor).Survey(t.Context(), client, Scope{Nodes: nodes})
	require.NoError(t, err)
	return plan
}

// pods returns "namespace/name" of the plan's pods with one of the verdicts.
func pods(p drain.Plan, verdicts ...drain.Verdict) []string {
	names := []string{}
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			if slices.Contains(verdicts, pod.Verdict) {
				names = append(names, pod.Namespace+"/"+pod.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// asking returns the pods that wait for the consent named by the option.
func asking(p drain.Plan, field string) []string {
	names := []string{}
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			if pod.Verdict == drain.Acknowledge && pod.Field == field {
				names = append(names, pod.Namespace+"/"+pod.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// theirs is what kubectl drain --dry-run=server says of the same node.
type theirs struct {
	evicted []string            // it would evict them
	blocked []string            // of these, a budget refuses them
	refused map[string][]string // by the flag that it asks for
}

var (
	evictLine   = regexp.MustCompile(`(?m)^evicting pod (\S+) \(server dry run\)`)
	blockedLine = regexp.MustCompile(`(?m)^error when evicting pods/"([^"]+)" -n "([^"]+)" \(will retry`)
	refusedPart = regexp.MustCompile(`\(use (--[a-z-]+) to (?:override|ignore)\): ((?:[a-z0-9.-]+/[a-z0-9.-]+(?:, )?)+)`)
)

func kubectlDrain(t *testing.T, c *kubetest.Cluster, name string, flags ...string) theirs {
	t.Helper()
	args := append([]string{"--kubeconfig", c.Kubeconfig, "drain", name, "--dry-run=server", "--timeout=10s"}, flags...)
	cmd := exec.Command(c.Plane().Kubectl, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // what it says counts; it fails whenever something is refused
	said := theirs{evicted: []string{}, blocked: []string{}, refused: map[string][]string{}}
	for _, m := range evictLine.FindAllStringSubmatch(out.String(), -1) {
		said.evicted = append(said.evicted, m[1])
	}
	for _, m := range blockedLine.FindAllStringSubmatch(out.String(), -1) {
		said.blocked = append(said.blocked, m[2]+"/"+m[1])
	}
	for _, m := range refusedPart.FindAllStringSubmatch(out.String(), -1) {
		names := append(said.refused[m[1]], strings.Split(strings.TrimSuffix(m[2], ", "), ", ")...)
		slices.Sort(names)
		said.refused[m[1]] = slices.Compact(names) // kubectl says it twice
	}
	for _, list := range []*[]string{&said.evicted, &said.blocked} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	require.NotEmpty(t, out.String())
	return said
}

// zoo is a node with a pod of every kind.
type zoo struct {
	*kubetest.Cluster
	node     string
	ns       string
	finished string // "namespace/name"
}

func newZoo(t *testing.T) zoo {
	t.Helper()
	c := kubetest.Acquire(t)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Deployment(t, ns, "web", 2)
	c.Deployment(t, ns, "cart", 2)
	c.Budget(t, ns, "cart", 2)
	c.Deployment(t, ns, "shop", 3)
	c.Budget(t, ns, "shop", 2)
	c.StatefulSet(t, ns, "db", 1)
	c.DaemonSet(t, ns, "agent", 1)
	c.Deployment(t, ns, "scratch", 1, kubetest.EmptyDir())
	c.Pod(t, ns, "bare", node)
	c.Pod(t, ns, "bare-scratch", node, kubetest.EmptyDir())
	return zoo{Cluster: c, node: node, ns: ns, finished: ns + "/" + finish(t, c, ns, node)}
}

// finish makes a bare pod that has succeeded.
func finish(t *testing.T, c *kubetest.Cluster, ns, node string) string {
	t.Helper()
	pod := c.Pod(t, ns, "finished", node)
	c.UpdatePodStatus(t, ns, pod.Name, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	return pod.Name
}

// Where the semantics are meant to agree, they do. One difference is meant:
// kubectl evicts pods that have finished, which frees nothing on the node and
// takes their logs with it; we leave them.
func TestDrain_planAgreesWithKubectl(t *testing.T) {
	z := newZoo(t)
	t.Run("everything agreed to", func(t *testing.T) {
		ours := survey(t, z.Cluster, form.Fields{"delete_emptydir": {"1"}, "force": {"1"}}, z.node)
		said := kubectlDrain(t, z.Cluster, z.node, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
		require.Contains(t, said.evicted, z.finished)
		said.evicted = slices.DeleteFunc(said.evicted, func(pod string) bool { return pod == z.finished })
		require.Equal(t, said.evicted, pods(ours, drain.Evict, drain.Blocked, drain.Never))
		require.Equal(t, said.blocked, pods(ours, drain.Blocked, drain.Never), "the budget of cart can never let go")
		require.Contains(t, pods(ours, drain.Skip), z.finished)
	})
	t.Run("nothing agreed to", func(t *testing.T) {
		ours := survey(t, z.Cluster, form.Fields{"ignore_daemonsets": {"0"}}, z.node)
		said := kubectlDrain(t, z.Cluster, z.node)
		require.Empty(t, said.evicted, "one pod that is refused keeps all of the node")
		require.Error(t, ours.Refusal(), "and so it is with us")
		require.Equal(t, said.refused["--ignore-daemonsets"], asking(ours, "ignore_daemonsets"))
		require.Equal(t, said.refused["--force"], asking(ours, "force"))
		// A pod that needs two consents is named by kubectl under the first one
		// that is missing; so do we.
		require.Equal(t, said.refused["--delete-emptydir-data"], asking(ours, "delete_emptydir"))
	})
	t.Run("pod selector", func(t *testing.T) {
		ours := survey(t, z.Cluster, form.Fields{"pod_selector": {"app=web"}}, z.node)
		said := kubectlDrain(t, z.Cluster, z.node, "--pod-selector=app=web")
		require.Equal(t, said.evicted, pods(ours, drain.Evict))
		require.Len(t, said.evicted, 2)
	})
}

func TestDrain_planCountsABudgetOnceForTheBatch(t *testing.T) {
	c := kubetest.Acquire(t)
	nodes, ns := c.Nodes(t, 3), c.Namespace(t)
	c.Deployment(t, ns, "shop", 9)
	c.Budget(t, ns, "shop", 7)
	plan := survey(t, c, nil, nodes...)
	require.Len(t, plan.Budgets, 1)
	b := plan.Budgets[0]
	require.Equal(t, []any{ns + "/shop", 9, 2, 9, 7}, []any{b.Name, b.Demand, b.Allowed, b.Healthy, b.Needed})
	require.Nil(t, b.Never)
	require.Equal(t, 9, plan.Counts.Evict)
	require.Equal(t, 3, plan.Counts.Cordon)
}

func TestDrain_planNamesWhatCanNeverGo(t *testing.T) {
	c := kubetest.Acquire(t)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Deployment(t, ns, "cart", 2)
	pdb := c.Budget(t, ns, "cart", 2)
	c.Deployment(t, ns, "twice", 1)
	for _, name := range []string{"first", "second"} {
		spec := pdb.Spec.DeepCopy()
		spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "twice"}}
		spec.MinAvailable.IntVal = 0
		_, err := c.Client.PolicyV1().PodDisruptionBudgets(ns).Create(
			t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}, Spec: *spec},
			metav1.CreateOptions{},
		)
		require.NoError(t, err)
	}
	plan := survey(t, c, nil, node)
	texts := map[string]string{}
	for _, pod := range plan.Nodes[0].Pods {
		require.Equal(t, drain.Never, pod.Verdict, pod.Name)
		texts[pod.Owner[:strings.LastIndex(pod.Owner, "-")]] = pod.Reasons[0].Text
	}
	require.Equal(
		t, map[string]string{"ReplicaSet/cart": "drain_never_budget", "ReplicaSet/twice": "drain_never_two"}, texts,
	)
}

// A pod that is not ready itself: the default policy holds it while the others
// are not enough, AlwaysAllow lets it go.
func TestDrain_planAndUnhealthyPods(t *testing.T) {
	c := kubetest.Acquire(t)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Pod(t, ns, "ill", node, kubetest.Unready())
	always := policyv1.AlwaysAllow
	pdb := c.Budget(t, ns, "ill", 1)
	fields := form.Fields{"force": {"1"}}
	plan := survey(t, c, fields, node)
	require.Equal(t, drain.Blocked, plan.Nodes[0].Pods[0].Verdict)
	require.Equal(t, "drain_blocked_unhealthy", plan.Nodes[0].Pods[0].Reasons[0].Text)
	c.UpdateBudget(t, ns, pdb.Name, func(b *policyv1.PodDisruptionBudget) {
		b.Spec.UnhealthyPodEvictionPolicy = &always
	})
	require.Equal(t, drain.Evict, survey(t, c, fields, node).Nodes[0].Pods[0].Verdict)
}

func TestDrain_planOfTerminatingPods(t *testing.T) {
	c := kubetest.Acquire(t)
	node, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	c.Pod(t, ns, "slow", node, kubetest.Stuck())
	grace := int64(1)
	require.NoError(
		t, c.Client.CoreV1().Pods(ns).Delete(t.Context(), "slow", metav1.DeleteOptions{GracePeriodSeconds: &grace}),
	)
	require.Equal(t, drain.Wait, survey(t, c, nil, node).Nodes[0].Pods[0].Verdict)
	require.Eventually(t, func() bool {
		return survey(t, c, form.Fields{"skip_wait_seconds": {"1"}}, node).Nodes[0].Pods[0].Verdict == drain.Skip
	}, patience, patience/100)
}

func TestDrain_planFlagsNodes(t *testing.T) {
	c := kubetest.Acquire(t)
	control := c.Nodes(t, 1, kubetest.WithLabels(map[string]string{"node-role.kubernetes.io/control-plane": ""}))
	dead := c.Nodes(t, 1, kubetest.NotReady())
	plan := survey(t, c, nil, control[0], dead[0])
	require.Equal(t, "drain_warn_control_plane", plan.Nodes[0].Warnings[0].Text)
	require.Equal(t, "drain_warn_not_ready", plan.Nodes[1].Warnings[0].Text)
}

func TestDrain_consent(t *testing.T) {
	d, err := Find("drain")
	require.NoError(t, err)
	params, err := d.Read(form.Fields{"force": {"1"}})
	require.NoError(t, err)
	user := services.Actor{Role: services.RoleUser, Drains: true}
	admin := services.Actor{Role: services.RoleAdmin}
	consent := params.Consent("prod")
	require.Equal(t, services.CodeForbidden, services.CodeOf(consent.Check(user, "")))
	require.Equal(t, "confirm", services.AsError(consent.Check(admin, "staging")).Fields[0].Field)
	require.NoError(t, consent.Check(admin, "prod"))
}

// Rook keeps what is left of its data: one failure domain goes at a time.
func TestDrain_planWarnsOfBudgetsOfStorage(t *testing.T) {
	c := kubetest.Acquire(t)
	zone := func(name string) map[string]string { return map[string]string{corev1.LabelTopologyZone: name} }
	a, b := c.Nodes(t, 1, kubetest.WithLabels(zone("a"))), c.Nodes(t, 1, kubetest.WithLabels(zone("b")))
	ns := c.Namespace(t)
	c.Pod(t, ns, "rook-ceph-osd", a[0])
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(a[0]))
	c.Budget(t, ns, "web", 1)
	c.Budget(t, ns, "rook-ceph-osd", 0) // selects app=rook-ceph-osd, as Rook does
	require.Empty(t, survey(t, c, nil, a[0], b[0]).Storage(), "one zone")

	other := c.Namespace(t)
	c.Pod(t, other, "rook-ceph-osd", b[0])
	c.Budget(t, other, "rook-ceph-osd", 0)
	budgets := []string{ns + "/rook-ceph-osd", other + "/rook-ceph-osd"}
	slices.Sort(budgets)
	require.Equal(t, []drain.StorageRisk{{
		Operator: "Rook", Budgets: budgets, Zones: []string{"a", "b"}, Nodes: 2,
	}}, survey(t, c, nil, a[0], b[0]).Storage())
	require.Empty(t, survey(t, c, nil, a[0]).Storage())
}
