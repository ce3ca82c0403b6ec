package plan_test

import (
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/rule"
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

// Where the limits of some clusters would be passed, each has a field for its own name; each
// part says who else is at work, when it begins and who approves it.
func TestGroup_rulesOfEachCluster(t *testing.T) {
	v := groupPlan(cordonPlan)
	v.Parts[0].Waits, v.Parts[0].MayForce = true, true
	for i := range v.Parts {
		v.Parts[i].Exceeded = []batch.Room{{Kind: batch.ReachCluster, Max: 1, After: 3}}
	}
	v.Parts[1].MayForce = false
	v.Parts[0].When = batch.When{Window: true, Windows: true, Must: true, Next: &rule.Opening{
		From: viewstest.Noon, Until: viewstest.Noon.Add(time.Hour),
	}}
	v.Parts[1].When = batch.When{Window: true, Approval: true}
	v.Parts[1].Others = batch.Others{"n-0": {{Kind: node.ActorKarpenter}}}
	v.Problem = &ui.Problem{Text: "No.", Fields: map[string]string{"exceed": "Type prod."}}
	html := viewstest.Render(t, "en", plan.GroupPage(viewstest.Frame(), v))
	doc := viewstest.Document(t, html)
	viewstest.RequireSound(t, html, doc)
	require.Equal(t, 1, doc.Find(`input[name="exceed"]`).Length(), "they are no administrator in the other")
	require.Contains(t, doc.Find(`label[for="opt-exceed"]`).Text(), "prod")
	require.Equal(t, 1, doc.Find("#wrong-exceed").Length())
	require.Contains(t, doc.Find("#plan-start-1").Text(), "only in a window")
	require.Equal(t, 2, doc.Find("#plan-window-1 time").Length())
	require.Contains(t, doc.Find("#plan-start-2").Text(), "second person")
	require.Contains(t, doc.Find("#plan-window-2").Text(), "No window of "+viewstest.OddCluster)
	require.Equal(t, 1, doc.Find("#plan-others-2 li").Length())
	require.Contains(t, doc.Find("#plan-limits-2").Text(), "ask an administrator")
}

// The plans of a group that waits for an approval are approved together.
func TestGroup_stored(t *testing.T) {
	v := groupPlan(nil)
	v.Closed, v.Digest = nil, "all"
	v.Stored = &plan.Stored{
		Batch: batch.Batch{ID: "1k-all", By: "bob", CreatedAt: viewstest.Noon}, Now: viewstest.Noon, Asks: true,
		MayApprove: true, Members: []batch.Batch{{ID: "1k-01", Cluster: "prod"}, {ID: "1k-02", Cluster: "staging"}},
	}
	for i := range v.Parts {
		v.Parts[i].Stored = v.Stored
	}
	html := viewstest.Render(t, "zh-CN", plan.GroupPage(viewstest.Frame(), v))
	doc := viewstest.Document(t, html)
	viewstest.RequireSound(t, html, doc)
	require.Equal(t, "all", doc.Find(`form[action="/batches/1k-all/approve"] input[name="plan"]`).AttrOr("value", ""))
	require.Equal(t, 1, doc.Find(`form[action="/batches/1k-all/reject"]`).Length())
	require.Equal(t, 1, doc.Find(`#plan-form a[href="/batches/1k-02"]`).Length())
	require.Zero(t, doc.Find("#plan-do").Length())
	require.Zero(t, doc.Find(`button[name="except"]`).Length(), "nobody leaves nodes out of somebody else's batch")
}
