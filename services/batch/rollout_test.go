package batch_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

func TestParseRollout(t *testing.T) {
	for name, c := range map[string]struct {
		form  url.Values
		drain bool
		want  batch.Rollout
		wrong string // the field
	}{
		"nothing":          {},
		"all":              {form: url.Values{"canary": {"5"}, "canary_wait": {"15m"}, "order": {"zone"}, "wave_pause": {"90"}, "parallel": {"3"}, "max_failures": {"7"}}, want: batch.Rollout{Canary: 5, CanaryWait: 900, Order: "zone", WavePause: 90, Parallel: 3, MaxFailures: 7}},
		"a share":          {form: url.Values{"max_failures": {"10 %"}, "order": {"listed"}}, wrong: "max_failures"},
		"a share of all":   {form: url.Values{"max_failures": {"10%"}}, want: batch.Rollout{MaxFailedPercent: 10}},
		"more than all":    {form: url.Values{"max_failures": {"101%"}}, wrong: "max_failures"},
		"no number":        {form: url.Values{"canary": {"some"}}, wrong: "canary"},
		"no time":          {form: url.Values{"canary_wait": {"later"}}, wrong: "canary_wait"},
		"negative":         {form: url.Values{"parallel": {"-1"}}, wrong: "parallel"},
		"no order":         {form: url.Values{"order": {"random"}}, wrong: "order"},
		"a drain":          {drain: true, form: url.Values{"canary": {"1"}, "order": {"zone"}, "parallel": {"9"}, "max_failures": {"3"}}, want: batch.Rollout{Canary: 1}},
		"a drain's share":  {drain: true, form: url.Values{"max_failures": {"20%"}}, want: batch.Rollout{MaxFailedPercent: 20}},
		"a drain's pauses": {drain: true, form: url.Values{"wave_pause": {"1m"}}, wrong: "wave_pause"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := batch.ParseRollout(c.form, c.drain)
			if c.wrong != "" {
				require.Equal(t, c.wrong, services.AsError(err).Fields[0].Field)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func (p *process) rollout(t *testing.T, cluster string, nodes []string, pairs ...string) batch.View {
	t.Helper()
	form := url.Values{"label": {"tier=gold"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	v, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{Cluster: cluster, Operation: "label", Nodes: nodes, Form: form})
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
	c := kubetest.Acquire(t)
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
	require.Equal(t, batch.Counts{Succeeded: 6}, p.wait(t, p.rollout(t, c.Name, names, "canary", "2", "canary_wait", "1s").ID).Counts)

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
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 3)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{Cluster: c.Name, Operation: "drain", Nodes: names, Form: url.Values{"canary": {"1"}}})
	require.NoError(t, err)
	p.atGate(t, v.ID)
	require.True(t, c.Node(t, names[0]).Spec.Unschedulable)
	require.False(t, c.Node(t, names[1]).Spec.Unschedulable)
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, v.ID).Counts)
}
