package plan_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/change"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// text returns a pointer to a value, as a state has it.
func text(s string) *string { return &s }

func labelState(pairs ...string) change.State {
	s := change.State{Labels: map[string]*string{}}
	for _, pair := range pairs {
		key, value, set := strings.Cut(pair, "=")
		if s.Labels[key] = nil; set {
			s.Labels[key] = text(value)
		}
	}
	return s
}

// changePlan is the plan of a change of labels with a node of every kind.
func changePlan(alter func(*plan.View)) plan.View {
	v := plan.View{
		Cluster: viewstest.OddCluster, Operation: "label", IdempotencyKey: "key-5", Names: []string{"a", "b", "c", "d"},
		MayForce: true, Back: "/back", Digest: "d1",
		Summary: plan.Summary{Total: 4, Changed: 2, Unchanged: 1, Blocked: 1},
		Nodes: []plan.Node{
			{
				Node: "a", Changes: true, Before: labelState("tier", "env=dev", "old=1"),
				After: labelState("tier=gold", "env=prod", "old"), Protected: []string{"kubernetes.io/os"},
			},
			{
				Node: "b", Changes: true, Before: labelState("tier", "env=dev", "old=2"),
				After:     labelState("tier=gold", "env=prod", "old"),
				Protected: []string{"kubernetes.io/os", "topology.kubernetes.io/zone"},
			},
			{Node: "c", Before: labelState("tier=gold", "env=prod"), After: labelState("tier=gold", "env=prod")},
			{Node: "d", Blockers: []string{"It is gone."}},
		},
		Change: &plan.Change{
			Fields: url.Values{"mode": {"add"}, "label": {"tier=gold", "env=prod", "old-"}},
			Edit:   ui.EditURL(viewstest.OddCluster, "labels"),
		},
	}
	if alter != nil {
		alter(&v)
	}
	return v
}

// taintPlan evicts pods and names a protected taint.
func taintPlan(alter func(*plan.View)) plan.View {
	return changePlan(func(v *plan.View) {
		gpu, off := &node.Taint{Key: "gpu", Value: "true", Effect: "NoExecute"}, &node.Taint{Key: "gpu", Effect: "NoExecute"}
		v.Operation, v.Change.Fields = "taint", url.Values{"mode": {"replace"}, "taint": {"gpu:NoExecute"}}
		v.Nodes = []plan.Node{
			{
				Node: "a", Changes: true, Before: change.State{Taints: map[string]*node.Taint{"gpu:NoExecute": gpu}},
				After: change.State{Taints: map[string]*node.Taint{"gpu:NoExecute": off}},
			},
			{
				Node: "b", Changes: true,
				Before: change.State{
					Taints: map[string]*node.Taint{"gpu:NoExecute": nil, "x:NoSchedule": {Key: "x", Value: "1", Effect: "NoSchedule"}},
				},
				After:    change.State{Taints: map[string]*node.Taint{"gpu:NoExecute": off, "x:NoSchedule": nil}},
				Warnings: []string{"Look."},
			},
		}
		v.Change.Evictions = operation.Evictions{Pods: 12, Delayed: 2, ByNode: map[string]int{"a": 7, "b": 5}}
		v.Change.Named = []string{"node.kubernetes.io/unreachable"}
		if alter != nil {
			alter(v)
		}
	})
}

// manyChanges is a plan over thousands of nodes; value tells a node's own.
func manyChanges(n int, value func(i int) string) plan.View {
	return changePlan(func(v *plan.View) {
		v.Nodes, v.Names = nil, nil
		for i := range n {
			name := fmt.Sprintf("ip-10-%d-%d-%d.eu-central-1.compute.internal", i/65536, i/256%256, i%256)
			v.Names = append(v.Names, name)
			v.Nodes = append(v.Nodes, plan.Node{
				Node: name, Changes: true, Before: labelState("tier="+value(i), "old="+value(i)),
				After:     labelState("tier=gold", "old"),
				Protected: []string{"kubernetes.io/hostname", "kubernetes.io/os"},
			})
		}
		v.Summary = plan.Summary{Total: n, Changed: n}
	})
}

// changePlanPages are the plans of labels and taints.
func changePlanPages() map[string]templ.Component {
	f := viewstest.Frame()
	return map[string]templ.Component{
		"plan of labels": plan.Page(f, changePlan(nil)),
		"plan that moved": plan.Page(
			f, changePlan(func(v *plan.View) { v.Change.Moved, v.Change.Template = true, "gold nodes" }),
		),
		"plan of nothing": plan.Page(
			f, changePlan(func(v *plan.View) { v.Nodes, v.Summary = v.Nodes[2:3], plan.Summary{Total: 1, Unchanged: 1} }),
		),
		"plan of taints": plan.Page(f, taintPlan(nil)),
		"plan of a user": plan.Page(
			f, taintPlan(func(v *plan.View) { v.MayForce, v.Change.Evictions = false, operation.Evictions{Unread: true} }),
		),
		"plan of taints, refused": plan.Page(f, taintPlan(func(v *plan.View) {
			v.Problem = &ui.Problem{Fields: map[string]string{"confirm_pods": "Confirm.", "confirm": "Type."}}
		})),
		"plan of a copy": plan.Page(f, taintPlan(func(v *plan.View) {
			v.Operation, v.Change.Fields = "copy-taints", url.Values{"source": {"g1"}, "mode": {"merge"}}
			v.Change.Source = []node.Taint{{Key: "gpu", Value: "true", Effect: "NoSchedule"}}
			v.Change.Left = []node.Taint{{Key: "node.kubernetes.io/unreachable", Effect: "NoExecute"}}
		})),
		"plan that cannot be read": plan.Page(f, changePlan(func(v *plan.View) {
			v.Nodes, v.Summary, v.Problem = nil, plan.Summary{}, &ui.Problem{
				Text: "No.", Fields: map[string]string{"label": "bad"},
			}
		})),
	}
}

func TestPlanOfLabels(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), changePlan(nil))))
	require.Equal(t, "2 change 1 unchanged 1 blocked 2 protected keys", viewstest.Spoken(doc.Find(".plan-tally")))
	groups := doc.Find(".diff-groups > li")
	require.Equal(t, 3, groups.Length())
	require.Equal(t, "1 node It is gone. d", viewstest.Spoken(groups.Eq(0)))
	require.Equal(
		t, "2 nodes add tier=gold change env dev → prod remove old a, b", viewstest.Spoken(groups.Eq(1)),
		"the value that goes differs, so it is not named",
	)
	require.Equal(t, "1 node no change needed unchanged env=prod unchanged tier=gold c", viewstest.Spoken(groups.Eq(2)))
	form := doc.Find("#plan-form")
	require.Equal(t, []string{"tier=gold", "env=prod", "old-"}, viewstest.Attributes(form.Find("[name=label]"), "value"))
	require.Equal(t, "d1", form.Find("[name=plan]").AttrOr("value", ""))
	require.Equal(t, "Change labels on 2 nodes", viewstest.Spoken(doc.Find("#plan-do")))
	require.Equal(t, ui.EditURL(viewstest.OddCluster, "labels"), doc.Find("#plan-change").AttrOr("formaction", ""))
	require.Zero(t, form.Find("[name=confirm], [name=confirm_pods]").Length())
	require.Equal(t, "2 protected, not changed", viewstest.Spoken(doc.Find("details.locked-keys summary")))

	doc = viewstest.Document(
		t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), changePlan(func(v *plan.View) { v.Summary.Changed = 0 }))),
	)
	require.Zero(t, doc.Find("#plan-do").Length(), "there is nothing to do")
}

func TestPlanOfTaints(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), taintPlan(nil))))
	require.Contains(
		t, viewstest.Spoken(doc.Find("#evictions")), "12 pods on 2 nodes will be evicted, ignoring disruption budgets.",
	)
	require.Contains(t, viewstest.Spoken(doc.Find("#evictions")), "a 7 pods b 5 pods")
	box := doc.Find("input[type=checkbox][name=confirm_pods]")
	require.Equal(t, "12", box.AttrOr("value", ""))
	require.Equal(t, "Yes, evict 12 pods", viewstest.Spoken(doc.Find(`label[for=opt-confirm_pods]`)))
	require.Equal(t, 1, doc.Find("input[name=confirm]").Length())
	require.True(t, doc.Find("#plan-do").HasClass("danger"))
	require.Contains(t, viewstest.Spoken(doc.Find(".diff-groups")), "change gpu:NoExecute true → (empty)")
	require.Contains(t, viewstest.Spoken(doc.Find(".diff-groups")), "add gpu:NoExecute remove x=1:NoSchedule")

	doc = viewstest.Document(
		t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), taintPlan(func(v *plan.View) { v.MayForce = false }))),
	)
	require.Contains(t, viewstest.Spoken(doc.Find("#named")), "Only an administrator may change it")
	require.Zero(t, doc.Find("input[name=confirm], #plan-do").Length())

	doc = viewstest.Document(
		t,
		viewstest.Render(
			t, "en",
			plan.Page(
				viewstest.Frame(), taintPlan(func(v *plan.View) { v.Change.Evictions = operation.Evictions{Unread: true} }),
			),
		),
	)
	require.Equal(t, "unknown", doc.Find("[name=confirm_pods]").AttrOr("value", ""))
}

// Thousands of nodes with the same change are one line, and a page that a phone
// opens; thousands with changes of their own are still a page.
func TestPlanOfLabels_manyNodes(t *testing.T) {
	for _, locale := range ui.Locales() {
		html := viewstest.Render(
			t, locale, plan.Page(viewstest.Frame(), manyChanges(5000, func(int) string { return "dev" })),
		)
		doc := viewstest.Document(t, html)
		require.Equal(t, 1, doc.Find(".diff-groups > li").Length())
		names := len("ip-10-0-0-100.eu-central-1.compute.internal ") * 5000
		require.Less(t, len(html), names+64<<10, "what is beside the names is small")
		require.Less(t, doc.Find("*").Not("dialog *, template *").Length(), 425, "the help and the notes are on every page")
		require.Equal(t, 5000, len(strings.Fields(doc.Find("[name=nodes]").AttrOr("value", ""))))
		require.Contains(t, doc.Find(".diff-groups details").Text(), "4,800")
	}

	doc := viewstest.Document(
		t,
		viewstest.Render(
			t, "en", plan.Page(viewstest.Frame(), manyChanges(5000, func(i int) string { return fmt.Sprint("v", i) })),
		),
	)
	require.Equal(
		t, 1, doc.Find(".diff-groups > li").Length(), "the values before do not tell groups apart when there are too many",
	)
	require.Contains(
		t, viewstest.Spoken(doc.Find(".diff-groups > li")), "change tier different values → gold remove old",
	)

	own := manyChanges(100, func(int) string { return "dev" })
	for i := range own.Nodes {
		own.Nodes[i].After = labelState(fmt.Sprintf("tier=%d", i))
	}
	doc = viewstest.Document(t, viewstest.Render(t, "en", plan.Page(viewstest.Frame(), own)))
	require.Equal(t, 30, doc.Find(".diff-groups > li").Length())
	require.Contains(t, doc.Find(".plan .card").Text(), "and 70 more nodes with different changes")
}
