package batches_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// unhealthy is a batch whose cluster is not as healthy as its rules demand.
func unhealthy(change func(h *batch.Health)) batches.View {
	h := &batch.Health{
		Findings: []batch.Finding{
			{Check: batch.CheckNodes, Count: 12, Nodes: []string{"n1.x", "n2.x"}},
			{Check: batch.CheckPending, Count: 4, Most: 3},
			{Check: batch.CheckWorkloads, Count: 1, Workloads: []batch.WorkloadHealth{
				{Workload: node.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Ready: 14, Needed: 15},
			}},
			{Check: batch.CheckPrometheus, Value: "0.7", Below: "0.5"},
			{Check: batch.CheckPrometheus, Below: "0.5", Error: &store.Text{ID: "error_prometheus_empty"}},
			{Check: batch.CheckCluster, Error: &store.Text{ID: "problem_unknown"}},
		},
		For: 120, PausesAt: viewstest.Noon.Add(12 * time.Minute),
	}
	if change != nil {
		change(h)
	}
	v := atGate(batch.Gate{Health: h})
	v.Paused = h.Failed
	return v
}

func holds(h *batch.Health) {
	since := viewstest.Noon.Add(-40 * time.Second)
	h.Findings, h.HealthySince = []batch.Finding{}, &since
}

func gaveUp(h *batch.Health) { h.Failed = true }

func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(h *batch.Health)
		text, button string
		zh           string
	}{
		"waits": {
			nil, "Waits until the cluster is healthy. Pauses at 12:12:00 UTC" +
				"12 nodes are no longer Ready: n1.x n2.x and 10 more" +
				"4 pods cannot be scheduled; 3 may be. " +
				"1 workload is not ready again: 14 of 15 pods of Deployment shop/web " +
				"The query returns 0.7; it must be below 0.5. The query has no result. The answer has no values. " +
				"The cluster cannot be read. Something went wrong.",
			"Continue now", "等待集群恢复健康。",
		},
		"holds":   {holds, "The cluster is healthy for 44 s of 2 min.", "Continue now", "集群已保持健康"},
		"gave up": {gaveUp, "The cluster has not become healthy in time. Continue? 12 nodes", "Continue", "是否继续？"},
	} {
		t.Run(name, func(t *testing.T) {
			v := unhealthy(c.change)
			doc := viewstest.Document(t, "<body>"+viewstest.Render(t, "en", batches.Panel(v))+"</body>")
			require.Contains(t, viewstest.Squeezed(doc.Find(".gate")), c.text)
			require.Equal(t, c.button, viewstest.Squeezed(doc.Find("#batch-resume")))
			require.NotContains(t, doc.Find(".panel").AttrOr("data-say", "#"), "#")
			zh := viewstest.Document(t, "<body>"+viewstest.Render(t, "zh-CN", batches.Panel(v))+"</body>")
			require.Contains(t, viewstest.Squeezed(zh.Find(".gate")), c.zh)
		})
	}
	doc := viewstest.Document(t, "<body>"+viewstest.Render(t, "en", batches.Panel(unhealthy(nil)))+"</body>")
	require.Equal(t, ui.NodeURL(viewstest.OddCluster, "n1.x"), doc.Find(".gate a").First().AttrOr("href", ""))
}

func TestHealth_pages(t *testing.T) {
	pages := map[string]templ.Component{}
	for name, change := range map[string]func(h *batch.Health){"waits": nil, "holds": holds, "gave up": gaveUp} {
		pages[name] = batches.Page(viewstest.Frame(), batches.PageView{Batch: unhealthy(change), Now: viewstest.Noon})
	}
	viewstest.RequirePages(t, pages)
}
