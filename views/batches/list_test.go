package batches_test

import (
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/viewstest"
)

// asked is a query of the history that uses every filter.
func asked() batch.Query {
	return batch.Query{
		Cluster: viewstest.OddCluster, Operation: "cordon", State: "partial", By: "on&call", From: "2026-11-01",
		To: "2026-11-23T12:00:00Z", Node: `a"b`, Text: `kernel <6>`, Since: "7d",
	}
}

// historyPages are the pages of the history, in every state that is designed.
func historyPages() map[string]templ.Component {
	f, p := viewstest.Frame(), viewstest.Problem()
	running, partial := viewstest.Batch(store.StateRunning).View, viewstest.Batch(store.StatePartial).View
	one := viewstest.BatchPage(store.StatePartial)
	one.Query, one.Match, one.Pages = batch.ItemQuery{State: "failed", Page: 2}, 1200, 3
	none := viewstest.BatchPage(store.StatePartial)
	none.Query, none.Items, none.Match = batch.ItemQuery{State: "waiting", Page: 1}, nil, 0
	return map[string]templ.Component{
		"batches": batches.ListPage(f, batches.ListView{
			Page: batch.Page{Items: []batch.View{running, partial}, Older: "b0"}, Now: viewstest.Noon,
		}),
		"no batches": batches.ListPage(f, batches.ListView{}),
		"batches filtered": batches.ListPage(f, batches.ListView{
			Page: batch.Page{Query: asked(), Items: []batch.View{partial}, Older: "b0"}, Now: viewstest.Noon,
		}),
		"batches, none match":  batches.ListPage(f, batches.ListView{Page: batch.Page{Query: asked()}}),
		"batches, none older":  batches.ListPage(f, batches.ListView{Page: batch.Page{Query: batch.Query{Before: "b0"}}}),
		"batches refused":      batches.ListPage(f, batches.ListView{Page: batch.Page{Query: asked()}, Problem: &p}),
		"batch, one state":     batches.Page(f, one),
		"batch, nothing there": batches.Page(f, none),
	}
}

func TestBatchesPage_keepsTheFilters(t *testing.T) {
	q := asked()
	doc := viewstest.Document(t, viewstest.Render(t, "en", historyPages()["batches filtered"]))
	find := doc.Find("form#find[method=get]")
	require.Equal(t, "/batches", find.AttrOr("action", ""))
	require.Equal(t, q.Text, find.Find("#q[name=q]").AttrOr("value", ""))
	require.Equal(t, q.Node, find.Find("input[type=hidden][name=node]").AttrOr("value", ""))
	without := find.Find(".token a").AttrOr("href", "")
	require.Contains(t, without, "q=kernel+%3C6%3E")
	require.NotContains(t, without, "node=")
	for name, want := range map[string]string{
		"cluster": q.Cluster, "operation": q.Operation, "state": q.State, "since": q.Since,
	} {
		require.Equal(t, want, find.Find("select[name="+name+"] option[selected]").AttrOr("value", ""), name)
	}
	for name, want := range map[string]string{"by": q.By, "from": q.From, "to": q.To} {
		require.Equal(t, want, find.Find("input[name="+name+"]").AttrOr("value", ""), name)
	}
	require.Equal(t, "text", find.Find("[name=to]").AttrOr("type", ""), "a moment is no day")
	next := doc.Find(".pager [rel=next]").AttrOr("href", "")
	q.Before = "b0"
	require.Equal(t, batches.OlderURL(batch.Page{Query: asked(), Older: "b0"}), next)
	require.Contains(t, next, "by=on%26call")
	require.Contains(t, next, "before=b0")

	doc = viewstest.Document(t, viewstest.Render(t, "en", historyPages()["batches, none match"]))
	require.Equal(t, "/batches", doc.Find("#batches .empty a").AttrOr("href", ""))
	require.Equal(t, asked().Text, doc.Find("#q").AttrOr("value", ""))
	require.Equal(
		t, 1,
		viewstest.Document(
			t, viewstest.Render(t, "en", historyPages()["batches refused"]),
		).Find("#batches .problem").Length(),
	)
	gone := asked()
	gone.Cluster = "gone"
	doc = viewstest.Document(
		t, viewstest.Render(t, "en", batches.ListPage(viewstest.Frame(), batches.ListView{Page: batch.Page{Query: gone}})),
	)
	require.Equal(
		t, "gone", doc.Find("select[name=cluster] option[selected]").AttrOr("value", ""),
		"a cluster that is not there any more",
	)
}

func TestBatchItems_pages(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", historyPages()["batch, one state"]))
	require.Equal(
		t, batches.ItemsURL("b1", batch.ItemQuery{State: "failed", Page: 2}), doc.Find("#items").AttrOr("hx-get", ""),
		"what is chosen stays while the batch works",
	)
	require.Contains(t, viewstest.Squeezed(doc.Find("#items .pager")), "501–508 of 1,200")
	require.Contains(t, viewstest.Squeezed(doc.Find("#items .pager .turn")), "2 / 3")
	require.Equal(
		t, []string{"/batches/b1?state=failed", "/batches/b1?page=3&state=failed"},
		viewstest.Attributes(doc.Find("#items .turn a"), "href"),
	)
	require.Equal(t, "/batches/b1/report.csv", doc.Find("#report[download]").AttrOr("href", ""))
	require.Equal(
		t, []string{"All 240", "failed 3", "not started 97", "done 140"},
		doc.Find("#items .states-of a").Map(func(_ int, s *goquery.Selection) string { return viewstest.Squeezed(s) }),
	)
	require.Equal(t, "/batches/b1?state=failed", doc.Find("#items .states-of [aria-current]").AttrOr("href", ""))

	doc = viewstest.Document(t, viewstest.Render(t, "en", historyPages()["batch, nothing there"]))
	require.Equal(t, "/batches/b1", doc.Find("#items .empty a").AttrOr("href", ""))

	v := viewstest.BatchPage(store.StateSucceeded)
	v.Counts, v.Errors = batch.Counts{Succeeded: 240}, nil
	doc = viewstest.Document(t, viewstest.Render(t, "en", batches.Items(v)))
	require.Zero(t, doc.Find(".states-of, .reasons, .turn").Length(), "there is nothing to choose")
}

func TestBatchItems_errorsOnce(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", batches.Items(viewstest.BatchPage(store.StatePartial))))
	groups := doc.Find(".reasons details")
	require.Equal(t, batch.ErrorsShown, groups.Length())
	require.Contains(t, viewstest.Squeezed(groups.First().Find("summary")), "1,200 nodes")
	require.Equal(
		t, []string{"a<b", "c.x"},
		groups.First().Find("a.mono").Map(func(_ int, s *goquery.Selection) string { return s.Text() }),
	)
	require.Equal(t, "/batches/b1?state=failed", groups.First().Find("a.more-failed").AttrOr("href", ""))
	require.Equal(t, "and 1,198 more", viewstest.Squeezed(groups.First().Find("a.more-failed")))
	require.Contains(t, viewstest.Squeezed(doc.Find(".reasons > li").Last()), "more errors")
}
