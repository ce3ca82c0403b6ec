package nodes_test

import (
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func TestDrainButtons(t *testing.T) {
	doc := viewstest.Document(
		t,
		viewstest.Render(
			t, "en", nodes.ListPage(viewstest.Frame(), changedNodes(func(v *nodes.ListView) { v.MayDrain = true })),
		),
	)
	button := doc.Find("#bar #drain")
	require.Equal(t, "drain", button.AttrOr("value", ""))
	require.Equal(t, "d", button.AttrOr("data-key", ""))
	require.Equal(t, ui.PreviewURL(viewstest.OddCluster), button.AttrOr("formaction", ""))
	require.Equal(t, 1, button.Filter("[data-native]").Length())
	require.Equal(
		t, ui.OnePreviewURL(viewstest.OddCluster, "drain", sampleNodes()[1].Name),
		doc.Find("#drain-uid-1").AttrOr("formaction", ""),
	)
	require.Equal(
		t, ui.PreviewURL(viewstest.OddCluster),
		viewstest.Document(
			t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), drainableNode())),
		).Find("#drain").AttrOr("formaction", ""),
	)
	require.Zero(
		t,
		viewstest.Document(
			t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), nodesView())),
		).Find("[id^=drain]").Length(),
	)
}

func TestNodePage_history(t *testing.T) {
	v := nodeView()
	v.Tab = nodes.TabHistory
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Contains(t, viewstest.Squeezed(doc.Find("#history")), "No batch has run on this node.")
	require.Zero(t, doc.Find("#history a").Length())

	v.Past = past()
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Equal(t, len(v.Past), doc.Find("#history tbody tr").Length())
	require.Equal(t, "/batches/b1", doc.Find("#history tbody a").First().AttrOr("href", ""))
	row := doc.Find("#history tbody tr").Eq(3)
	require.Equal(t, []string{"Cordon", "done", "oncall", "just now"}, []string{
		viewstest.Squeezed(row.Find("th")), viewstest.Squeezed(row.Find(".st")), viewstest.Squeezed(row.Find("td").Eq(2)),
		viewstest.Squeezed(row.Find("time")),
	})
	require.Equal(t, 1, row.Find(".chip.add:contains(cordoned)").Length())
	require.Equal(
		t, batches.HistoryURL(batch.Query{Cluster: viewstest.OddCluster, Node: v.Node.Name}),
		doc.Find("#history .head a").AttrOr("href", ""),
	)
}

// What a node uses is a column where the cluster measures it.
func TestNodePage_inUse(t *testing.T) {
	v := nodeView()
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Equal(t, 1, doc.Find("#resources th:contains('In use')").Length())
	cells := doc.Find("#resources tbody tr").Map(func(_ int, row *goquery.Selection) string {
		return viewstest.Squeezed(row.Find("td").Eq(2))
	})
	require.Equal(t, []string{"2.11 27 %", "–"}, cells)
	v.Node.Resources[0].InUse = -1
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Zero(t, doc.Find("#resources th:contains('In use')").Length())
}

func TestNodePage_forms(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), nodeView())))
	require.Equal(t, "uncordon", doc.Find("#batch button[name=operation]").AttrOr("value", ""))
	require.Equal(t, "/x?y=1&z=2", doc.Find("[name=back]").First().AttrOr("value", ""))
	require.Equal(t, 1, doc.Find(`form[action="/logout"][method=post]`).Length())
}
