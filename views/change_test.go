package views_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

func sampleSpreads() []node.Spread {
	return []node.Spread{
		{Key: "env", Nodes: 4, Values: []node.ValueCount{{Value: "dev", Nodes: 2}, {Value: "prod", Nodes: 1}, {Value: "", Nodes: 1}, {Value: "x", Nodes: 0}}},
		{Key: `odd"<b>.io/key`, Nodes: 1, Values: []node.ValueCount{{Value: "v", Nodes: 1}}},
		{Key: "tier", Nodes: 4, Values: []node.ValueCount{{Value: "gold", Nodes: 4}}},
	}
}

func editView(change func(*views.EditView)) views.EditView {
	v := views.EditView{
		Cluster: oddCluster, Kind: "labels", Names: []string{"a", "b", "c", "d"}, Found: 4, Mode: "add", Reason: "why", Back: "/back",
		Locked: []node.Spread{{Key: "kubernetes.io/os", Nodes: 4, Values: []node.ValueCount{{Value: "linux", Nodes: 4}}}, {Key: "kubernetes.io/hostname", Nodes: 4, Values: []node.ValueCount{{Value: "a", Nodes: 1}, {Value: "b", Nodes: 1}}}},
		New:    []views.EditNew{{}, {}}, Keys: []string{"env", "tier"}, Values: []string{"gold"},
		Effect: views.EditEffect{Kind: "labels", Entries: []string{"tier=gold", "old-"}},
	}
	for _, s := range sampleSpreads() {
		value, _ := s.Common()
		v.Rows = append(v.Rows, views.EditRow{Spread: s, Value: value})
	}
	if change != nil {
		change(&v)
	}
	return v
}

func ofTaints(v *views.EditView) {
	v.Kind, v.Effect = "taints", views.EditEffect{Kind: "taints", Replace: true, Entries: []string{"gpu=true:NoExecute", "old:NoSchedule-"}}
	for i := range v.Rows {
		v.Rows[i].Effect = operation.Effects()[i%3]
	}
	v.Locked, v.New[0].Effect, v.Mode = nil, "NoExecute", "replace"
}

func wrongEdit(v *views.EditView) {
	v.Problem = &views.Problem{Code: services.CodeInvalid, Text: "No.", Fields: map[string]string{"set.tier": "bad value", "new.1": "bad key", "label": "bad text", "reason": "too long", "mode": "odd mode"}}
	v.Text = "a=b"
}

func copyView() views.CopyView {
	gpu := node.Taint{Key: "gpu", Value: "true", Effect: "NoSchedule"}
	return views.CopyView{
		Cluster: oddCluster, Names: []string{"a", "b"}, Mode: "replace", Back: "/back", Tainted: []string{"g1", "g2", "g3"},
		Sets: []views.CopySet{{Taints: []node.Taint{gpu}, Left: []node.Taint{{Key: "node.kubernetes.io/unreachable", Effect: "NoExecute"}}, Nodes: []string{"g1", "g2"}}, {Taints: []node.Taint{gpu, {Key: "x", Effect: "NoExecute"}}, Nodes: []string{"g3"}}},
	}
}

func overviewView(kind string) views.OverviewView {
	v := views.OverviewView{Cluster: oddCluster, Kind: kind, Nodes: 4, Total: 3, AsOf: noon, Now: noon, Free: sampleSpreads(), Locked: editView(nil).Locked}
	if kind == "taints" {
		for i := range v.Free {
			v.Free[i].Effect = operation.Effects()[i%3]
		}
	}
	return v
}

// spoken gives the words of a part with blanks between its elements, as they are
// read out.
func spoken(s *goquery.Selection) string {
	var out []string
	s.Find("*").AddSelection(s).Contents().Each(func(_ int, part *goquery.Selection) {
		if text := strings.TrimSpace(part.Text()); goquery.NodeName(part) == "#text" && text != "" {
			out = append(out, blanks.ReplaceAllString(text, " "))
		}
	})
	return strings.Join(out, " ")
}

// text gives a pointer to a value, as a state has it.
func text(s string) *string { return &s }

func labelState(pairs ...string) operation.State {
	s := operation.State{Labels: map[string]*string{}}
	for _, pair := range pairs {
		key, value, set := strings.Cut(pair, "=")
		if s.Labels[key] = nil; set {
			s.Labels[key] = text(value)
		}
	}
	return s
}

// changePlan is the plan of a change of labels with a node of every kind.
func changePlan(change func(*views.PlanView)) views.PlanView {
	v := views.PlanView{
		Cluster: oddCluster, Operation: "label", IdempotencyKey: "key-5", Names: []string{"a", "b", "c", "d"}, MayForce: true, Back: "/back", Digest: "d1",
		Summary: views.PlanSummary{Total: 4, Changed: 2, Unchanged: 1, Blocked: 1},
		Nodes: []views.PlanNode{
			{Node: "a", Changes: true, Before: labelState("tier", "env=dev", "old=1"), After: labelState("tier=gold", "env=prod", "old"), Protected: []string{"kubernetes.io/os"}},
			{Node: "b", Changes: true, Before: labelState("tier", "env=dev", "old=2"), After: labelState("tier=gold", "env=prod", "old"), Protected: []string{"kubernetes.io/os", "topology.kubernetes.io/zone"}},
			{Node: "c", Before: labelState("tier=gold", "env=prod"), After: labelState("tier=gold", "env=prod")},
			{Node: "d", Blockers: []string{"It is gone."}},
		},
		Change: &views.PlanChange{
			Fields: url.Values{"mode": {"add"}, "label": {"tier=gold", "env=prod", "old-"}}, Edit: views.EditURL(oddCluster, "labels"),
		},
	}
	if change != nil {
		change(&v)
	}
	return v
}

// taintPlan evicts pods and names a protected taint.
func taintPlan(change func(*views.PlanView)) views.PlanView {
	return changePlan(func(v *views.PlanView) {
		gpu, off := &node.Taint{Key: "gpu", Value: "true", Effect: "NoExecute"}, &node.Taint{Key: "gpu", Effect: "NoExecute"}
		v.Operation, v.Change.Fields = "taint", url.Values{"mode": {"replace"}, "taint": {"gpu:NoExecute"}}
		v.Nodes = []views.PlanNode{
			{Node: "a", Changes: true, Before: operation.State{Taints: map[string]*node.Taint{"gpu:NoExecute": gpu}}, After: operation.State{Taints: map[string]*node.Taint{"gpu:NoExecute": off}}},
			{Node: "b", Changes: true, Before: operation.State{Taints: map[string]*node.Taint{"gpu:NoExecute": nil, "x:NoSchedule": {Key: "x", Value: "1", Effect: "NoSchedule"}}}, After: operation.State{Taints: map[string]*node.Taint{"gpu:NoExecute": off, "x:NoSchedule": nil}}, Warnings: []string{"Look."}},
		}
		v.Change.Evictions = operation.Evictions{Pods: 12, Delayed: 2, ByNode: map[string]int{"a": 7, "b": 5}}
		v.Change.Named = []string{"node.kubernetes.io/unreachable"}
		if change != nil {
			change(v)
		}
	})
}

// manyChanges is a plan over thousands of nodes; value tells a node's own.
func manyChanges(n int, value func(i int) string) views.PlanView {
	return changePlan(func(v *views.PlanView) {
		v.Nodes, v.Names = nil, nil
		for i := range n {
			name := fmt.Sprintf("ip-10-%d-%d-%d.eu-central-1.compute.internal", i/65536, i/256%256, i%256)
			v.Names = append(v.Names, name)
			v.Nodes = append(v.Nodes, views.PlanNode{
				Node: name, Changes: true, Before: labelState("tier="+value(i), "old="+value(i)), After: labelState("tier=gold", "old"),
				Protected: []string{"kubernetes.io/hostname", "kubernetes.io/os"},
			})
		}
		v.Summary = views.PlanSummary{Total: n, Changed: n}
	})
}

// changePages are the pages of labels and taints.
func changePages() map[string]templ.Component {
	f, p := frame(), problem()
	return map[string]templ.Component{
		"edit labels":           views.EditPage(f, editView(nil)),
		"edit labels, refused":  views.EditPage(f, editView(wrongEdit)),
		"edit labels, one node": views.EditPage(f, editView(func(v *views.EditView) { v.Names, v.Found, v.Rows = v.Names[:1], 1, nil })),
		"edit taints":           views.EditPage(f, editView(ofTaints)),
		"copy":                  views.CopyPage(f, copyView()),
		"copy, none":            views.CopyPage(f, views.CopyView{Cluster: "c", Names: []string{"a"}, Source: "ghost", Problem: &views.Problem{Fields: map[string]string{"source": "no such node"}}}),
		"labels":                views.OverviewPage(f, overviewView("labels")),
		"taints":                views.OverviewPage(f, overviewView("taints")),
		"labels, none match":    views.OverviewPage(f, views.OverviewView{Cluster: "c", Kind: "labels", Total: 3, Query: "x", Key: "y"}),
		"taints, none":          views.OverviewPage(f, views.OverviewView{Cluster: "c", Kind: "taints"}),
		"labels, unreachable":   views.OverviewPage(f, views.OverviewView{Cluster: "c", Kind: "labels", Problem: &p}),
		"plan of labels":        views.PlanPage(f, changePlan(nil)),
		"plan that moved":       views.PlanPage(f, changePlan(func(v *views.PlanView) { v.Change.Moved, v.Change.Template = true, "gold nodes" })),
		"plan of nothing":       views.PlanPage(f, changePlan(func(v *views.PlanView) { v.Nodes, v.Summary = v.Nodes[2:3], views.PlanSummary{Total: 1, Unchanged: 1} })),
		"plan of taints":        views.PlanPage(f, taintPlan(nil)),
		"plan of a user":        views.PlanPage(f, taintPlan(func(v *views.PlanView) { v.MayForce, v.Change.Evictions = false, operation.Evictions{Unread: true} })),
		"plan of taints, refused": views.PlanPage(f, taintPlan(func(v *views.PlanView) {
			v.Problem = &views.Problem{Fields: map[string]string{"confirm_pods": "Confirm.", "confirm": "Type."}}
		})),
		"plan of a copy": views.PlanPage(f, taintPlan(func(v *views.PlanView) {
			v.Operation, v.Change.Fields = "copy-taints", url.Values{"source": {"g1"}, "mode": {"merge"}}
			v.Change.Source, v.Change.Left = copyView().Sets[0].Taints, copyView().Sets[0].Left
		})),
		"plan that cannot be read": views.PlanPage(f, changePlan(func(v *views.PlanView) {
			v.Nodes, v.Summary, v.Problem = nil, views.PlanSummary{}, &views.Problem{Text: "No.", Fields: map[string]string{"label": "bad"}}
		})),
		"nodes for a template": views.NodesPage(f, changedNodes(func(v *views.NodesView) {
			v.Apply = &views.ApplyTemplate{Kind: "labels", ID: 3, Name: "<gold>"}
			v.Page.Query.Apply = "labels-3"
		})),
		"nodes for no template": views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Apply = &views.ApplyTemplate{} })),
		"batch of labels":       views.BatchPage(f, labelBatch()),
	}
}

func labelBatch() views.BatchPageView {
	v := batchPageView(store.StateSucceeded)
	v.Batch.Operation = "label"
	v.Items = []batch.Item{
		{
			Node: "a", State: store.ItemSucceeded, StartedAt: &noon, EndedAt: &noon,
			Before: []byte(`{"labels":{"tier":null,"env":"dev","old":"1","same":"x"}}`), After: []byte(`{"labels":{"tier":"","env":"prod","old":null,"same":"x"},"recomputed":true}`),
		},
		{
			Node: "b", State: store.ItemSucceeded,
			Before: []byte(`{"taints":{"gpu:NoSchedule":{"key":"gpu","value":"a","effect":"NoSchedule"}}}`), After: []byte(`{"taints":{"gpu:NoSchedule":null}}`),
		},
		{Node: "c", State: store.ItemFailed, Before: []byte(`{"labels":{"tier":null}}`), After: []byte(`{"labels":{"tier":"gold"}}`)},
	}
	return v
}

func TestEditPage(t *testing.T) {
	doc := document(t, render(t, "en", views.EditPage(frame(), editView(nil))))
	form := doc.Find("form#edit-form[method=post]")
	require.Equal(t, views.PreviewURL(oddCluster), form.AttrOr("action", ""))
	require.Equal(t, "labels", form.Find("[name=edit]").AttrOr("value", ""))
	require.Equal(t, "label", form.Find("[name=operation]").AttrOr("value", ""))
	require.Equal(t, []string{"a", "b", "c", "d"}, attributes(form.Find("[name=node]"), "value"))
	require.Equal(t, "gold", form.Find(`[name="was.tier"]`).AttrOr("value", ""))
	require.Equal(t, "gold", form.Find(`[name="set.tier"]`).AttrOr("value", ""))
	require.Zero(t, form.Find(`[name="was.env"]`).Length(), "the nodes differ")
	require.Equal(t, "4 values", form.Find(`[name="set.env"]`).AttrOr("placeholder", ""))
	require.Contains(t, spoken(doc.Find(`[data-key=env]`)), "on all 4 dev ×2 prod ×1 (empty) ×1 +1")
	require.Contains(t, spoken(doc.Find(`[data-key^=odd]`)), "on 1 of 4")
	require.True(t, doc.Find("[data-key=tier]").HasClass("full"))
	require.Contains(t, spoken(doc.Find("details.locked-keys")), "2 protected labels")
	require.Zero(t, form.Find(`[name="set.kubernetes.io/os"]`).Length(), "what is protected is no row")
	require.Contains(t, spoken(doc.Find("#edit-effect")), "set tier=gold remove old All other labels stay.")
	require.Equal(t, "Show the plan for 4 nodes", spoken(doc.Find("#edit-plan")))

	doc = document(t, render(t, "en", views.EditPage(frame(), editView(wrongEdit))))
	require.Equal(t, "odd mode", spoken(doc.Find("#edit-problem")))
	require.Equal(t, []string{"bad value", "bad key", "bad text", "too long"}, doc.Find(".wrong:has(svg)").Map(func(_ int, s *goquery.Selection) string { return spoken(s) }))
	require.Equal(t, "true", doc.Find(`[name="set.tier"]`).AttrOr("aria-invalid", ""))
	require.Equal(t, "a=b", doc.Find("textarea").Text())
}

func TestEditChecked(t *testing.T) {
	p := &views.Problem{Fields: map[string]string{"set.tier": "bad value"}}
	doc := document(t, render(t, "en", views.EditChecked(views.EditFields([]string{"set.tier"}, 2, "label"), p, views.EditEffect{Kind: "labels"})))
	require.Equal(t, 5, doc.Find("[hx-swap-oob=true]").Length(), "each field and the effect")
	require.Equal(t, "bad value", spoken(doc.Find(".wrong")))
	page := document(t, render(t, "en", views.EditPage(frame(), editView(nil))))
	for _, id := range attributes(doc.Find(".wrong"), "id") {
		require.Equal(t, 1, page.Find("#"+id).Length(), "it has a place on the page")
	}
	require.Contains(t, spoken(doc.Find("#edit-effect")), "Nothing yet")
}

func TestPlanOfLabels(t *testing.T) {
	doc := document(t, render(t, "en", views.PlanPage(frame(), changePlan(nil))))
	require.Equal(t, "2 change 1 unchanged 1 cannot 2 protected keys", spoken(doc.Find(".plan-tally")))
	groups := doc.Find(".diff-groups > li")
	require.Equal(t, 3, groups.Length())
	require.Equal(t, "1 node It is gone. d", spoken(groups.Eq(0)))
	require.Equal(t, "2 nodes add tier=gold change env dev → prod remove old a, b", spoken(groups.Eq(1)), "the value that goes differs, so it is not named")
	require.Equal(t, "1 node already so as is env=prod as is tier=gold c", spoken(groups.Eq(2)))
	form := doc.Find("#plan-form")
	require.Equal(t, []string{"tier=gold", "env=prod", "old-"}, attributes(form.Find("[name=label]"), "value"))
	require.Equal(t, "d1", form.Find("[name=plan]").AttrOr("value", ""))
	require.Equal(t, "Change labels on 2 nodes", spoken(doc.Find("#plan-do")))
	require.Equal(t, views.EditURL(oddCluster, "labels"), doc.Find("#plan-change").AttrOr("formaction", ""))
	require.Zero(t, form.Find("[name=confirm], [name=confirm_pods]").Length())
	require.Equal(t, "2 protected, left alone", spoken(doc.Find("details.locked-keys summary")))

	doc = document(t, render(t, "en", views.PlanPage(frame(), changePlan(func(v *views.PlanView) { v.Summary.Changed = 0 }))))
	require.Zero(t, doc.Find("#plan-do").Length(), "there is nothing to do")
}

func TestPlanOfTaints(t *testing.T) {
	doc := document(t, render(t, "en", views.PlanPage(frame(), taintPlan(nil))))
	require.Contains(t, spoken(doc.Find("#evictions")), "12 pods on 2 nodes will be evicted without budgets.")
	require.Contains(t, spoken(doc.Find("#evictions")), "a 7 pods b 5 pods")
	box := doc.Find("input[type=checkbox][name=confirm_pods]")
	require.Equal(t, "12", box.AttrOr("value", ""))
	require.Equal(t, "Yes, 12 pods may go", spoken(doc.Find(`label[for=opt-confirm_pods]`)))
	require.Equal(t, 1, doc.Find("input[name=confirm]").Length())
	require.True(t, doc.Find("#plan-do").HasClass("danger"))
	require.Contains(t, spoken(doc.Find(".diff-groups")), "change gpu:NoExecute true → (empty)")
	require.Contains(t, spoken(doc.Find(".diff-groups")), "add gpu:NoExecute remove x=1:NoSchedule")

	doc = document(t, render(t, "en", views.PlanPage(frame(), taintPlan(func(v *views.PlanView) { v.MayForce = false }))))
	require.Contains(t, spoken(doc.Find("#named")), "Only an administrator may change it")
	require.Zero(t, doc.Find("input[name=confirm], #plan-do").Length())

	doc = document(t, render(t, "en", views.PlanPage(frame(), taintPlan(func(v *views.PlanView) { v.Change.Evictions = operation.Evictions{Unread: true} }))))
	require.Equal(t, "unknown", doc.Find("[name=confirm_pods]").AttrOr("value", ""))
}

// Thousands of nodes with the same change are one line, and a page that a phone
// opens; thousands with changes of their own are still a page.
func TestPlanOfLabels_manyNodes(t *testing.T) {
	for _, locale := range views.Locales() {
		html := render(t, locale, views.PlanPage(frame(), manyChanges(5000, func(int) string { return "dev" })))
		doc := document(t, html)
		require.Equal(t, 1, doc.Find(".diff-groups > li").Length())
		names := len("ip-10-0-0-100.eu-central-1.compute.internal ") * 5000
		require.Less(t, len(html), names+64<<10, "what is beside the names is small")
		require.Less(t, doc.Find("*").Length(), 500)
		require.Equal(t, 5000, len(strings.Fields(doc.Find("[name=nodes]").AttrOr("value", ""))))
		require.Contains(t, doc.Find(".diff-groups details").Text(), "4,800")
	}

	doc := document(t, render(t, "en", views.PlanPage(frame(), manyChanges(5000, func(i int) string { return fmt.Sprint("v", i) }))))
	require.Equal(t, 1, doc.Find(".diff-groups > li").Length(), "the values before do not tell groups apart when there are too many")
	require.Contains(t, spoken(doc.Find(".diff-groups > li")), "change tier several values → gold remove old")

	own := manyChanges(100, func(int) string { return "dev" })
	for i := range own.Nodes {
		own.Nodes[i].After = labelState(fmt.Sprintf("tier=%d", i))
	}
	doc = document(t, render(t, "en", views.PlanPage(frame(), own)))
	require.Equal(t, 30, doc.Find(".diff-groups > li").Length())
	require.Contains(t, doc.Find(".plan .card").Text(), "and 70 more nodes with other changes")
}

func TestBatchItems_labels(t *testing.T) {
	doc := document(t, render(t, "en", views.BatchItems(labelBatch())))
	row := func(name string) string {
		return spoken(doc.Find("tbody tr").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Find("td.name").Text() == name }).Find("td").Eq(2))
	}
	require.Equal(t, "add tier= change env dev → prod remove old=1 changed meanwhile, computed again", row("a"))
	require.Equal(t, "remove gpu=a:NoSchedule", row("b"))
	require.Empty(t, row("c"), "nothing is shown as done that was not")
}

func TestOverviewPage(t *testing.T) {
	doc := document(t, render(t, "en", views.OverviewPage(frame(), overviewView("labels"))))
	env := doc.Find(`tr[data-key=env]`)
	require.Equal(t, views.NodesURL(oddCluster, node.Query{Label: "env"}), env.Find("td.key a").AttrOr("href", ""))
	require.Contains(t, attributes(env.Find("a.chip"), "href"), views.NodesURL(oddCluster, node.Query{Label: "env=prod"}))
	require.Contains(t, attributes(env.Find("a.chip"), "href"), views.NodesURL(oddCluster, node.Query{Label: "env="}), "an empty value is a value")
	require.Equal(t, 2, doc.Find("tbody.locked-keys td.key .st.lock").Length())
	require.Equal(t, "Labels", doc.Find(".tabs [aria-current=page]").Text())

	doc = document(t, render(t, "en", views.OverviewPage(frame(), overviewView("taints"))))
	require.Contains(t, attributes(doc.Find("a.chip"), "href"), views.NodesURL(oddCluster, node.Query{Taint: "env=dev:NoSchedule"}))

	many := overviewView("labels")
	for i := range 60 {
		many.Free[0].Values = append(many.Free[0].Values, node.ValueCount{Value: fmt.Sprint(i), Nodes: 1})
	}
	doc = document(t, render(t, "en", views.OverviewPage(frame(), many)))
	require.Contains(t, spoken(doc.Find(`tr[data-key=env]`)), "all values, 52 more")
	many.Key = "env"
	require.NotContains(t, document(t, render(t, "en", views.OverviewPage(frame(), many))).Text(), "all values")
}

// Nodes are chosen for a template with the table's filters, which keep it.
func TestNodesPage_forATemplate(t *testing.T) {
	v := changedNodes(func(v *views.NodesView) {
		v.Apply, v.Page.Query.Apply = &views.ApplyTemplate{Kind: "labels", ID: 3, Name: "gold"}, "labels-3"
	})
	doc := document(t, render(t, "en", views.NodesPage(frame(), v)))
	require.Equal(t, views.ApplyURL(oddCluster)+"?kind=labels&template=3", doc.Find("#bar .ops button").First().AttrOr("formaction", ""))
	require.Contains(t, spoken(doc.Find("#apply-note")), "Choose the nodes for template “gold”")
	require.Equal(t, "labels-3", doc.Find("#find input[name=apply]").AttrOr("value", ""))
	for _, selector := range []string{".strip li a", "th a", ".pager .turn a", ".sizes a", ".token a", "#reload"} {
		found := doc.Find(selector)
		require.NotZero(t, found.Length(), selector)
		for _, address := range attributes(found, "hx-get") {
			require.Contains(t, address, "apply=labels-3", selector)
		}
	}
	require.NotContains(t, doc.Find(".csv").AttrOr("href", ""), "apply=")
	require.NotContains(t, doc.Find("#apply-note a").AttrOr("href", ""), "apply=")
}
