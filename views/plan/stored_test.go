package plan_test

import (
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/viewstest"
)

func storedPlan(mayApprove bool) func(v *plan.View) {
	return func(v *plan.View) {
		v.Digest = "d1"
		v.Stored = &plan.Stored{
			Batch: viewstest.Batch(store.StateProposed).Batch, Now: viewstest.Noon, Asks: true, MayApprove: mayApprove,
		}
	}
}

func TestStored(t *testing.T) {
	viewstest.RequirePages(t, map[string]templ.Component{
		"plan to approve":   plan.Page(viewstest.Frame(), planView(storedPlan(true))),
		"plan of one's own": plan.Page(viewstest.Frame(), planView(storedPlan(false))),
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(storedPlan(true)))))
	require.Equal(t, "d1", doc.Find("form[action=\"/batches/b1/approve\"] [name=plan]").AttrOr("value", ""))
	require.Equal(t, 1, doc.Find("form[action=\"/batches/b1/reject\"] [name=reason]").Length())
	require.Zero(t, doc.Find("#plan-do").Length(), "it is made already")

	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(storedPlan(false)))))
	require.Zero(t, doc.Find("#batch-approve, #batch-reject").Length())
	require.Contains(t, doc.Text(), "Nobody approves or rejects their own batch")

	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), planView(func(v *plan.View) {
		v.When = batch.When{Approval: true}
	}))))
	require.Equal(t, "Ask for approval", viewstest.Squeezed(doc.Find("#plan-do")))
}
