package batches_test

import (
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestAnswer(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Answer(viewstest.Batch(store.StateRunning))))
	panel := doc.Find("#progress > [data-batch]")
	require.Equal(t, "b1", panel.AttrOr("data-batch", ""))
	require.Equal(t, "running", panel.AttrOr("data-state", ""))
	require.Equal(t, "key-2", doc.Find("#idempotency-key[hx-swap-oob=true]").AttrOr("value", ""))
	require.Contains(t, doc.Text(), "2 more batches running")

	v := viewstest.Batch(store.StateRunning)
	v.IdempotencyKey = ""
	require.Zero(t, viewstest.Document(t, viewstest.Render(t, "en", batches.Answer(v))).Find("#idempotency-key").Length())
}

func TestPanel(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(viewstest.Batch(store.StateRunning))))
	require.Equal(
		t, []string{"152 done", "12 unchanged", "3 failed", "16 running", "57 left"},
		doc.Find(".tally li").Map(func(_ int, s *goquery.Selection) string { return viewstest.Squeezed(s) }),
	)
	require.Contains(t, viewstest.Squeezed(doc.Find(".panel-head")), "41/s 3 s left")
	require.Contains(t, viewstest.Squeezed(doc.Find(".at-work")), "n1, n2")
	require.Equal(t, "167", doc.Find("progress").AttrOr("value", ""))
	require.Equal(t, "50", doc.Find("[data-batch]").AttrOr("data-milestone", ""))
	require.Equal(t, 2, doc.Find(".failures li").Length())
	require.Contains(t, viewstest.Squeezed(doc.Find(".failures")), "Whether it took effect is unknown.")
	require.Contains(t, doc.Text(), "All 3 failed nodes", "more failed than are listed")
	require.Equal(
		t, []string{ui.BatchControlURL("b1", "pause"), ui.BatchControlURL("b1", "cancel")},
		viewstest.Attributes(doc.Find("form"), "hx-post"),
	)

	held := viewstest.Batch(store.StateInterrupted)
	for hold, words := range map[store.Hold]string{
		store.HoldDeleted: "has been deleted", store.HoldDisabled: "has been disabled",
		store.HoldDemoted: "has lost permissions",
	} {
		held.Held = hold
		require.Contains(
			t, viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(held))).Find(".note").Text(),
			held.By+", who started it, "+words,
		)
		require.NotContains(t, viewstest.Render(t, "zh-CN", batches.Panel(held)), "interrupted_held")
	}
	held.Untold = "patch nodes/status"
	require.Contains(t, viewstest.Render(t, "en", batches.Panel(held)), "patch nodes/status")
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(viewstest.Batch(store.StateInterrupted))))
	require.Equal(t, ui.BatchControlURL("b1", "resume"), doc.Find("form").AttrOr("action", ""))

	asking := viewstest.Batch(store.StateInterrupted)
	asking.Asks = services.Invalid("confirm", "error_confirm", "Cluster", "prod")
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(asking)))
	require.Zero(t, doc.Find("#batch-resume").Length(), "only an administrator may")
	asking.MayForce = true
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(asking)))
	require.Equal(t, "Type the cluster name, prod, to confirm.", viewstest.Squeezed(doc.Find("label[for=batch-confirm]")))
	require.Equal(t, 1, doc.Find("form:has(#batch-resume) input[name=confirm][required]").Length())

	ended := viewstest.Batch(store.StateSucceeded)
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(ended)))
	require.Zero(t, doc.Find("form").Length())
	require.Equal(t, "228 nodes cordoned, 12 were already cordoned", viewstest.Squeezed(doc.Find(".panel-head .verdict")))
	require.Zero(t, doc.Find(".tally, .left-cordoned").Length(), "success is said once")
	require.NotContains(t, doc.Text(), "succeeded")

	ended.Counts = batch.Counts{Unchanged: 240}
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(ended)))
	require.Equal(t, "240 were already cordoned", viewstest.Squeezed(doc.Find(".verdict")))

	partly := viewstest.Batch(store.StatePartial)
	partly.Counts = batch.Counts{Succeeded: 238, Failed: 2}
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(partly)))
	require.Equal(t, "partly failed", viewstest.Squeezed(doc.Find(".panel-head .st").First()))
	require.Equal(
		t, []string{"238 done", "2 failed"}, viewstest.Texts(doc.Find(".tally li")), "what did not happen is not counted",
	)

	drained := viewstest.Batch(store.StateSucceeded)
	drained.Operation, drained.MayUndo, drained.ClearedAt = "drain", true, &viewstest.Noon
	drained.Counts = batch.Counts{Succeeded: 6}
	drained.Total = 6
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(drained)))
	require.Equal(t, "6 nodes drained", viewstest.Squeezed(doc.Find(".verdict")))
	require.Contains(t, doc.Find(".left-cordoned").Text(), "The 6 drained nodes stay cordoned")
	require.Equal(t, "Uncordon these nodes…", viewstest.Squeezed(doc.Find("#batch-undo")))

	other := viewstest.Batch(store.StateRunning)
	other.MayControl = false
	require.Zero(t, viewstest.Document(t, viewstest.Render(t, "en", batches.Panel(other))).Find("form").Length())
}
