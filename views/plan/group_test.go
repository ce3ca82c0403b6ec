package plan_test

import (
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// groupPlan returns a plan over two clusters, whose parts are made by change.
func groupPlan(change func(v *plan.View)) plan.View {
	parts := []plan.View{planView(change), planView(change)}
	parts[0].Cluster, parts[1].Cluster = "prod", viewstest.OddCluster
	whole := plan.View{
		Operation: parts[0].Operation, Names: []string{"prod/a", "prod/b"}, IdempotencyKey: "key",
		Options: drain.DefaultOptions(),
		Closed: []plan.Closed{
			{Cluster: "down", Nodes: 2, Why: &ui.Problem{Text: "No answer."}, Agreed: true},
			{Cluster: "not yours", Nodes: 1, Why: &ui.Problem{Text: "Your role is viewer."}},
		},
	}
	return plan.Group(whole, parts)
}

func groupPages() map[string]templ.Component {
	f := viewstest.Frame()
	refused := groupPlan(cordonPlan)
	refused.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"leave": "Agree."}}
	broken := groupPlan(cordonPlan)
	broken.Parts[1].Problem = &ui.Problem{Text: "It cannot be read."}
	return map[string]templ.Component{
		"plan of drains":          plan.GroupPage(f, groupPlan(nil)),
		"plan of cordons":         plan.GroupPage(f, groupPlan(cordonPlan)),
		"plan of cordons refused": plan.GroupPage(f, refused),
		"plan of a broken part":   plan.GroupPage(f, broken),
		"plan of many labels":     plan.GroupPage(f, groupPlan(func(v *plan.View) { *v = changePlan(nil) })),
		"plan of many taints":     plan.GroupPage(f, groupPlan(func(v *plan.View) { *v = taintPlan(nil) })),
	}
}

// A plan over several clusters counts all of them, names their nodes with the cluster, and
// asks about each.
func TestGroup_countsAllClusters(t *testing.T) {
	v := groupPlan(cordonPlan)
	require.Equal(t, plan.Summary{Total: 84, Changed: 80, Unchanged: 2, Blocked: 2}, v.Summary)
	require.Equal(t, "prod/n-0", v.Nodes[0].Node)
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.GroupPage(viewstest.Frame(), v)))
	require.Equal(t, 2, doc.Find(".plan-part").Length())
	require.Contains(t, doc.Find("h1").Text(), "2 clusters")
	require.Contains(t, doc.Find("#plan-do").Text(), "80")
	require.Equal(t, "/batches", doc.Find("#plan-form").AttrOr("action", ""))
	require.Equal(t, 2, doc.Find(`input[name="leave"]`).Length())
	require.Equal(t, 1, doc.Find(`input[name="leave"][checked]`).Length())

	taints := viewstest.Document(t, viewstest.Render(t, "en", groupPages()["plan of many taints"]))
	require.Equal(t, 2, taints.Find(`input[name="confirm_pods"]`).Length())
	require.Regexp(t, `^prod/\d+$`, taints.Find(`input[name="confirm_pods"]`).First().AttrOr("value", ""))
	require.Equal(t, 2, taints.Find(`input[name="confirm"]`).Length())
	drains := viewstest.Document(t, viewstest.Render(t, "en", groupPages()["plan of drains"]))
	require.Zero(t, drains.Find(`input[name="force"]`).Length(), "force is of one cluster")
	broken := viewstest.Document(t, viewstest.Render(t, "en", groupPages()["plan of a broken part"]))
	require.Zero(t, broken.Find("#plan-do").Length())
}
