package nodes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// A row says where its node is in its maintenance; the page says more, and links the batch.
func TestLifecycle(t *testing.T) {
	list := nodesView()
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.ListPage(viewstest.Frame(), list)))
	row := doc.Find("#n-uid-2")
	require.Equal(t, 1, row.Length())
	require.Contains(t, row.Find(".status").Text(), "drained")
	require.NotContains(t, row.Find(".status").Text(), "in maintenance")
	require.Equal(t, "kured", row.Find("[data-actor=kured]").Text())
	require.NotContains(t, doc.Find("#n-uid-1 .status").Text(), "drained")
	require.Contains(t, viewstest.Render(t, "zh-CN", nodes.ListPage(viewstest.Frame(), list)), "已排空")

	v := nodeView()
	v.Node.Node = *sampleNodes()[2]
	v.Node.Conditions = append(v.Node.Conditions,
		node.Condition{Type: "Drained", Status: "True"}, node.Condition{Type: "MaintenancePlanned", Status: "False"})
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Contains(t, doc.Find("#lifecycle").Text(), "in maintenance")
	require.Equal(t, ui.BatchURL("b1"), doc.Find("#lifecycle a").AttrOr("href", ""))
	require.NotContains(t, doc.Find("#troubles").Text(), "Drained", "it is no problem")
	require.Contains(t, doc.Find("#actors [data-actor=kured]").Text(), "kured is rebooting the node")
	require.Contains(t, doc.Find("#actors [data-actor=foreign-cordon]").Text(), "who, is not known")
	require.Zero(t, viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), nodeView()))).
		Find("#lifecycle").Length())

	v.Tab = nodes.TabConditions
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.Page(viewstest.Frame(), v)))
	require.Contains(t, doc.Find("[data-condition=Drained]").Text(), "have been evicted")
	require.Contains(t, doc.Find("[data-condition=MaintenancePlanned]").Text(), "No maintenance is planned")
}
