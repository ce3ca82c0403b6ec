package batches_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// The panel says that the batch waits for the API server, as long as it does.
func TestPanel_outage(t *testing.T) {
	v := viewstest.Batch(store.StateRunning)
	v.Rate, v.Remaining = 2, time.Minute
	v.Outage = &batch.Outage{
		Since: viewstest.Noon, Until: viewstest.Noon.Add(10 * time.Minute),
		Why: services.NewError(services.CodeUnavailable, "error_cluster_unreachable", "Address", "10.0.0.1:6443"),
	}
	for locale, want := range map[string]string{
		"en":    "No API server of the cluster answers. ",
		"zh-CN": "集群的 API 服务器没有响应。",
	} {
		doc := viewstest.Document(t, viewstest.Render(t, locale, batches.Panel(v)))
		note := doc.Find("[data-outage]")
		require.Contains(t, viewstest.Squeezed(note), want)
		require.Contains(t, viewstest.Squeezed(note), "10.0.0.1:6443")
		require.Equal(t, 1, note.Find("time").Length())
		require.Empty(t, viewstest.Squeezed(doc.Find(".pace")), "how long it takes is not known")
		require.Zero(t, doc.Find(".at-work").Length())
	}
	v.State = store.StateSucceeded
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Zero(t, doc.Find("[data-outage]").Length())
}
