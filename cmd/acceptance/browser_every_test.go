package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A selection spans clusters: it is one plan, one panel and a batch in each of them, and
// the table beside it shows the truth. What others change shows by itself.
func TestBrowser_everyCluster(t *testing.T) {
	p, clusters, _ := everyProgram(t, "--list-ttl", "1h", "--hard-age", "1h")
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 8), b.Nodes(t, 8)
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.open("/nodes?sort=cluster")
	x.settled()
	chosen := append(refs(a.Name, inA[:2]...), refs(b.Name, inB[:2]...)...)
	x.tick(chosen...)
	x.selected("4 selected")
	x.operate("cordon")
	group := x.untilBatch("succeeded")
	require.True(t, strings.HasSuffix(group, "-all"))
	for _, ref := range chosen {
		x.everyRow(ref, "Ready,SchedulingDisabled")
	}
	require.Equal(t, 2, value[int](x, `document.querySelectorAll("#progress .group-members li").length`))
	x.selected("4 selected")

	cordonBeside(t, b, inB[5])
	x.everyRow(refs(b.Name, inB[5])[0], "Ready,SchedulingDisabled")

	x.press("#bar-labels")
	x.loaded("#edit-form [name=new_key]")
	x.fill("#edit-form [name=new_key]", "tier")
	x.fill("#edit-form [name=new_value]", "gold")
	x.press("#edit-form button.primary")
	x.until(`document.querySelectorAll("#plan-result .plan-part").length === 2`)
	x.press("#plan-do")
	x.until(`location.pathname === "/batches" && document.readyState === "complete"`)
	require.NotEqual(t, group, x.untilBatch("succeeded"))
	x.until(`document.querySelectorAll("#batches tbody tr").length === 2`)
	require.Equal(t, "gold", a.Node(t, inA[1]).Labels["tier"])
	require.Equal(t, "gold", b.Node(t, inB[1]).Labels["tier"])
	require.NotContains(t, b.Node(t, inB[2]).Labels, "tier")
}

// A plan over several clusters can leave one of them out, and one that reaches far is
// seen before it starts.
func TestBrowser_everyClusterLeavesOut(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 3), b.Nodes(t, 3)
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.open("/nodes")
	x.settled()
	x.press("#sel-page")
	x.selected("6 selected")
	x.operate("cordon")
	x.until(`document.querySelectorAll("#plan-result .plan-part").length === 2`)
	part := fmt.Sprintf(`#plan-result .plan-part[data-cluster=%q]`, b.Name)
	x.press(part + " .head button")
	x.until(`document.querySelectorAll("#plan-result .plan-part").length === 1 && document.querySelector("#plan-left")`)
	x.press("#plan-do")
	x.until(`location.pathname.startsWith("/batches/") && document.readyState === "complete"`)
	require.Equal(t, 3, p.awaitBatch(t, x.untilBatch("succeeded")).Total)
	require.True(t, a.Node(t, inA[0]).Spec.Unschedulable)
	require.False(t, b.Node(t, inB[0]).Spec.Unschedulable)
}

// A cluster that goes away is a line above the table, and its nodes cannot be chosen,
// until it is back; all without a reload of the page.
func TestBrowser_everyClusterButOne(t *testing.T) {
	p, clusters, proxy := everyProgram(t, "--list-ttl", "1s")
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 2), b.Nodes(t, 2)
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.expect("favicon.ico")
	x.open("/nodes")
	x.settled()
	ref := refs(b.Name, inB[0])[0]
	x.until(fmt.Sprintf(`document.querySelector(%q)`, box(ref)))
	repair := cut(proxy)
	x.until(fmt.Sprintf(`document.querySelector('.late-cluster[data-cluster=%q]')`, b.Name))
	x.until(fmt.Sprintf(`document.querySelector('#nodes tr[data-node=%q] .tick input')?.disabled`, ref))
	x.until(fmt.Sprintf(`document.querySelector(%q)`, box(refs(a.Name, inA[0])[0])))
	repair()
	x.until(`!document.querySelector(".late-cluster")`)
	x.until(fmt.Sprintf(`document.querySelector(%q)`, box(ref)))
}

// The pages of several clusters meet WCAG 2.2 AA in both themes, as far as a program can
// check: the table with a cluster that is down, the plan, and the group.
func TestBrowser_everyClusterAccessible(t *testing.T) {
	p, clusters, proxy := everyProgram(t, "--list-ttl", "1s")
	a, b := clusters[0], clusters[1]
	inA, inB := a.Nodes(t, 4), b.Nodes(t, 4)
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	both := append(refs(a.Name, inA[:2]...), refs(b.Name, inB[:2]...)...)
	query := "&node=" + strings.Join(both, "&node=")
	for _, theme := range []string{"light", "dark"} {
		x.theme(theme)
		x.open("/nodes?sort=cluster")
		x.settled()
		x.tick(both[0])
		x.press(".pick-clusters summary")
		x.accessible(theme+", nodes of all clusters", "target-size")
		x.press("#bar [data-clear]")
		for what, path := range map[string]string{
			"one cluster":      "/nodes?group=cluster&cluster=" + b.Name,
			"plan of a drain":  "/batches/preview?operation=drain" + query,
			"plan of a cordon": "/batches/preview?operation=cordon" + query,
			"labels":           "/nodes/labels/edit?x=1" + query,
			"plan of a taint":  "/batches/preview?operation=taint&taint=off%3ANoExecute" + query,
		} {
			x.open(path)
			x.accessible(theme + ", several clusters, " + what)
		}
	}
	x.open("/nodes?sort=cluster")
	x.settled()
	x.tick(both...)
	x.operate("cordon")
	group := x.untilBatch("succeeded")
	x.accessible("nodes of all clusters with a group in the dock", "target-size")
	x.open("/batches?group=" + group)
	x.accessible("group of batches")
	cut(proxy)
	x.open("/nodes")
	x.until(`document.querySelector(".late-cluster")`)
	x.accessible("nodes of all clusters but one")
}
