package batch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

func (p *process) rollout(t *testing.T, cluster string, nodes []string, pairs ...string) batch.View {
	t.Helper()
	fields := form.Fields{"label": {"tier=gold"}}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = []string{pairs[i+1]}
	}
	v, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: cluster, Operation: "label", Nodes: nodes, Fields: fields,
	})
	require.NoError(t, err)
	return v
}

// atGate waits until the batch waits between two waves.
func (p *process) atGate(t *testing.T, id string) batch.View {
	t.Helper()
	var v batch.View
	require.Eventually(t, func() bool {
		var err error
		v, err = p.engine.View(as(t, services.RoleViewer), id)
		return err == nil && v.Gate != nil
	}, time.Minute, 5*time.Millisecond)
	return v
}

// The first nodes go first; the rest follows when a person says so, also after
// a restart.
func TestRollout_canaryWaitsForAPerson(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 10)
	dir := t.TempDir()
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	v := p.atGate(t, p.rollout(t, c.Name, names, "canary", "3").ID)
	require.True(t, v.Paused)
	require.True(t, v.Gate.Canary)
	require.Nil(t, v.Gate.Until)
	require.Equal(t, batch.Counts{Succeeded: 3, Pending: 7}, v.Counts)
	require.Equal(t, 3, proxy.Calls("patch", "nodes"))
	for i, name := range names {
		require.Equal(t, i < 3, c.Node(t, name).Labels["tier"] == "gold", name)
	}

	p.stop()
	p = startProcess(t, proxy.Kubeconfig(t, c.Name), dir, usual)
	now, err := p.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, now.State, "nobody has said yet that it may go on")
	_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 10}, p.wait(t, v.ID).Counts)
}

func TestRollout_canaryGoesOnByItselfUnlessOneHasFailed(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 6)
	require.Equal(
		t, batch.Counts{Succeeded: 6}, p.wait(t, p.rollout(t, c.Name, names, "canary", "2", "canary_wait", "1s").ID).Counts,
	)

	timed := p.atGate(t, p.rollout(t, c.Name, names, "canary", "2", "canary_wait", "10h", "label", "env=a").ID)
	require.NotNil(t, timed.Gate.Until)
	_, err := p.engine.Resume(as(t, services.RoleUser), timed.ID, nil)
	require.NoError(t, err, "a person may end the wait")
	require.Equal(t, batch.Counts{Succeeded: 6}, p.wait(t, timed.ID).Counts)

	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[1], Code: 422})
	held := p.atGate(t, p.rollout(t, c.Name, names, "canary", "2", "canary_wait", "1s", "label", "env=b").ID)
	require.Equal(t, []any{true, 1}, []any{held.Paused, held.Gate.Failed})
	require.Nil(t, held.Gate.Until, "one has failed, so a person has to look")
	_, err = p.engine.Cancel(as(t, services.RoleUser), held.ID)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 1, Failed: 1, Cancelled: 4}, p.wait(t, held.ID).Counts)
}

func TestRollout_stopsAfterFailures(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 20)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Code: 422})
	for _, limit := range []string{"3", "15%"} {
		v := p.wait(t, p.rollout(t, c.Name, names, "parallel", "1", "max_failures", limit).ID)
		require.Equal(t, store.StateFailed, v.State)
		require.GreaterOrEqual(t, v.Counts.Failed, 3)
		require.LessOrEqual(t, v.Counts.Failed, 5, "one more may be under way, and one on its way to the store")
		require.Equal(t, 20, v.Counts.Failed+v.Counts.Skipped)
		for _, it := range p.items(t, v.ID) {
			require.True(t, it.State == store.ItemFailed || it.Error.ID == "error_too_many_failed")
		}
	}
}

// One zone after the other, and never more nodes at once than asked.
func TestRollout_zonesAndParallel(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 12, func(i int, n *corev1.Node) {
		n.Labels[corev1.LabelTopologyZone] = []string{"b", "a", "c"}[i%3]
	})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 20 * time.Millisecond})
	v := p.wait(t, p.rollout(t, c.Name, names, "order", "zone", "parallel", "2", "wave_pause", "1").ID)
	require.Equal(t, batch.Counts{Succeeded: 12}, v.Counts)
	require.LessOrEqual(t, proxy.Peak("patch", "nodes"), 2)
	zones := ""
	for _, call := range proxy.Requests() {
		if call.Verb == "patch" {
			zones += c.Node(t, call.Name).Labels[corev1.LabelTopologyZone]
		}
	}
	require.Equal(t, "aaaabbbbcccc", zones)
}

// A drain takes its first nodes first as well: the others are not even cordoned.
func TestRollout_canaryOfADrain(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "drain", Nodes: names, Fields: form.Fields{"canary": {"1"}},
	})
	require.NoError(t, err)
	p.atGate(t, v.ID)
	require.True(t, c.Node(t, names[0]).Spec.Unschedulable)
	require.False(t, c.Node(t, names[1]).Spec.Unschedulable)
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, v.ID).Counts)
}

// A drain goes pool by pool and pauses in between, like every other operation. All
// its nodes are cordoned before the first pod moves.
func TestRollout_poolsOfADrain(t *testing.T) {
	c, proxy, p := behind(t, usual)
	in := func(pool string) kubetest.NodeOption { return kubetest.WithLabels(map[string]string{"pool": pool}) }
	names := append(c.Nodes(t, 2, in("b")), c.Nodes(t, 2, in("a"))...)
	ns, pool := c.Namespace(t), map[string]string{}
	for i, name := range names {
		app := []string{"b0", "b1", "a0", "a1"}[i]
		for _, pod := range c.Deployment(t, ns, app, 2, kubetest.OnNodes(name)) {
			pool[pod.Name] = app[:1]
		}
	}
	v := p.drained(t, c.Name, names, "order", "pool", "wave_pause", "2")
	require.Equal(t, batch.Counts{Succeeded: 4}, v.Counts)
	evictions := evictionsOf(proxy)
	require.Len(t, evictions, 8)
	order := ""
	for _, r := range evictions {
		order += pool[r.Name]
	}
	require.Equal(t, "aaaabbbb", order)
	require.GreaterOrEqual(t, evictions[4].Time.Sub(evictions[3].Time), 2*time.Second)
	for _, patched := range timesOf(proxy, "patch", "nodes") {
		require.False(t, patched.After(evictions[0].Time), "a node was cordoned after the first eviction")
	}
}

// Waves of a size, with a gate between them that a person can end.
func TestRollout_wavesOfASize(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v := p.rollout(t, c.Name, names, "wave_size", "2", "wave_pause", "10m")
	v = p.atGate(t, v.ID)
	require.Equal(t, 2, v.Counts.Succeeded)
	require.False(t, v.Gate.Canary)
	require.NotNil(t, v.Gate.Until)
	_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 4}, p.wait(t, v.ID).Counts)
}

// A retried drain may have other options; what it does not say is as it was.
func TestRetry_ofADrainWithOtherOptions(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 1), c.Namespace(t)
	c.Deployment(t, ns, "slow", 1, kubetest.OnNodes(nodes[0]), kubetest.Stuck())
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	first := p.drained(t, c.Name, nodes, "timeout", "2", "grace_period", "1",
		"parallel", "3", "order", "zone", "delete_emptydir", "1")
	require.Equal(t, batch.Counts{Failed: 1}, first.Counts)

	other := form.Fields{"skip_wait_seconds": {"1"}, "timeout": {"1m"}}
	again, err := p.engine.Retry(as(t, services.RoleAdmin), first.ID, other, "")
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, again.ID).Counts, "the pod that does not end is skipped now")
	require.JSONEq(t, `{"ignore_daemonsets":true,"delete_emptydir":true,"disrupt":false,"force":false,"grace_period":1,
		"timeout":60,"pod_selector":"","skip_wait_seconds":1,"restore":false,"restart_first":false}`, string(again.Params))
	require.JSONEq(t, `{"order":"zone","parallel":3}`, string(again.Rollout))

	_, err = p.engine.Retry(as(t, services.RoleAdmin), first.ID, form.Fields{"force": {"1"}}, "")
	require.Equal(t, "confirm", services.AsError(err).Fields[0].Field, "what needs consent needs it at the retry too")
	_, err = p.engine.Retry(as(t, services.RoleAdmin), first.ID, form.Fields{"timeout": {"soon"}}, "")
	require.Equal(t, "timeout", services.AsError(err).Fields[0].Field)
}
