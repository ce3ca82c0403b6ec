package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// A plan says which limits it would pass, and what follows; only an administrator can
// agree to that.
func TestPage_limits(t *testing.T) {
	v := plan.View{
		Cluster: "prod", Operation: "cordon", Names: []string{"a"}, Nodes: []plan.Node{{Node: "a"}},
		Exceeded: []batch.Room{
			{Kind: batch.ReachCluster, Max: 3, Now: 1, After: 4},
			{Kind: batch.ReachPool, Name: "gpu", Max: 1, After: 2},
			{Kind: batch.ReachControlPlane, Max: 1, After: 2},
		},
	}
	for _, tt := range []struct {
		force, waits, field bool
		says                string
	}{
		{false, false, false, "ask an administrator"},
		{true, false, true, "confirm below"},
		{false, true, false, "waits for room"},
		{true, true, true, "waits for room"},
	} {
		v.MayForce, v.Waits = tt.force, tt.waits
		html := viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v))
		doc := viewstest.Document(t, html)
		viewstest.RequireSound(t, html, doc)
		require.Equal(t, 3, doc.Find("#plan-limits li").Length())
		require.Contains(t, doc.Find("#plan-limits").Text(), tt.says)
		require.Contains(t, doc.Find("#plan-limits").Text(), "pool gpu")
		require.Equal(t, tt.field, doc.Find("#opt-exceed").Length() == 1)
	}
	v.Problem = &ui.Problem{Fields: map[string]string{"exceed": "Type prod."}}
	doc := viewstest.Document(t, viewstest.Render(t, "zh-CN", plan.Page(viewstest.Frame(), v)))
	require.Equal(t, 1, doc.Find("#wrong-exceed").Length())
}
