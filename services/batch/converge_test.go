package batch_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// rounds is how many cordons, and as many uncordons, the freshness test makes;
// "make soak" makes 300.
var rounds = flag.Int("rounds", 10, "rounds of cordon and uncordon behind a slow node controller")

// kubectlRow is what kubectl says of one node's scheduling.
type kubectlRow struct {
	Unschedulable bool
	Taints        []string
}

// kubectlRows asks the real kubectl, past every cache of ours.
func kubectlRows(t *testing.T, c *kubetest.Cluster) map[string]kubectlRow {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.Plane().Kubectl, "--kubeconfig", c.Kubeconfig, "get", "nodes", "-o", "json")
	out, err := cmd.Output()
	require.NoError(t, err)
	var list corev1.NodeList
	require.NoError(t, json.Unmarshal(out, &list))
	rows := make(map[string]kubectlRow, len(list.Items))
	for i := range list.Items {
		n := node.FromKube(&list.Items[i])
		rows[n.Name] = rowOf(n)
	}
	return rows
}

func rowOf(n *node.Node) kubectlRow {
	r := kubectlRow{Unschedulable: n.Unschedulable, Taints: []string{}}
	for _, one := range n.Taints {
		r.Taints = append(r.Taints, one.String())
	}
	slices.Sort(r.Taints)
	return r
}

func tableRows(nodes []*node.Node) map[string]kubectlRow {
	rows := make(map[string]kubectlRow, len(nodes))
	for _, n := range nodes {
		rows[n.Name] = rowOf(n)
	}
	return rows
}

// The control plane adds and removes the taint of a cordon a moment after us.
// However slow it is, "done" means that the table is what kubectl says.
func TestDone_meansTheEndStateBehindASlowController(t *testing.T) {
	c := lease(t)
	slow := c.Proxy(t)
	c.LifecycleThrough(t, slow)
	names := c.Nodes(t, 24)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	admin := as(t, services.RoleAdmin)
	for round := range 2 * *rounds {
		name, cordon := "cordon", round%2 == 0
		if !cordon {
			name = "uncordon"
		}
		size := 1 + rand.N(len(names))
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		lag := slow.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: rand.N(300 * time.Millisecond)})
		v, err := p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: name, Nodes: names[:size]})
		require.NoError(t, err)
		v = p.wait(t, v.ID)
		table, err := p.nodes.All(admin, c.Name, false)
		require.NoError(t, err)
		require.Equal(t, kubectlRows(t, c), tableRows(table.Nodes), "round %d: %s of %d nodes", round, name, size)
		require.Equal(t, store.StateSucceeded, v.State)
		for _, changed := range names[:size] {
			n := table.Find(changed)
			require.Equal(t, cordon, n.Unschedulable)
			require.Equal(t, cordon, hasTaint("node.kubernetes.io/unschedulable:NoSchedule")(n), "round %d: %s", round, changed)
			require.False(t, n.Converging)
		}
		lag.Remove()
	}
}

// When the API server lets nobody watch, or not from where the batch stands,
// nodes are read instead.
func TestDone_meansTheEndStateWithoutAWatch(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"forbidden": {Verb: "watch", Resource: "nodes", Code: 403},
		"gone":      {Verb: "watch", Resource: "nodes", Code: 410, Times: 1},
		"cut":       {Verb: "watch", Resource: "nodes", Cut: kubetest.CutBefore, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := lease(t)
			slow, proxy := c.Proxy(t), c.Proxy(t)
			c.LifecycleThrough(t, slow)
			names := c.Nodes(t, 12)
			p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
			struck := proxy.Inject(fault)
			slow.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 200 * time.Millisecond})
			for _, nodes := range [][]string{names[:1], names} { // few are read one by one, many are listed
				v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
					Cluster: c.Name, Operation: "cordon", Nodes: nodes,
				})
				require.NoError(t, err)
				p.wait(t, v.ID)
				table, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
				require.NoError(t, err)
				for _, name := range nodes {
					require.True(t, hasTaint("node.kubernetes.io/unschedulable:NoSchedule")(table.Find(name)), name)
				}
			}
			require.Positive(t, struck.Hits())
		})
	}
}

// A control plane that stands still does not hold a batch for ever. The table
// says that the nodes are still changing, and is right as soon as they are.
func TestDone_isBoundedWhenTheControllerStandsStill(t *testing.T) {
	c := lease(t)
	names, others := c.Nodes(t, 3), c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	viewer := as(t, services.RoleViewer)
	goOn := c.HaltControllers(t)

	submit := func(operation string, nodes []string) batch.View {
		v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
			Cluster: c.Name, Operation: operation, Nodes: nodes,
		})
		require.NoError(t, err)
		return v
	}
	v := submit("cordon", names)
	require.Eventually(t, func() bool {
		now, err := p.engine.View(viewer, v.ID)
		require.NoError(t, err)
		return now.Converging == len(names)
	}, time.Minute, 10*time.Millisecond, "the batch says what it waits for")
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	table, err := p.nodes.All(viewer, c.Name, false)
	require.NoError(t, err)
	for _, name := range names {
		require.True(t, table.Find(name).Converging, "the table says that %s is still changing", name)
	}

	require.Equal(t, store.StateSucceeded, p.wait(t, submit("cordon", others).ID).State)
	require.Equal(
		t, 1, strings.Count(p.seen.log(), "has not followed"), "what has not followed once is not waited for again",
	)

	p.seen.forget()
	goOn()
	require.Eventually(t, func() bool {
		table, err := p.nodes.All(viewer, c.Name, false)
		require.NoError(t, err)
		return !slices.ContainsFunc(table.Nodes, func(n *node.Node) bool { return n.Converging })
	}, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool { // a moment after the table is fresh
		return slices.Contains(p.seen.all(), "nodes changed")
	}, time.Minute, 10*time.Millisecond, "pages are told")

	require.Equal(t, store.StateSucceeded, p.wait(t, submit("uncordon", names).ID).State)
	table, err = p.nodes.All(viewer, c.Name, false)
	require.NoError(t, err)
	for _, name := range names {
		require.False(t, table.Find(name).Converging, "it is waited for again")
	}
}

// The controller restores the beta labels that belong to stable ones.
func TestDone_meansTheEndStateOfRestoredLabels(t *testing.T) {
	c := lease(t)
	slow := c.Proxy(t)
	c.LifecycleThrough(t, slow)
	names := c.Nodes(
		t, 2, kubetest.WithLabels(map[string]string{corev1.LabelOSStable: "linux", "beta.kubernetes.io/os": "linux"}),
	)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	slow.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 300 * time.Millisecond})
	v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "label", Nodes: names,
		Fields: map[string][]string{"label": {"beta.kubernetes.io/os-"}, "confirm": {c.Name}},
	})
	require.NoError(t, err)
	p.wait(t, v.ID)
	table, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
	require.NoError(t, err)
	for _, name := range names {
		require.Equal(t, "linux", table.Find(name).Labels["beta.kubernetes.io/os"], "restored before the batch was done")
	}
}

// Pods that a NoExecute taint evicts leave after the batch has ended. The
// figures of the table follow them, with nobody asking for a fresh read.
func TestDone_figuresFollowPodsThatLeaveLater(t *testing.T) {
	c := lease(t)
	name := c.Nodes(t, 1)[0]
	namespace := c.Namespace(t)
	c.Pod(t, namespace, "web", name)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	viewer := as(t, services.RoleViewer)
	pods := func() int64 {
		usage, err := p.nodes.Usage(viewer, c.Name)
		require.NoError(t, err)
		return usage[name].Pods
	}
	goOn := c.HaltControllers(t) // so that the eviction comes after the end
	v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "taint", Nodes: []string{name},
		Fields: map[string][]string{"taint": {"maint:NoExecute"}, "confirm_pods": {"1"}},
	})
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.EqualValues(t, 1, pods(), "it is cached now")
	goOn()
	require.Eventually(
		t, func() bool { return pods() == 0 }, 25*time.Second, 50*time.Millisecond, "sooner than the cache would expire",
	)
}
