package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// flow is one way to change labels or taints of the selected nodes, from the
// selection bar to the plan.
type flow struct {
	name  string
	press []string // in the selection bar
	fill  func(x *tab)
	plan  string // the button that opens it
	query string // of the table that then shows the changed nodes
	wants func(n *corev1.Node) bool
	log   string
}

// choose selects an option of a select element, as the keyboard does.
func (x *tab) choose(selector, value string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`((s) => {
		if (!s) return false;
		s.value = %q;
		s.dispatchEvent(new Event("change", { bubbles: true }));
		return s.value === %q;
	})(document.querySelector(%q))`, value, value, selector))
}

func addRow(key, value, effect string) func(x *tab) {
	return func(x *tab) {
		x.fill(`#edit-form li:first-child > [name=new_key]`, key)
		x.fill(`#edit-form li:first-child > [name=new_value]`, value)
		if effect != "" {
			x.choose(`#edit-form li:first-child [name=new_effect]`, effect)
		}
	}
}

func removeRow(id string) func(x *tab) {
	return func(x *tab) { x.press(fmt.Sprintf(`#edit-form input[name=unset][value=%q]`, id)) }
}

func replaceBy(fill func(x *tab)) func(x *tab) {
	return func(x *tab) {
		x.press("#mode-replace")
		fill(x)
	}
}

func tainted(id, value string) func(n *corev1.Node) bool {
	return func(n *corev1.Node) bool {
		for _, t := range n.Spec.Taints {
			if t.Key+":"+string(t.Effect) == id {
				return t.Value == value
			}
		}
		return value == "-"
	}
}

func labelled(key, value string) func(n *corev1.Node) bool {
	return func(n *corev1.Node) bool {
		got, ok := n.Labels[key]
		return ok && got == value || !ok && value == "-"
	}
}

// seedFlows are the flows of the first version of this tool, one after the
// other on the same nodes.
func seedFlows(labelTemplate, taintTemplate string) []flow {
	const labels, taints = "batch label update", "batch taint update"
	bar := func(what string) []string { return []string{"#bar-" + what} }
	more := func(what string) []string { return []string{"#bar details.menu > summary", "#bar-" + what} }
	apply := func(kind, id string, then func(x *tab)) func(x *tab) {
		return func(x *tab) {
			x.choose("#f-choose", kind+"-"+id)
			x.until(fmt.Sprintf(`document.querySelector("#apply-form [name=template]")?.value === %q`, id))
			then(x)
		}
	}
	return []flow{
		{
			"add a label", bar("labels"), addRow("tier", "gold", ""), "#edit-plan", "label=tier%3Dgold",
			labelled("tier", "gold"), labels,
		},
		{"delete a label", bar("labels"), removeRow("tier"), "#edit-plan", "label=env%3Ddev", labelled("tier", "-"), labels},
		{
			"replace the labels", bar("labels"), replaceBy(addRow("only", "1", "")), "#edit-plan", "label=only",
			labelled("env", "-"), labels,
		},
		{
			"add a taint", bar("taints"), addRow("maint", "now", "NoSchedule"), "#edit-plan", "taint=maint%3Dnow:NoSchedule",
			tainted("maint:NoSchedule", "now"), taints,
		},
		{
			"delete a taint", bar("taints"), removeRow("maint:NoSchedule"), "#edit-plan", "label=only",
			tainted("maint:NoSchedule", "-"), taints,
		},
		{
			"replace the taints", bar("taints"), replaceBy(addRow("sole", "1", "PreferNoSchedule")), "#edit-plan", "taint=sole",
			tainted("spot:NoSchedule", "-"), taints,
		},
		{
			"copy taints", more("copy"), func(x *tab) { x.press("#source-1") }, "#edit-plan", "taint=gpu",
			tainted("gpu:NoSchedule", "a100"), "batch taint copy",
		},
		{
			"apply a template of labels", more("template"),
			apply("labels", labelTemplate, func(x *tab) { x.choose(`[name="value.pool"]`, "blue") }),
			"#apply-do", "label=pool%3Dblue", labelled("pool", "blue"), labels,
		},
		{
			"apply a template of taints", more("template"), apply("taints", taintTemplate, func(*tab) {}), "#apply-do",
			"taint=team%3Da:NoSchedule", tainted("team:NoSchedule", "a"), taints,
		},
	}
}

// template makes a template through the JSON API and returns its number.
func (p *program) template(t testing.TB, kind, name, entry string) string {
	t.Helper()
	var made struct{ ID int64 }
	p.request(t, http.MethodPost, "/templates/"+kind+"/new", url.Values{"name": {name}, "entry": {entry}}, &made)
	require.Positive(t, made.ID)
	return fmt.Sprint(made.ID)
}

// Every common flow, on few nodes and on many: from the selection to the plan,
// the batch, and a table that is fresh at once.
func TestBrowser_labelsAndTaints(t *testing.T) {
	for size, count := range map[string]int{"few": 3, "many": 8} {
		t.Run(size, func(t *testing.T) {
			c := lease(t)
			names := c.Nodes(t, count, kubetest.WithLabels(map[string]string{"env": "dev"}),
				kubetest.WithTaints(corev1.Taint{Key: "spot", Effect: corev1.TaintEffectNoSchedule}))
			c.Nodes(t, 1, kubetest.WithTaints(corev1.Taint{Key: "gpu", Value: "a100", Effect: corev1.TaintEffectNoSchedule}))
			p := startProgram(t, c.Kubeconfig)
			flows := seedFlows(p.template(t, "labels", "pool", "pool=green|blue"),
				p.template(t, "taints", "team", "team=a|b:NoSchedule"))
			x := startBrowser(t).tab(p).signIn()
			for i, f := range flows {
				p.nodes(t, c.Name, "") // now the table is cached
				x.openNodes(c.Name, "")
				if i == 0 {
					x.tick(names...) // the selection is kept from flow to flow
				}
				x.selected(fmt.Sprintf("%d selected", count))
				for _, button := range f.press {
					x.press(button)
				}
				x.loaded("#edit-form, #choose-form")
				f.fill(x)
				x.press(f.plan)
				x.until(`document.querySelector("#plan-do")`)
				require.False(t, f.wants(c.Node(t, names[0])), "%s: a plan writes nothing", f.name)
				x.press("#plan-do")
				b := p.batch(t, x.untilBatch("succeeded"))
				require.Equal(t, count, b.Counts["succeeded"], "%s: %v", f.name, b.Counts)
				rows := names
				if f.name == "copy taints" {
					rows = nil // the source node has the taint too
				}
				x.openNodes(c.Name, "?"+f.query)
				if rows != nil {
					x.untilRows("Ready", rows...)
				}
				for _, name := range names {
					require.True(t, f.wants(c.Node(t, name)), "%s on %s", f.name, name)
				}
				lines := 0
				for _, earlier := range flows[:i+1] {
					if earlier.log == f.log {
						lines++
					}
				}
				require.Equal(t, lines, strings.Count(p.log(t), "Invalidated cache for cluster "+c.Name+" after "+f.log), f.name)
			}
		})
	}
}
