package batches_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// The panel says who has which lease until when, also where no holder is named.
func TestPanel_leases(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(viewstest.Draining())))
	require.Contains(t, viewstest.Squeezed(doc.Find("[data-leases]")),
		"2 nodes wait: others hold their leases. n-5: node-maintenance, until 12:40:00.")
	row := doc.Find(`[data-lease="n-5"]`)
	require.Contains(t, viewstest.Squeezed(row), "n-5node-maintenance12:40:003 min")
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-phase="held"]`)), "waiting for a lease")
	require.Equal(t, 1, doc.Find(`[data-lease="n-6"]`).Length())

	idle := viewstest.Draining()
	idle.Drain, idle.Running = &batch.Drain{}, nil
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(idle)))
	require.Zero(t, doc.Find(".at-work").Length(), "the note says why nothing is done")
	cordon := viewstest.Batch(store.StateRunning)
	cordon.Leases, cordon.Counts.Running, cordon.Counts.Waiting = idle.Leases, 1, 2
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(cordon)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".tally")), "1 running2 waiting")

	ended := viewstest.Draining()
	ended.State = "cancelled"
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(ended)))
	require.Zero(t, doc.Find("[data-leases], [data-lease]").Length())
}
