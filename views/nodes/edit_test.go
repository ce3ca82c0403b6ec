package nodes_test

import (
	"fmt"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

func sampleSpreads() []node.Spread {
	return []node.Spread{
		{
			Key: "env", Nodes: 4,
			Values: []node.ValueCount{
				{Value: "dev", Nodes: 2}, {Value: "prod", Nodes: 1}, {Value: "", Nodes: 1}, {Value: "x", Nodes: 0},
			},
		},
		{Key: `odd"<b>.io/key`, Nodes: 1, Values: []node.ValueCount{{Value: "v", Nodes: 1}}},
		{Key: "tier", Nodes: 4, Values: []node.ValueCount{{Value: "gold", Nodes: 4}}},
	}
}

func editView(change func(*nodes.EditView)) nodes.EditView {
	v := nodes.EditView{
		Cluster: viewstest.OddCluster, Page: operation.PageLabels, Operation: operation.Label, Field: "label",
		Names: []string{"a", "b", "c", "d"}, Found: 4, Mode: "add", Reason: "why", Back: "/back",
		Locked: []node.Spread{
			{Key: "kubernetes.io/os", Nodes: 4, Values: []node.ValueCount{{Value: "linux", Nodes: 4}}},
			{Key: "kubernetes.io/hostname", Nodes: 4, Values: []node.ValueCount{{Value: "a", Nodes: 1}, {Value: "b", Nodes: 1}}},
		},
		New: []nodes.EditNew{{}, {}}, Keys: []string{"env", "tier"}, Values: []string{"gold"},
		Effect: nodes.EditEffect{
			Page: operation.PageLabels, Entries: []nodes.EditEntry{{Text: "tier=gold"}, {Text: "old-", Removes: true}},
		},
	}
	for _, s := range sampleSpreads() {
		value, _ := s.Common()
		v.Rows = append(v.Rows, nodes.EditRow{Spread: s, Value: value})
	}
	if change != nil {
		change(&v)
	}
	return v
}

func ofTaints(v *nodes.EditView) {
	v.Page, v.Operation, v.Field = operation.PageTaints, operation.Taint, "taint"
	v.Effect = nodes.EditEffect{
		Page: operation.PageTaints, Replace: true,
		Entries: []nodes.EditEntry{{Text: "gpu=true:NoExecute"}, {Text: "old:NoSchedule-", Removes: true}},
	}
	for i := range v.Rows {
		v.Rows[i].Effect = operation.Effects()[i%3]
	}
	v.Locked, v.New[0].Effect, v.Mode = nil, "NoExecute", "replace"
}

func wrongEdit(v *nodes.EditView) {
	v.Problem = &ui.Problem{
		Code: services.CodeInvalid, Text: "No.",
		Fields: map[string]string{
			"set.tier": "bad value", "new.1": "bad key", "label": "bad text", "reason": "too long", "mode": "odd mode",
		},
	}
	v.Text = "a=b"
}

func copyView() nodes.CopyView {
	gpu := node.Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"}
	return nodes.CopyView{
		Cluster: viewstest.OddCluster, Names: []string{"a", "b"}, Mode: "replace", Back: "/back",
		Tainted: []string{"g1", "g2", "g3"},
		Sets: []nodes.CopySet{
			{
				Taints: []node.Taint{gpu}, Left: []node.Taint{{Key: "node.kubernetes.io/unreachable", Effect: "NoExecute"}},
				Nodes: []string{"g1", "g2"},
			},
			{Taints: []node.Taint{gpu, {Key: "x", Effect: "NoExecute"}}, Nodes: []string{"g3"}},
		},
	}
}

func overviewView(kind string) nodes.OverviewView {
	v := nodes.OverviewView{
		Cluster: viewstest.OddCluster, Kind: kind, Nodes: 4, Total: 3, AsOf: viewstest.Noon, Now: viewstest.Noon,
		Free: sampleSpreads(), Locked: editView(nil).Locked,
	}
	if kind == "taints" {
		for i := range v.Free {
			v.Free[i].Effect = operation.Effects()[i%3]
		}
	}
	return v
}

// changePages are the pages of labels and taints.
func changePages() map[string]templ.Component {
	f, p := viewstest.Frame(), viewstest.Problem()
	return map[string]templ.Component{
		"edit labels":          nodes.EditPage(f, editView(nil)),
		"edit labels, refused": nodes.EditPage(f, editView(wrongEdit)),
		"edit labels, one node": nodes.EditPage(
			f, editView(func(v *nodes.EditView) { v.Names, v.Found, v.Rows = v.Names[:1], 1, nil }),
		),
		"edit taints": nodes.EditPage(f, editView(ofTaints)),
		"copy":        nodes.CopyPage(f, copyView()),
		"copy, none": nodes.CopyPage(f, nodes.CopyView{
			Cluster: "c", Names: []string{"a"}, Source: "ghost",
			Problem: &ui.Problem{Fields: map[string]string{"source": "no such node"}},
		}),
		"labels": nodes.OverviewPage(f, overviewView("labels")),
		"taints": nodes.OverviewPage(f, overviewView("taints")),
		"labels, none match": nodes.OverviewPage(f, nodes.OverviewView{
			Cluster: "c", Kind: "labels", Total: 3, Query: "x", Key: "y",
		}),
		"taints, none":        nodes.OverviewPage(f, nodes.OverviewView{Cluster: "c", Kind: "taints"}),
		"labels, unreachable": nodes.OverviewPage(f, nodes.OverviewView{Cluster: "c", Kind: "labels", Problem: &p}),
	}
}

func TestEditPage(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.EditPage(viewstest.Frame(), editView(nil))))
	form := doc.Find("form#edit-form[method=post]")
	require.Equal(t, ui.PreviewURL(viewstest.OddCluster), form.AttrOr("action", ""))
	require.Equal(t, "labels", form.Find("[name=edit]").AttrOr("value", ""))
	require.Equal(t, "label", form.Find("[name=operation]").AttrOr("value", ""))
	require.Equal(t, []string{"a", "b", "c", "d"}, viewstest.Attributes(form.Find("[name=node]"), "value"))
	require.Equal(t, "gold", form.Find(`[name="was.tier"]`).AttrOr("value", ""))
	require.Equal(t, "gold", form.Find(`[name="set.tier"]`).AttrOr("value", ""))
	require.Zero(t, form.Find(`[name="was.env"]`).Length(), "the nodes differ")
	require.Equal(t, "4 values", form.Find(`[name="set.env"]`).AttrOr("placeholder", ""))
	require.Contains(t, viewstest.Spoken(doc.Find(`[data-key=env]`)), "on all 4 dev ×2 prod ×1 (empty) ×1 +1")
	require.Contains(t, viewstest.Spoken(doc.Find(`[data-key^=odd]`)), "on 1 of 4")
	require.True(t, doc.Find("[data-key=tier]").HasClass("full"))
	require.Contains(t, viewstest.Spoken(doc.Find("details.locked-keys")), "2 protected labels")
	require.Zero(t, form.Find(`[name="set.kubernetes.io/os"]`).Length(), "what is protected is no row")
	require.Contains(t, viewstest.Spoken(doc.Find("#edit-effect")), "set tier=gold remove old All other labels stay.")
	require.Equal(t, "Show the plan for 4 nodes", viewstest.Spoken(doc.Find("#edit-plan")))

	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.EditPage(viewstest.Frame(), editView(wrongEdit))))
	require.Equal(t, "odd mode", viewstest.Spoken(doc.Find("#edit-problem")))
	require.Equal(
		t, []string{"bad value", "bad key", "bad text", "too long"},
		doc.Find(".wrong:has(svg)").Map(func(_ int, s *goquery.Selection) string { return viewstest.Spoken(s) }),
	)
	require.Equal(t, "true", doc.Find(`[name="set.tier"]`).AttrOr("aria-invalid", ""))
	require.Equal(t, "a=b", doc.Find("textarea").Text())
}

func TestEditChecked(t *testing.T) {
	p := &ui.Problem{Fields: map[string]string{"set.tier": "bad value"}}
	doc := viewstest.Document(
		t,
		viewstest.Render(
			t, "en",
			nodes.EditChecked(nodes.EditFields([]string{"set.tier"}, 2, "label"), p, nodes.EditEffect{
				Page: operation.PageLabels,
			}),
		),
	)
	require.Equal(t, 5, doc.Find("[hx-swap-oob=true]").Length(), "each field and the effect")
	require.Equal(t, "bad value", viewstest.Spoken(doc.Find(".wrong")))
	page := viewstest.Document(t, viewstest.Render(t, "en", nodes.EditPage(viewstest.Frame(), editView(nil))))
	for _, id := range viewstest.Attributes(doc.Find(".wrong"), "id") {
		require.Equal(t, 1, page.Find("#"+id).Length(), "it has a place on the page")
	}
	require.Contains(t, viewstest.Spoken(doc.Find("#edit-effect")), "No changes yet")
}

func TestOverviewPage(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.OverviewPage(viewstest.Frame(), overviewView("labels"))))
	env := doc.Find(`tr[data-key=env]`)
	require.Equal(t, ui.NodesURL(viewstest.OddCluster, node.Query{Label: "env"}), env.Find("td.key a").AttrOr("href", ""))
	require.Contains(
		t, viewstest.Attributes(env.Find("a.chip"), "href"),
		ui.NodesURL(viewstest.OddCluster, node.Query{Label: "env=prod"}),
	)
	require.Contains(
		t, viewstest.Attributes(env.Find("a.chip"), "href"), ui.NodesURL(viewstest.OddCluster, node.Query{Label: "env="}),
		"an empty value is a value",
	)
	require.Equal(t, 2, doc.Find("tbody.locked-keys td.key .st.lock").Length())
	require.Equal(t, "Labels", doc.Find(".tabs [aria-current=page]").Text())

	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.OverviewPage(viewstest.Frame(), overviewView("taints"))))
	require.Contains(
		t, viewstest.Attributes(doc.Find("a.chip"), "href"),
		ui.NodesURL(viewstest.OddCluster, node.Query{Taint: "env=dev:NoSchedule"}),
	)

	many := overviewView("labels")
	for i := range 60 {
		many.Free[0].Values = append(many.Free[0].Values, node.ValueCount{Value: fmt.Sprint(i), Nodes: 1})
	}
	doc = viewstest.Document(t, viewstest.Render(t, "en", nodes.OverviewPage(viewstest.Frame(), many)))
	require.Contains(t, viewstest.Spoken(doc.Find(`tr[data-key=env]`)), "show all values, 52 more")
	many.Key = "env"
	require.NotContains(
		t, viewstest.Document(t, viewstest.Render(t, "en", nodes.OverviewPage(viewstest.Frame(), many))).Text(),
		"all values",
	)
}

func TestChangePages_areSound(t *testing.T) { viewstest.RequirePages(t, changePages()) }
