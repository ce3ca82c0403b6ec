package batches_test

import (
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

func TestItems_labels(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Items(labelBatch())))
	row := func(name string) string {
		return viewstest.Spoken(
			doc.Find("tbody tr").FilterFunction(
				func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == name },
			).Find("td").Eq(2),
		)
	}
	require.Equal(t, "add tier= change env dev → prod remove old=1 node changed meanwhile, recomputed", row("a"))
	require.Equal(t, "remove gpu=a:NoSchedule", row("b"))
	require.Empty(t, row("c"), "nothing is shown as done that was not")
}

func TestItems_pods(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Items(drainedPage())))
	row := doc.Find("tr").FilterFunction(
		func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == "failed.x" },
	)
	require.Contains(t, viewstest.Squeezed(row), "12 pods evicted 3 stayed", "what went is told of a failed node too")
	require.NotContains(t, doc.Text(), "evictedPods")
}

func TestPage(t *testing.T) {
	f := viewstest.Frame()
	f.Dock = batches.Dock(viewstest.Batch(store.StateRunning))
	html := viewstest.Render(t, "en", batches.Page(f, viewstest.BatchPage(store.StateRunning)))
	require.Contains(t, html, `<noscript><meta http-equiv="refresh" content="2;url=/batches/b1?background=1"></noscript>`)
	doc := viewstest.Document(t, html)
	require.Equal(t, 1, doc.Find("main #progress").Length())
	require.Zero(t, doc.Find("#dock > *").Length(), "one #progress a page")
	require.Equal(t, "batch-moved from:body", doc.Find("#items").AttrOr("hx-trigger", ""))
	require.NotContains(
		t, viewstest.Render(t, "en", batches.Page(f, viewstest.BatchPage(store.StateFailed))), "http-equiv",
	)
}

func TestItems_change(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Items(viewstest.BatchPage(store.StateSucceeded))))
	row := doc.Find("tr").FilterFunction(
		func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == "succeeded.x" },
	)
	require.Equal(t, 1, row.Find(".chip.add:contains(cordoned)").Length())
	require.Equal(t, "a", row.Find("del").Text())
	require.Equal(t, "b", row.Find("ins").Text())
	require.Equal(t, "reason: – → why", row.Find(".chip.more").AttrOr("title", ""))
	require.Equal(t, 1, doc.Find(".chip.add:contains(cordoned)").Length(), "nothing is shown as done that was not")
}
