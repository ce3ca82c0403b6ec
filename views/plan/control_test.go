package plan_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// undoPlan is the plan of an undo: a cordon with a reason comes back, labels go,
// and one node was changed since.
func undoPlan(v *plan.View) {
	yes, no, why, old := true, false, "disk", "gold"
	v.Operation, v.Drain, v.Options.Force = operation.Undo, nil, false
	v.Origin = &plan.Origin{ID: "b1", Undo: true, Since: 1}
	v.Change, v.Digest = &plan.Change{}, "d1"
	v.Summary = plan.Summary{Total: 3, Changed: 2, Blocked: 1}
	v.Nodes = []plan.Node{
		{
			Node: "a", Changes: true, Before: change.State{Unschedulable: &no},
			After: change.State{Unschedulable: &yes, Annotations: map[string]*string{node.AnnotationReason: &why}},
		},
		{
			Node: "b", Changes: true, Before: change.State{Unschedulable: &yes, Labels: map[string]*string{"tier": &old}},
			After: change.State{Unschedulable: &no, Labels: map[string]*string{"tier": nil}}, Warnings: []string{"Pods stay."},
		},
		{Node: "c", Blockers: []string{"Changed since: tier."}},
	}
	v.Refusal = &ui.Problem{Text: "A webhook says no.", Hint: "Ask it."}
	v.Rollout = batch.Rollout{Canary: 2, Order: batch.OrderZone}
}

func retryPlan(v *plan.View) {
	v.Origin, v.Options.Force = &plan.Origin{ID: "b1"}, true
	v.Typed = url.Values{"canary": {"some"}}
	v.Problem = &ui.Problem{
		Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"canary": "no number", "confirm": "Type it"},
	}
}

// controlPlanPages are the plans of an undo and of a retry.
func controlPlanPages() map[string]templ.Component {
	return map[string]templ.Component{
		"plan of an undo": plan.Page(viewstest.Frame(), planView(undoPlan)),
		"plan of a retry": plan.Page(viewstest.Frame(), planView(retryPlan)),
		"plan, rollout bad": plan.Page(viewstest.Frame(), planView(func(v *plan.View) {
			cordonPlan(v)
			v.Nodes, v.Summary = nil, plan.Summary{}
			retryPlan(v)
			v.Origin = nil
		})),
	}
}

func TestControl_plans(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(undoPlan))))
	require.Equal(t, "Undo on 2 nodes", viewstest.Squeezed(doc.Find("#plan-do")))
	require.Equal(t, "b1", doc.Find("#plan-form input[name=undo_of]").AttrOr("value", ""))
	require.Equal(t, "d1", doc.Find("#plan-form input[name=plan]").AttrOr("value", ""))
	require.Contains(
		t, viewstest.Squeezed(doc.Find("#plan-refusal")), "The cluster would reject this change: A webhook says no.",
	)
	require.Equal(t, 1, doc.Find("#opt-force:not([checked])").Length())
	require.Equal(t, 1, doc.Find("#plan-update").Length(), "without scripts the plan follows by this")
	groups := viewstest.Squeezed(doc.Find(".diff-groups"))
	for _, want := range []string{
		"Changed since: tier.", "Schedulable → Cordoned reason: disk", "Cordoned → Schedulable", "tier=gold",
	} {
		require.Contains(t, groups, want)
	}
	_, open := doc.Find("#rollout").Attr("open")
	require.True(t, open)
	require.Equal(t, "2", doc.Find("#opt-canary").AttrOr("value", ""))
	require.Equal(t, "zone", doc.Find("#opt-order option[selected]").AttrOr("value", ""))

	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(retryPlan))))
	require.Equal(t, "Retry on 3 nodes", viewstest.Squeezed(doc.Find("#plan-do")))
	require.Equal(t, "b1", doc.Find("#plan-form input[name=retry_of]").AttrOr("value", ""))
	require.Equal(t, 1, doc.Find("#opt-delete_emptydir").Length(), "a retried drain may have other options")
	require.Equal(t, 1, doc.Find("#opt-confirm").Length())
	require.Equal(t, "some", doc.Find("#opt-canary[aria-invalid]").AttrOr("value", ""))
	require.Equal(t, []string{"canary", "canary_wait", "wave_size", "wave_pause", "max_failures"},
		viewstest.Attributes(doc.Find("#rollout input"), "name"), "parallel is among a drain's own options")

	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(cordonPlan))))
	require.Equal(
		t, "canary canary_wait order wave_size wave_pause parallel max_failures",
		strings.Join(viewstest.Attributes(doc.Find("#rollout [name]"), "name"), " "),
	)
	_, open = doc.Find("#rollout").Attr("open")
	require.False(t, open)
	require.Contains(t, viewstest.Squeezed(doc.Find("#about-parallel")), "No more nodes")
}
