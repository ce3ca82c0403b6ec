package batch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// drain asks for a drain as an administrator; options are pairs of form fields.
func (p *process) drain(t *testing.T, cluster string, nodes []string, options ...string) (batch.View, error) {
	t.Helper()
	return p.engine.Submit(as(t, services.RoleAdmin), drainRequest(cluster, nodes, options...))
}

func drainRequest(cluster string, nodes []string, options ...string) batch.Request {
	fields := form.Fields{"timeout": {"60"}}
	for i := 0; i+1 < len(options); i += 2 {
		fields[options[i]] = []string{options[i+1]}
	}
	return batch.Request{Cluster: cluster, Operation: "drain", Nodes: nodes, Fields: fields, Reason: "kernel CVE"}
}

// drained is drain and its end.
func (p *process) drained(t *testing.T, cluster string, nodes []string, options ...string) batch.View {
	t.Helper()
	v, err := p.drain(t, cluster, nodes, options...)
	require.NoError(t, err)
	return p.wait(t, v.ID)
}

// podsOn returns the names of the pods that are bound to a node.
func podsOn(t *testing.T, c *kubetest.Cluster, node string) []string {
	t.Helper()
	list, err := c.Client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	require.NoError(t, err)
	names := make([]string, len(list.Items))
	for i, pod := range list.Items {
		names[i] = pod.Name
	}
	return names
}

func TestDrain_movesPodsAndLeavesTheTableFresh(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 4)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 8, kubetest.OnNodes(nodes[0], nodes[1]))
	c.DaemonSet(t, ns, "agent", 4)
	c.StatefulSet(t, ns, "db", 2, kubetest.OnNodes(nodes[0], nodes[1]))
	p.table(t, c.Name)
	proxy.Reset()
	v := p.drained(t, c.Name, nodes[:2])
	require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
	for _, node := range nodes[:2] {
		require.Len(t, podsOn(t, c, node), 1, "the DaemonSet's pod stays")
		require.Equal(t, "Ready,SchedulingDisabled", p.table(t, c.Name)[node])
		require.Equal(t, 1, p.items(t, v.ID)[node].After.SkippedPods)
	}
	seen := p.seen.all()
	require.Equal(t, []string{"cleared", "nodes changed"}, seen[:2], "when all are cordoned")
	require.Equal(t, []string{"cleared", "nodes changed", "ended succeeded"}, seen[len(seen)-3:], "before the end")
	for i, line := range seen[2 : len(seen)-3] { // as the taints of the cordons come
		require.Equal(t, []string{"cleared", "nodes changed"}[i%2], line)
	}
	require.Equal(
		t, 1, strings.Count(p.seen.log(), "Invalidated cache for cluster "+c.Name+" after batch drain operation"),
	)
	// Per node one cordon, one list for the plan and one at the end; per pod one
	// eviction; per batch one watch of each kind.
	require.Equal(t, 2, proxy.Calls("patch", "nodes"))
	require.Equal(t, 10, proxy.Calls("create", "pods/eviction"))
	require.LessOrEqual(t, proxy.Calls("list", "pods"), 4+2)
	require.Zero(t, proxy.Calls("get", "pods"))
	require.Zero(t, proxy.Calls("delete", "pods"))
}

func TestDrain_asksForConsentBeforeAnythingIsWritten(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cache", 1, kubetest.OnNodes(nodes[0]), kubetest.EmptyDir())
	c.Pod(t, ns, "bare", nodes[0])
	c.DaemonSet(t, ns, "agent", 2)
	for name, want := range map[string]struct {
		options []string
		fields  []string
	}{
		"nothing agreed":  {nil, []string{"delete_emptydir", "force"}},
		"emptyDir agreed": {[]string{"delete_emptydir", "1"}, []string{"force"}},
		"not confirmed":   {[]string{"delete_emptydir", "1", "force", "1"}, []string{"confirm"}},
		"DaemonSets count": {
			[]string{"delete_emptydir", "1", "force", "1", "confirm", c.Name, "ignore_daemonsets", "0"},
			[]string{"ignore_daemonsets"},
		},
		"grace of zero": {[]string{"grace_period", "0"}, []string{"grace_period"}},
		"wrong numbers": {
			[]string{"parallel", "0", "timeout", "soon", "pod_selector", "a b"},
			[]string{"timeout", "pod_selector", "parallel"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.drain(t, c.Name, nodes[:1], want.options...)
			require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%v", err)
			var fields []string
			for _, f := range services.AsError(err).Fields {
				fields = append(fields, f.Field)
			}
			require.Equal(t, want.fields, fields)
		})
	}
	_, err := p.engine.Submit(as(t, services.RoleUser), drainRequest(c.Name, nodes[:1]))
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "users may not drain")
	require.Zero(t, proxy.Calls("patch", "nodes"))
	require.Zero(t, proxy.Calls("create", "pods/eviction"))

	v := p.drained(t, c.Name, nodes[:1], "delete_emptydir", "1", "force", "1", "confirm", c.Name)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Len(t, podsOn(t, c, nodes[0]), 1)
}

func TestDrain_waitsForABudgetWithoutHoldingTheOthers(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 1)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 2)
	c.Budget(t, ns, "cart", 2)
	nodes = append(nodes, c.Nodes(t, 2)...) // the pods of cart are all on the first, and may move
	c.Deployment(t, ns, "web", 6, kubetest.OnNodes(nodes[0], nodes[1]))
	v, err := p.drain(t, c.Name, nodes[:2])
	require.NoError(t, err)
	var now batch.View
	require.Eventually(t, func() bool {
		now, err = p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && now.Drain != nil && now.Drain.Left == 2 && now.Drain.Blocked == 2 && now.Counts.Succeeded == 1
	}, time.Minute, 20*time.Millisecond, "the other node ends, and all pods but the two")
	blocks := now.Drain.Nodes[0].Blocks
	require.Len(t, blocks, 2)
	require.Equal(t, ns+"/cart", blocks[0].Budget)
	require.Equal(t, []int{2, 2}, []int{blocks[0].Healthy, blocks[0].Needed})
	require.False(t, blocks[0].Since.IsZero())
	require.Equal(t, drain.PhaseBlocked, now.Drain.Nodes[0].Phase)
	require.LessOrEqual(t, proxy.Calls("create", "pods/eviction"), 6+2, "a budget that is used up is not asked for ever")

	c.UpdateBudget(t, ns, "cart", func(b *policyv1.PodDisruptionBudget) { b.Spec.MinAvailable.IntVal = 1 })
	relaxed := time.Now()
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Less(t, time.Since(relaxed), 25*time.Second, "it woke when the budget allowed it, not by its timer")
	c.WaitRunning(t, ns, "cart", 2)
}

func TestDrain_timeoutSaysWhatItWaitedForAndRestores(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1)
	v := p.drained(t, c.Name, nodes[:1], "timeout", "3", "restore", "1")
	require.Equal(t, store.StateFailed, v.State)
	it := p.items(t, v.ID)[nodes[0]]
	require.JSONEq(t, `{"unschedulable":false}`, asJSON(t, it.After))
	require.Equal(t, "error_drain_timeout_budget", it.Error.ID)
	require.Equal(t, ns+"/cart", it.Error.Args["Budget"])
	require.Equal(t, "Ready", p.table(t, c.Name)[nodes[0]], "its cordon was lifted, and the table shows it")
	require.Len(t, podsOn(t, c, nodes[0]), 1)
}

// A drain whose evictions fail says what the API server answered.
func TestDrain_timeoutSaysWhyEvictionsFailed(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	proxy.Inject(kubetest.Fault{Verb: "create", Resource: "pods/eviction", Code: 500, Message: "webhook is down"})
	v := p.drained(t, c.Name, nodes[:1], "timeout", "3")
	require.Equal(t, store.StateFailed, v.State)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, "error_drain_timeout_failed", it.Error.ID)
	require.Equal(t, "webhook is down", it.Error.Args["Message"])
}

func TestDrain_restoreLeavesAnEarlierCordonAlone(t *testing.T) {
	c, _, p := behind(t, usual)
	nodes := c.Nodes(t, 1, kubetest.Cordoned())
	ns := c.Namespace(t)
	c.Pod(t, ns, "stuck", nodes[0], kubetest.Stuck())
	v := p.drained(t, c.Name, nodes, "timeout", "2", "restore", "1", "force", "1", "confirm", c.Name)
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, "error_drain_timeout", p.items(t, v.ID)[nodes[0]].Error.ID)
	require.True(t, c.Node(t, nodes[0]).Spec.Unschedulable)
}

func TestDrain_twoBudgetsOnOnePodEndTheNodeWithTheReason(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 3, kubetest.OnNodes(nodes[0]))
	pdb := c.Budget(t, ns, "cart", 1)
	second := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "second", Namespace: ns}, Spec: *pdb.Spec.DeepCopy(),
	}
	_, err := c.Client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), second, metav1.CreateOptions{})
	require.NoError(t, err)
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(nodes[0]))
	v := p.drained(t, c.Name, nodes[:1])
	require.Equal(t, "error_pod_two_budgets", p.items(t, v.ID)[nodes[0]].Error.ID)
	require.Len(t, podsOn(t, c, nodes[0]), 3, "what can go has gone")
	require.Equal(t, 5, proxy.Calls("create", "pods/eviction"), "nobody is asked twice")
}

func TestDrain_serverFaultsDelayAndNothingElse(t *testing.T) {
	for name, fault := range map[string]kubetest.Fault{
		"429":                  {Code: 429},
		"429 with Retry-After": {Code: 429, RetryAfter: 1},
		"500":                  {Code: 500},
		"504":                  {Code: 504},
		"cut before":           {Cut: kubetest.CutBefore},
		"cut after":            {Cut: kubetest.CutAfter},
	} {
		t.Run(name, func(t *testing.T) {
			c, proxy, p := behind(t, usual)
			nodes := c.Nodes(t, 3)
			ns := c.Namespace(t)
			c.Deployment(t, ns, "web", 10, kubetest.OnNodes(nodes[0], nodes[1]))
			fault.Verb, fault.Resource, fault.Skip, fault.Times = "create", "pods/eviction", 1, 4
			struck := proxy.Inject(fault)
			v := p.drained(t, c.Name, nodes[:2])
			require.Equal(t, store.StateSucceeded, v.State, "%+v", p.items(t, v.ID))
			require.Equal(t, 4, struck.Hits())
			for _, node := range nodes[:2] {
				require.Empty(t, podsOn(t, c, node))
			}
		})
	}
}

func TestDrain_cancelStopsAtOnceAndPauseHolds(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 40, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "web", 0) // it lets all go, and four at a time
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "create", Resource: "pods/eviction", Skip: 4, Hold: hold})
	v, err := p.drain(t, c.Name, nodes[:1])
	require.NoError(t, err)
	held.WaitHits(t, 4)
	v, err = p.engine.Pause(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	require.True(t, v.Paused)
	held.Remove()
	close(hold)
	require.True(t, settled(proxy))
	require.Equal(t, 8, proxy.Calls("create", "pods/eviction"), "a pause begins nothing new")
	held = proxy.Inject(kubetest.Fault{Verb: "create", Resource: "pods/eviction", Hold: make(chan struct{})})
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	held.WaitHits(t, 1)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateCancelled, p.wait(t, v.ID).State, "what was held was called off")
	require.True(t, settled(proxy), "no call after it")
	require.Equal(t, "Ready,SchedulingDisabled", p.table(t, c.Name)[nodes[0]], "the cordon stands, and the table shows it")
}

// settled reports whether no eviction is begun for a while.
func settled(proxy *kubetest.Proxy) bool {
	calls := proxy.Calls("create", "pods/eviction")
	time.Sleep(700 * time.Millisecond)
	return calls == proxy.Calls("create", "pods/eviction")
}

func TestDrain_restartWaitsForAPersonAndGoesOn(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	nodes := c.Nodes(t, 2)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 20, kubetest.OnNodes(nodes[0]))
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1) // keeps the drain from ending before the restart
	dir := t.TempDir()
	first := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	slow := proxy.Inject(kubetest.Fault{Verb: "create", Resource: "pods/eviction", Delay: 300 * time.Millisecond})
	v, err := first.drain(t, c.Name, nodes[:1])
	require.NoError(t, err)
	slow.WaitHits(t, 10)
	first.stop()
	sent := evictionsOfApp(proxy, "web")
	proxy.Reset()
	second := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	now, err := second.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, now.State)
	require.NoError(t, c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "cart", metav1.DeleteOptions{}))
	_, err = second.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, second.wait(t, v.ID).State)
	require.Empty(t, podsOn(t, c, nodes[0]))
	again := evictionsOfApp(proxy, "web")
	require.LessOrEqual(t, sent+again, 20, "no pod is asked twice")
	require.Equal(t, 20+1, evicted(t, second.items(t, v.ID)[nodes[0]]), "what the first process evicted counts")
}

// evictionsOfApp counts the evictions of the pods of one workload.
func evictionsOfApp(proxy *kubetest.Proxy, app string) int {
	count := 0
	for _, r := range evictionsOf(proxy) {
		if strings.HasPrefix(r.Name, app+"-") {
			count++
		}
	}
	return count
}

func TestDrain_nodeChangesUnderIt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, c *kubetest.Cluster, node string)
		text   string
		state  store.ItemState
	}{
		"uncordoned from outside": {func(t *testing.T, c *kubetest.Cluster, node string) {
			_, err := c.Client.CoreV1().Nodes().Patch(
				t.Context(), node, "application/merge-patch+json", []byte(`{"spec":{"unschedulable":null}}`),
				metav1.PatchOptions{},
			)
			require.NoError(t, err)
		}, "error_drain_uncordoned", store.ItemFailed},
		"deleted": {func(t *testing.T, c *kubetest.Cluster, node string) {
			require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), node, metav1.DeleteOptions{}))
		}, "error_node_gone", store.ItemSkipped},
	} {
		t.Run(name, func(t *testing.T) {
			k, _, p := behind(t, usual)
			nodes := k.Nodes(t, 2)
			ns := k.Namespace(t)
			k.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
			k.Budget(t, ns, "cart", 1)
			v, err := p.drain(t, k.Name, nodes[:1])
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
				return err == nil && now.Drain != nil && now.Drain.Blocked == 1
			}, time.Minute, 20*time.Millisecond)
			c.change(t, k, nodes[0])
			v = p.wait(t, v.ID)
			it := p.items(t, v.ID)[nodes[0]]
			require.Equal(t, c.state, it.State)
			require.Equal(t, c.text, it.Error.ID)
		})
	}
}

// Law 8: a controller that recreates its pods under their old names sees none
// of the new ones evicted.
func TestDrain_podOfTheSameNameIsAnotherPod(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 1)
	ns := c.Namespace(t)
	before := c.StatefulSet(t, ns, "db", 3)
	nodes = append(nodes, c.Nodes(t, 1)...)
	old := map[string]string{}
	for _, pod := range before {
		old[pod.Name] = string(pod.UID)
	}
	v := p.drained(t, c.Name, nodes[:1])
	require.Equal(t, store.StateSucceeded, v.State)
	after := c.WaitRunning(t, ns, "db", 3)
	for _, pod := range after {
		require.Equal(t, nodes[1], pod.Spec.NodeName)
		require.Contains(t, old, pod.Name, "a StatefulSet's pods keep their names")
	}
	for _, r := range proxy.Requests() {
		if r.Resource == "pods/eviction" {
			require.Contains(t, string(r.Body), old[r.Name], "an eviction names the pod it means")
		}
	}
}

func TestDrain_forbiddenEvictionEndsTheBatch(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 3)
	ns := c.Namespace(t)
	c.Deployment(t, ns, "web", 6, kubetest.OnNodes(nodes...))
	config := c.User(t,
		kubetest.Rule("", []string{"get", "list", "watch", "patch"}, []string{"nodes"}),
		kubetest.Rule("", []string{"get", "list", "watch"}, []string{"pods"}),
	)
	p := startProcess(t, kubetest.WriteKubeconfig(t, c.Name, config), t.TempDir(), usual)
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), drainRequest(c.Name, nodes))
	require.NoError(t, err)
	require.Equal(t, []string{"poddisruptionbudgets", "daemonsets"}, plan.Drain.Unread)
	require.Equal(t, 6, plan.Drain.Counts.Unknown, "what cannot be read is not guessed")
	v := p.drained(t, c.Name, nodes)
	require.Equal(t, store.StateFailed, v.State)
	require.Positive(t, v.Counts.Failed)
	for _, it := range p.items(t, v.ID) {
		if it.State == store.ItemFailed {
			require.Equal(t, "error_cluster_forbidden", it.Error.ID)
			require.Equal(t, "create pods/eviction", it.Error.Args["Call"])
		}
	}
}

func evicted(t *testing.T, it batch.Item) int {
	t.Helper()
	require.NotNil(t, it.After)
	return it.After.EvictedPods
}

// Deleting past a budget is an administrator's decision about one pod.
func TestDeletePod_isASeparateDecision(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	pods := c.Deployment(t, ns, "cart", 2)
	c.Budget(t, ns, "cart", 2)
	ask := func(role services.Role, uid, confirm string) (batch.View, error) {
		fields := form.Fields{"pod": {ns + "/" + pods[0].Name}, "uid": {uid}, "node": nodes, "confirm": {confirm}}
		return p.engine.Submit(as(t, role), batch.Request{
			Cluster: c.Name, Operation: "delete-pod", Nodes: nodes, Fields: fields, Reason: "hangs",
		})
	}
	_, err := ask(services.RoleUser, string(pods[0].UID), pods[0].Name)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, err = ask(services.RoleAdmin, string(pods[0].UID), "yes")
	require.Equal(t, "confirm", services.AsError(err).Fields[0].Field)
	require.Zero(t, proxy.Calls("delete", "pods"))

	v, err := ask(services.RoleAdmin, "another", pods[0].Name)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Unchanged: 1}, p.wait(t, v.ID).Counts, "a pod of the same name is another pod")
	v, err = ask(services.RoleAdmin, string(pods[0].UID), pods[0].Name)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Equal(t, []string{"oncall", "hangs"}, []string{v.By, v.Reason})
	require.JSONEq(t, `{"pod":"`+ns+"/"+pods[0].Name+`"}`, asJSON(t, p.items(t, v.ID)[nodes[0]].Before))
}

// What was evicted so far is stored as it happens: a process that is killed has not
// forgotten it.
func TestDrain_evictedPodsAreStoredAsTheyGo(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "web", 6, kubetest.OnNodes(nodes[0]))
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(nodes[0]))
	c.Budget(t, ns, "cart", 1) // keeps the drain from ending
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		items, err := p.store.Items(t.Context(), v.ID)
		return err == nil && items[0].State == store.ItemRunning && items[0].After.EvictedPods == 6
	}, time.Minute, 20*time.Millisecond)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	p.wait(t, v.ID)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, store.ItemCancelled, it.State)
	require.Equal(t, 6, evicted(t, it))
	require.True(t, *it.After.Unschedulable, "the rest of what is recorded stays")
}
