package plan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/viewstest"
)

func restartable(chosen bool, denied ...string) plan.View {
	return planView(func(v *plan.View) {
		v.Options.RestartFirst, v.Drain.Denied = chosen, denied
		v.Drain.Workloads = []drain.Workload{
			{Name: "shop/cart", Pods: 1, Nodes: 1},
			{Name: "shop/search", Pods: 3, Nodes: 2},
			{Name: "db/StatefulSet/main", Pods: 1, Nodes: 1, Why: why("drain_restart_kind", "Kind", "StatefulSet")},
			{Name: "old/app", Pods: 1, Nodes: 1, Why: why("drain_restart_recreate")},
		}
	})
}

func TestPlan_restartFirst(t *testing.T) {
	show := func(v plan.View) (notes []string, about string) {
		doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v)))
		return viewstest.Texts(doc.Find("#plan-result .note")), viewstest.Squeezed(doc.Find("#about-restart_first"))
	}
	notes, about := show(restartable(false))
	require.Contains(t, about, "2 Deployments: shop/cart, shop/search.")
	require.Contains(t, notes, "2 Deployments could be restarted first, without an interruption: shop/cart, shop/search. "+
		"They have a single pod, or a budget that never allows an eviction. Go to the option")
	require.NotContains(t, strings.Join(notes, "\n"), "old/app")

	notes, _ = show(restartable(true))
	require.Contains(t, notes, "2 Deployments are restarted, so that their pods are replaced before they go: "+
		"shop/cart, shop/search. Each is restarted once, as by kubectl rollout restart. The new pods need room on other "+
		"nodes while the old ones still run.")
	require.Contains(t, notes, "old/app cannot be restarted first: the strategy is Recreate, which ends the old pod "+
		"before a new one starts.")
	require.Contains(t, notes, "db/StatefulSet/main cannot be restarted first: only a Deployment can start a new pod "+
		"before the old one goes, a StatefulSet cannot.")

	replaced := restartable(true)
	replaced.Drain.Counts.Restart = 4
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), replaced)))
	require.Equal(t, "Drain 3 nodes: evict 4, replace 4 pods", viewstest.Squeezed(doc.Find("#plan-do")))
	require.Contains(t, viewstest.Texts(doc.Find(".plan-tally li")), "4 replaced first")

	notes, about = show(restartable(false, "patch deployments.apps"))
	require.Contains(t, about, "The cluster does not allow what this needs: patch deployments.apps.")
	require.NotContains(
		t, strings.Join(notes, "\n"), "could be restarted first", "nobody is offered what would be refused",
	)

	_, about = show(planView(nil))
	require.Contains(t, about, "None has pods on these nodes.")
}
