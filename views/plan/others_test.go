package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// The plan says who else is at work and on which nodes, and the form asks for a consent.
func TestOthers(t *testing.T) {
	v := planView(func(*plan.View) {})
	page := func() string { return viewstest.Render(t, "en", plan.Page(viewstest.Frame(), v)) }
	require.Zero(t, viewstest.Document(t, page()).Find("#plan-others, #opt-others").Length())

	v.Others = batch.Others{
		"a": {{Kind: node.ActorKarpenter, Mark: "karpenter.sh/disrupted"}},
		"b": {{Kind: node.ActorKarpenter, Mark: "karpenter.sh/disrupted"}, {Kind: node.ActorCordon, Mark: "kubectl-cordon"}},
	}
	doc := viewstest.Document(t, page())
	require.Contains(t, doc.Find("#plan-others").Text(), "at work on 2 nodes")
	require.Equal(t, 2, doc.Find("#plan-others li").Length())
	require.Contains(t, doc.Find("#plan-others [data-actor=foreign-cordon]").Text(), "kubectl-cordon")
	require.Equal(t, 1, doc.Find("#plan-form input[type=checkbox][name=others]").Length())
	require.Equal(t, 1, doc.Find("#plan-form input[name=plan]").Length(), "it is for this plan")
	require.Contains(t, viewstest.Render(t, "zh-CN", plan.Page(viewstest.Frame(), v)), "其他操作者")

	v.Problem = &ui.Problem{Fields: map[string]string{"others": "Confirm it."}}
	require.Contains(t, viewstest.Document(t, page()).Find("#wrong-others").Text(), "Confirm it.")
}
