package nodes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// Nodes are chosen for a template with the table's filters, which keep it.
func TestNodesPage_forATemplate(t *testing.T) {
	v := changedNodes(func(v *nodes.ListView) {
		v.Apply, v.Page.Query.Apply = &nodes.ApplyTemplate{Kind: "labels", ID: 3, Name: "gold"}, "labels-3"
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), v)))
	require.Equal(
		t, ui.ApplyURL(viewstest.OddCluster)+"?kind=labels&template=3",
		doc.Find("#bar .ops button").First().AttrOr("formaction", ""),
	)
	require.Contains(t, viewstest.Spoken(doc.Find("#apply-note")), "Select the nodes for template “gold”")
	require.Equal(t, "labels-3", doc.Find("#find input[name=apply]").AttrOr("value", ""))
	for _, selector := range []string{".strip li a", "th a", ".pager .turn a", ".sizes a", ".token a", "#reload"} {
		found := doc.Find(selector)
		require.NotZero(t, found.Length(), selector)
		for _, address := range viewstest.Attributes(found, "hx-get") {
			require.Contains(t, address, "apply=labels-3", selector)
		}
	}
	require.NotContains(t, doc.Find(".csv").AttrOr("href", ""), "apply=")
	require.NotContains(t, doc.Find("#apply-note a").AttrOr("href", ""), "apply=")
}

func TestListPage(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), nodesView())))

	form := doc.Find("form#batch")
	require.Equal(t, ui.BatchesURL(viewstest.OddCluster), form.AttrOr("action", ""))
	require.Equal(t, ui.BatchesURL(viewstest.OddCluster), form.AttrOr("hx-post", ""))
	require.Equal(t, "#dock", form.AttrOr("hx-target", ""))
	require.Equal(t, "key-1", form.Find("#idempotency-key").AttrOr("value", ""))
	require.Equal(t, []string{"cordon", "uncordon"}, viewstest.Attributes(form.Find("button[name=operation]"), "value"))
	require.Equal(t, "200", form.Find("input[name=reason]").AttrOr("maxlength", ""))
	require.Equal(
		t, 1, form.Find("button[type=submit]:not([form])").First().Filter("[disabled]").Length(),
		"Enter in the reason must not choose an operation",
	)

	names := viewstest.Attributes(form.Find("#nodes input[name=node]"), "value")
	for i, n := range sampleNodes() {
		require.Equal(t, n.Name, names[i])
		row := doc.Find("tr#n-" + n.UID)
		require.Equal(t, n.Name, row.AttrOr("data-node", ""))
		require.Equal(t, n.Unschedulable, row.HasClass("cordoned"))
		require.Contains(t, viewstest.Squeezed(row.Find("td.status")), n.StatusText())
		require.Equal(t, n.Name, row.Find("td.name a").Text())
		require.Equal(t, "sel-"+n.UID, row.Find("input").AttrOr("id", ""))
	}
	require.Contains(t, viewstest.Squeezed(doc.Find("tr#n-uid-3 td.status")), "limited")
	require.Contains(t, viewstest.Squeezed(doc.Find("tr#n-uid-1 td.status")), "12 min ago")
	require.Contains(t, viewstest.Squeezed(doc.Find("tr#n-uid-4 td.status")), "kubelet stopped")

	reload := doc.Find("#nodes #reload")
	require.Equal(t, "nodes-changed from:body", reload.AttrOr("hx-trigger", ""))
	require.Equal(t, ui.NodesURL(viewstest.OddCluster, nodesView().Page.Query), reload.AttrOr("hx-get", ""))
	require.Equal(
		t, []string{
			"q", "filter.status", "filter.sched", "filter.role", "filter.pool", "filter.zone", "filter.version",
			"filter.condition", "filter.label", "filter.taint",
		},
		viewstest.Attributes(reload.Find("input[disabled]"), "name"),
	)
	require.Equal(t, ui.EventsURL(viewstest.OddCluster, ""), doc.Find("body").AttrOr("data-stream", ""))
	require.Equal(t, "descending", doc.Find("th[aria-sort]").AttrOr("aria-sort", ""))
	require.Equal(t, 1, doc.Find("th[aria-sort]").Length())
}

func TestNodesPage_searchFormKeepsTheRestOfTheQuery(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), nodesView())))
	find := doc.Find("form#find")
	require.Equal(t, "get", find.AttrOr("method", ""))
	require.Equal(t, "a&b", find.Find("#q").AttrOr("value", ""))
	require.Equal(t, "worker", find.Find("select[name=role] option[selected]").AttrOr("value", ""))
	require.Equal(t, "team=web", find.Find("input[name=label]").AttrOr("value", ""))
	require.Equal(t, "gpu", find.Find("input[name=taint]").AttrOr("value", ""))
	kept := find.Find("input[type=hidden]:not([form])")
	require.Equal(t, []string{"dir", "size", "sort"}, viewstest.Attributes(kept, "name"))
	require.Equal(t, 2, find.Find(".token").Length())
}

// A filter that no node matches is visible still, and can be removed.
func TestNodesPage_filtersOfNoNode(t *testing.T) {
	v := changedNodes(func(v *nodes.ListView) {
		v.Page.Query = node.Query{Pool: "gone", Zone: node.NoValue, Version: "v9", Condition: "PIDPressure"}
	})
	find := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), v))).Find("form#find")
	for name, value := range map[string]string{
		"pool": "gone", "zone": "-", "version": "v9", "condition": "PIDPressure", "status": "",
	} {
		require.Equal(t, value, find.Find("select[name="+name+"] option[selected]").AttrOr("value", ""), name)
	}
	without := v.Page.Query
	without.Condition = ""
	require.Equal(t, "PIDPressure", find.Find(".token").Eq(1).Find(".cut").Text())
	require.Equal(t, ui.NodesURL(v.Cluster, without), find.Find(".token a").Eq(1).AttrOr("href", ""))
}

func TestNodesPage_rowOperation(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), nodesView())))
	require.Equal(t, 1, doc.Find("form#one[method=post]").Length())
	button := doc.Find("#op-uid-1")
	require.Equal(t, "one", button.AttrOr("form", ""))
	require.Equal(
		t, ui.OneBatchURL(viewstest.OddCluster, "uncordon", sampleNodes()[1].Name), button.AttrOr("formaction", ""),
	)
	require.JSONEq(t, `{"operation":"uncordon","node":"`+sampleNodes()[1].Name+`"}`, button.AttrOr("hx-vals", ""))
	require.Equal(t, "operation,node", button.AttrOr("hx-params", ""))
	require.Contains(t, doc.Find("#op-uid-3").AttrOr("hx-vals", ""), `"cordon"`)
}

func TestNodesPage_viewerSeesNoOperation(t *testing.T) {
	v := changedNodes(func(v *nodes.ListView) { v.MayChange = false })
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), v)))
	require.Zero(t, doc.Find("#bar, input[name=node], [name=operation], td.act, #sel-page").Length())
	require.Equal(t, len(sampleNodes()), doc.Find("tbody tr").Length())
}

func TestTable(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(nodesView())))
	require.Equal(t, 1, doc.Find("#nodes-head[hx-swap-oob=true]").Length())
	require.Equal(t, 1, doc.Find("#tokens[hx-swap-oob=true]").Length())
	require.Zero(t, doc.Find("#nodes").Length(), "the fragment goes inside")
	require.Equal(t, 4, doc.Find(".strip svg rect").Length())
	require.Contains(t, viewstest.Squeezed(doc.Find(".pager")), "101–106 of 206")
	require.Zero(t, doc.Find(`[hx-trigger^="load"]`).Length())

	v := changedNodes(func(v *nodes.ListView) { v.Loading, v.Page.Usage = true, nil })
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(v)))
	require.Contains(t, doc.Find(`[hx-trigger^="load"]`).AttrOr("hx-get", ""), "usage=1")
	require.Equal(t, 3*len(sampleNodes()), doc.Find("td .wait").Length())

	v.Loading = false
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(v)))
	require.Equal(t, "–", viewstest.Squeezed(doc.Find("tr#n-uid-0 td.use-col").First()), "unknown is never zero")
}

func TestNodesTable_states(t *testing.T) {
	stale := changedNodes(func(v *nodes.ListView) {
		v.Page.Stale = services.NewError(services.CodeInternal, "problem_unknown")
	})
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(stale)))
	require.Contains(t, viewstest.Squeezed(doc.Find(".note.stale")), "Something went wrong.")
	require.Contains(t, doc.Find(".note.stale a").AttrOr("href", ""), "fresh=1")
	require.Equal(t, 1, doc.Find("table").Length(), "old data is still shown")

	p := viewstest.Problem()
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(&nodes.ListView{Cluster: "c", Problem: &p})))
	require.Equal(t, "/again", doc.Find(".problem a").AttrOr("href", ""))
	require.Equal(t, 1, doc.Find("#reload").Length(), "the table comes back by itself")

	none := changedNodes(func(v *nodes.ListView) { v.Page.Match, v.Page.Nodes = 0, nil })
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Table(none)))
	require.Equal(
		t, ui.NodesURL(viewstest.OddCluster, node.Query{Sort: "cpu", Desc: true, Size: 100}),
		doc.Find(".empty a").AttrOr("href", ""),
	)
}
