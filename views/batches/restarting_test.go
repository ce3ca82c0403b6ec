package batches_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// Pods that are being replaced are counted and named, with what has become of the new ones.
func TestDrainPanel_restarting(t *testing.T) {
	v := viewstest.Draining()
	since := viewstest.Noon.Add(-2 * time.Minute)
	v.Drain = &batch.Drain{Left: 2, Restarting: 2, Nodes: []batch.DrainNode{{Node: "n-1", Progress: drain.Progress{
		Phase: drain.PhaseRestarting, Left: 2, Restarting: 2, Restarts: []drain.Restarting{
			{Pod: "shop/cart-1", Deployment: "shop/cart", New: 1, Since: since},
			{Pod: "ml/api-1", Deployment: "ml/api", Since: since.Add(time.Minute)},
		},
	}}}}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Texts(doc.Find(".drain-tally li")), "2 being replaced")
	require.Equal(
		t, "Restarting Deployment shop/cart: 0 of 1 new pod ready. · 1 more pod waits",
		viewstest.Squeezed(doc.Find(".waits")),
	)
	require.Equal(t, "waiting for new pods", viewstest.Squeezed(doc.Find(`[data-node="n-1"] .st`)))
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-restarting="shop/cart-1"]`)), "0 of 1 new pod ready2 min")
	require.Contains(t, viewstest.Squeezed(doc.Find(`[data-restarting="ml/api-1"]`)), "restarting: no new pod yet")
}
