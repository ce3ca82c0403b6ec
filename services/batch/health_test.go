package batch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// healthy are the usual options, with checks that follow each other fast.
var healthy = batch.Options{
	SyncLimit: 5, SyncWait: time.Minute, Resume: true, HealthEvery: 100 * time.Millisecond,
}

// demand sets rules about the health of a cluster.
func (p *process) demand(t *testing.T, cluster string, pairs ...string) {
	t.Helper()
	f := form.Fields{"health_for": {"1s"}, "health_timeout": {"1h"}}
	for i := 0; i < len(pairs); i += 2 {
		f["health_"+pairs[i]] = []string{pairs[i+1]}
	}
	p.rule(t, cluster, f)
}

// until waits until a gate is as a test wants it.
func (p *process) until(t *testing.T, id string, want func(h *batch.Health) bool) batch.View {
	t.Helper()
	var v batch.View
	require.Eventually(t, func() bool {
		var err error
		v, err = p.engine.View(as(t, services.RoleViewer), id)
		return err == nil && v.Gate != nil && v.Gate.Health != nil && want(v.Gate.Health)
	}, time.Minute, 5*time.Millisecond)
	return v
}

func finds(check string) func(h *batch.Health) bool {
	return func(h *batch.Health) bool { return len(h.Findings) > 0 && h.Findings[0].Check == check }
}

func failed(h *batch.Health) bool { return h.Failed }

// lose makes a node without a kubelet NotReady, as the control plane does after a while.
func lose(t *testing.T, c *kubetest.Cluster, name string, status corev1.ConditionStatus) {
	t.Helper()
	c.StopKubelet(t, name)
	c.Eventually(t, func(ctx context.Context) error {
		n, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i, condition := range n.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				n.Status.Conditions[i].Status = status
			}
		}
		_, err = c.Client.CoreV1().Nodes().UpdateStatus(ctx, n, metav1.UpdateOptions{})
		return err
	})
}

// A node that becomes NotReady between two waves holds the next one until it is Ready.
func TestHealth_nodes(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	was := c.Nodes(t, 1, kubetest.NotReady())
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	p.demand(t, c.Name, "nodes", "1")
	v := p.rollout(t, c.Name, names, "wave_size", "2", "wave_pause", "10m")
	p.atGate(t, v.ID)
	lose(t, c, names[3], corev1.ConditionFalse)
	_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err, "the pause ends; its end is no word about the health")
	v = p.until(t, v.ID, finds(batch.CheckNodes))
	require.Equal(t, []batch.Finding{{Check: batch.CheckNodes, Count: 1, Nodes: names[3:]}}, v.Gate.Health.Findings)
	require.NotContains(t, v.Gate.Health.Findings[0].Nodes, was[0], "it was not Ready before")
	require.Nil(t, v.Gate.Health.HealthySince)
	require.Equal(t, 2, v.Counts.Succeeded)
	require.False(t, v.Paused)

	lose(t, c, names[3], corev1.ConditionTrue)
	p.until(t, v.ID, func(h *batch.Health) bool { return h.HealthySince != nil })
	require.Equal(t, batch.Counts{Succeeded: 4}, p.wait(t, v.ID).Counts)
}

// After its time a gate pauses the batch and says what failed; a person continues it. The
// rest, and the answer, outlive the process.
func TestHealth_timeoutAndRestart(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	dir := t.TempDir()
	p := startProcess(t, c.Kubeconfig, dir, healthy)
	p.demand(t, c.Name, "nodes", "1", "timeout", "2s")
	v := p.rollout(t, c.Name, names, "wave_size", "2", "wave_pause", "10m")
	p.atGate(t, v.ID)
	lose(t, c, names[0], corev1.ConditionUnknown)
	_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	v = p.until(t, v.ID, failed)
	require.True(t, v.Paused)
	require.Equal(t, names[:1], v.Gate.Health.Findings[0].Nodes)
	require.Contains(t, p.seen.log(), "the cluster has not become healthy in time")
	require.Contains(t, p.seen.log(), names[0])

	p.stop()
	p = startProcess(t, c.Kubeconfig, dir, healthy)
	v, err = p.engine.View(as(t, services.RoleViewer), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateInterrupted, v.State)
	require.Equal(t, names[:1], v.Gate.Health.Findings[0].Nodes, "what failed is still known")
	_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 4}, p.wait(t, v.ID).Counts, "resume means: go on")
}

// A batch that was interrupted while it waited compares with the cluster of its begin, not
// with that of the restart.
func TestHealth_checksAgainAfterARestart(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	dir := t.TempDir()
	p := startProcess(t, c.Kubeconfig, dir, healthy)
	p.demand(t, c.Name, "nodes", "1")
	v := p.rollout(t, c.Name, names, "wave_size", "2", "wave_pause", "10m")
	p.atGate(t, v.ID)
	p.stop()
	lose(t, c, names[1], corev1.ConditionFalse)
	p = startProcess(t, c.Kubeconfig, dir, healthy)
	v = p.until(t, v.ID, finds(batch.CheckNodes))
	require.Equal(t, names[1:2], v.Gate.Health.Findings[0].Nodes)
	require.Equal(t, 2, v.Counts.Succeeded)
	_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err, "a person does not wait")
	require.Equal(t, batch.Counts{Succeeded: 4}, p.wait(t, v.ID).Counts)
}

// The pods that a drain has moved have to be Ready again, and none may be left without a
// node, before the next wave.
func TestHealth_podsOfADrain(t *testing.T) {
	c := lease(t)
	names, ns := c.Nodes(t, 2), c.Namespace(t)
	c.Deployment(t, ns, "web", 4, kubetest.OnNodes(names[0]))
	c.Deployment(t, ns, "other", 2, kubetest.OnNodes(names[1]))
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	p.demand(t, c.Name, "workloads", "100", "pending", "3")
	v, err := p.drain(t, c.Name, names, "wave_size", "1")
	require.NoError(t, err)
	v = p.until(t, v.ID, func(h *batch.Health) bool { return len(h.Findings) == 2 })
	require.Equal(t, []batch.Finding{
		{Check: batch.CheckPending, Count: 4, Most: 3},
		{Check: batch.CheckWorkloads, Count: 1, Workloads: []batch.WorkloadHealth{
			{Workload: node.Workload{Namespace: ns, Kind: "Deployment", Name: "web"}, Ready: 0, Needed: 4},
		}},
	}, v.Gate.Health.Findings)
	require.Len(t, podsOn(t, c, names[1]), 2, "the second wave has not begun")

	c.UpdateNode(t, names[0], func(n *corev1.Node) { n.Spec.Unschedulable = false })
	p.until(t, v.ID, func(h *batch.Health) bool { return h.HealthySince != nil })
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, v.ID).Counts)
	c.WaitRunning(t, ns, "web", 4)
	require.Empty(t, podsOn(t, c, names[1]))
}

// A drain that waits for a person at a gate goes on when that person says so, though its
// other nodes are prepared.
func TestHealth_drainGivesUp(t *testing.T) {
	c := lease(t)
	names, ns := c.Nodes(t, 3), c.Namespace(t)
	c.Deployment(t, ns, "web", 2, kubetest.OnNodes(names[0]))
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	p.demand(t, c.Name, "workloads", "50", "timeout", "2s")
	v, err := p.drain(t, c.Name, names, "wave_size", "1")
	require.NoError(t, err)
	v = p.until(t, v.ID, failed)
	require.Equal(t, 1, v.Gate.Health.Findings[0].Workloads[0].Needed, "half of them")
	require.Equal(t, 1, v.Counts.Succeeded)
	p.demand(t, c.Name, "workloads", "")
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, nil)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, v.ID).Counts)
}

// A rule that is switched off while a batch waits for it no longer holds it.
func TestHealth_ruleSwitchedOff(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	server := newMetrics(t)
	server.value.Store("7")
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	p.demand(t, c.Name, "prometheus", server.url, "query", "errors", "below", "5")
	v := p.rollout(t, c.Name, names, "canary", "1", "canary_wait", "1s")
	v = p.until(t, v.ID, finds(batch.CheckPrometheus))
	require.True(t, v.Gate.Canary)
	require.Equal(t, batch.Finding{Check: batch.CheckPrometheus, Value: "7", Below: "5"}, v.Gate.Health.Findings[0])
	p.demand(t, c.Name, "prometheus", "", "query", "")
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, v.ID).Counts)
}

// The answer of a Prometheus server has to be below a value, without interruption.
func TestHealth_prometheus(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	server := newMetrics(t)
	server.value.Store("0.5")
	p := startProcess(t, c.Kubeconfig, t.TempDir(), healthy)
	p.demand(t, c.Name, "prometheus", server.url, "query", "sum(errors)", "below", "0.25")
	v := p.rollout(t, c.Name, names, "wave_size", "1")
	p.until(t, v.ID, finds(batch.CheckPrometheus))
	require.Equal(t, "sum(errors)", server.asked.Load())
	server.value.Store("")
	v = p.until(t, v.ID, func(h *batch.Health) bool { return len(h.Findings) > 0 && h.Findings[0].Error != nil })
	require.Equal(t, "error_prometheus_empty", v.Gate.Health.Findings[0].Error.ID, "nothing is known to be well")
	server.value.Store("0.1")
	first := *p.until(t, v.ID, func(h *batch.Health) bool { return h.HealthySince != nil }).Gate.Health.HealthySince
	ended := p.wait(t, v.ID)
	require.Equal(t, batch.Counts{Succeeded: 2}, ended.Counts)
	require.GreaterOrEqual(t, p.items(t, v.ID)[names[1]].StartedAt.Sub(first), time.Second-time.Millisecond,
		"a time is stored in milliseconds")
}

// A batch of one wave has no gates, and costs the cluster nothing more.
func TestHealth_oneWave(t *testing.T) {
	c, proxy, p := behind(t, healthy)
	names := c.Nodes(t, 3)
	p.demand(t, c.Name, "nodes", "1", "workloads", "100", "pending", "0")
	require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, p.rollout(t, c.Name, names).ID).Counts)
	require.Zero(t, proxy.Calls("list", "pods"))
	require.Equal(t, 1, proxy.Calls("list", "nodes"), "the plan's")
}

// While the cluster cannot be read, it is not known to be healthy.
func TestHealth_unread(t *testing.T) {
	c, proxy, p := behind(t, healthy)
	names := c.Nodes(t, 2)
	p.demand(t, c.Name, "pending", "0")
	v := p.rollout(t, c.Name, names, "wave_size", "1", "wave_pause", "10m")
	p.atGate(t, v.ID)
	broken := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "pods", Code: 403})
	_, err := p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
	require.NoError(t, err)
	v = p.until(t, v.ID, finds(batch.CheckCluster))
	require.NotEmpty(t, v.Gate.Health.Findings[0].Error.ID)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.Contains(t, string(text), `"health":{"findings":[{"check":"cluster"`)
	broken.Remove()
	require.Equal(t, batch.Counts{Succeeded: 2}, p.wait(t, v.ID).Counts)
}

// thisMachine allows connections to this machine.
func thisMachine() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// metrics is a server that speaks the query API of Prometheus.
type metrics struct {
	url   string
	value atomic.Value // of the only sample; "" for none
	asked atomic.Value // the last query
}

func newMetrics(t *testing.T) *metrics {
	t.Helper()
	m := &metrics{}
	m.value.Store("")
	m.asked.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" {
			http.NotFound(w, r)
			return
		}
		m.asked.Store(r.FormValue("query"))
		result := ""
		if value, _ := m.value.Load().(string); value != "" {
			result = fmt.Sprintf(`{"metric":{"job":"api"},"value":[1795000000.1,%q]}`, value)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, result)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}
