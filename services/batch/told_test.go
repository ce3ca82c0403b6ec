package batch_test

import (
	"encoding/json"
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

// A plan says how often it will wait for the health of its cluster, and for what.
func TestPreview_gates(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	plan := func(pairs ...string) *batch.Gates {
		fields := form.Fields{"label": {"tier=gold"}}
		for i := 0; i < len(pairs); i += 2 {
			fields[pairs[i]] = []string{pairs[i+1]}
		}
		made, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
			Cluster: c.Name, Operation: "label", Nodes: names, Fields: fields,
		})
		require.NoError(t, err)
		return made.Gates
	}
	require.Nil(t, plan("wave_size", "2"), "there are no rules")
	p.demand(t, c.Name, "nodes", "1", "workloads", "80")
	require.Nil(t, plan(), "there is one wave")
	gates := plan("wave_size", "2", "canary", "1")
	require.Equal(t, 3, gates.Waves)
	require.True(t, gates.Health.Nodes)
	require.Equal(t, 80, gates.Health.Workloads)
	require.Equal(t, 1, gates.Health.For)
}

// skipped returns what the audit log says of the gates that people have skipped, the newest
// first.
func (p *process) skipped(t *testing.T) (actors []string, gates []map[string]any) {
	t.Helper()
	entries, err := p.store.Entries(t.Context(), store.EntryQuery{Action: store.ActionBatchSkip, Limit: 9})
	require.NoError(t, err)
	for _, e := range entries {
		var gate map[string]any
		require.NoError(t, json.Unmarshal(e.After, &gate))
		actors, gates = append(actors, e.Actor), append(gates, gate)
	}
	return actors, gates
}

// Whoever skips a gate is named in the audit log, with the gate and what it had found, also
// after a restart; to resume a batch that somebody has paused skips none.
func TestSkip_isAudited(t *testing.T) {
	c := lease(t)
	names, dir := c.Nodes(t, 4), t.TempDir()
	p := startProcess(t, c.Kubeconfig, dir, healthy)
	p.demand(t, c.Name, "nodes", "1", "timeout", "2s")
	v := p.rollout(t, c.Name, names, "wave_size", "1", "wave_pause", "10m")
	resume := func() {
		t.Helper()
		_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
		require.NoError(t, err)
	}
	p.atGate(t, v.ID)
	lose(t, c, names[0], corev1.ConditionFalse)
	resume()
	p.until(t, v.ID, failed)
	actors, gates := p.skipped(t)
	require.Equal(t, []string{"oncall"}, actors)
	require.Equal(t, "pause", gates[0]["gate"])

	resume()
	require.Eventually(t, func() bool { return p.view(t, v.ID).Counts.Succeeded == 2 }, time.Minute, 5*time.Millisecond)
	_, gates = p.skipped(t)
	require.Len(t, gates, 2)
	require.Equal(t, "health", gates[0]["gate"])
	require.Equal(t, true, gates[0]["failed"])
	found := gates[0]["found"].([]any)[0].(map[string]any)
	require.Equal(t, batch.CheckNodes, found["check"])
	require.Equal(t, []any{names[0]}, found["nodes"])

	p.atGate(t, v.ID)
	resume()
	p.until(t, v.ID, failed)
	p.stop()
	p = startProcess(t, c.Kubeconfig, dir, healthy)
	resume()
	require.Eventually(t, func() bool { return p.view(t, v.ID).Counts.Succeeded == 3 }, time.Minute, 5*time.Millisecond)
	_, gates = p.skipped(t)
	require.Len(t, gates, 4)
	require.Equal(t, []any{"health", true}, []any{gates[0]["gate"], gates[0]["failed"]})

	p.atGate(t, v.ID)
	_, err := p.engine.Pause(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	resume()
	_, gates = p.skipped(t)
	require.Len(t, gates, 4, "the gate is still there")
	entries, err := p.store.Entries(t.Context(), store.EntryQuery{Action: store.ActionBatchResume, Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// While a drain whose nodes are done waits for them to say so, it says for how many.
func TestTelling_isShown(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	proxy := c.Proxy(t)
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
	hold := make(chan struct{})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes/status", Hold: hold})
	v, err := p.drain(t, c.Name, names)
	require.NoError(t, err)
	v = p.follow(t, v.ID, func(v batch.View) bool { return batch.Done(v.Counts) == 2 })
	require.Equal(t, store.StateRunning, v.State)
	require.Equal(t, 2, v.Telling)
	close(hold)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateSucceeded, v.State)
	require.Zero(t, v.Telling)
	require.Equal(t, saysDrained, lifecycle(c.Node(t, names[0])))
}
