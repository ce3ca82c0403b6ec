package batches_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

func TestPanel_proposed(t *testing.T) {
	v := scheduled()
	v.State, v.Approval = store.StateProposed, &store.Approval{}
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "Waits for the approval of a second person.")
	require.Equal(t, "/batches/b1/plan", doc.Find(".note a").AttrOr("href", ""))
	require.Zero(t, doc.Find("#batch-resume").Length())
	require.Equal(t, 1, doc.Find("#batch-cancel").Length())
	v.Approval.Changed = true
	doc = viewstest.Document(t, viewstest.Render(t, "zh-CN", batches.Panel(v)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note")), "需要再次批准")
}

func TestPage_saysWhoHasApproved(t *testing.T) {
	for rejected, words := range map[bool]string{false: "Approved by eve", true: "Rejected by eve"} {
		v := scheduled()
		v.Approval = &store.Approval{At: &viewstest.Noon, By: "eve", Rejected: rejected}
		page := batches.Page(viewstest.Frame(), batches.PageView{Batch: v, Now: viewstest.Noon})
		require.Contains(t, viewstest.Squeezed(viewstest.Document(t, viewstest.Render(t, "en", page)).Find("#facts")), words)
	}
}
