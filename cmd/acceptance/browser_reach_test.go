package acceptance

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// A far-reaching operation shows its plan first, from every button that starts
// it; any other is done with one click.
func TestBrowser_reach(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) { reachesFar(t, scripts) })
	}
}

func reachesFar(t *testing.T, scripts bool) {
	c := lease(t)
	gpu := c.Nodes(t, 2, kubetest.WithLabels(map[string]string{"pool": "gpu"}))
	rest := c.Nodes(t, 18)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p)
	if !scripts {
		x.withoutScripts()
	}
	x.signIn()
	x.open(nodesPath(c.Name))
	x.tick(gpu[0])
	x.operate("cordon")
	x.untilBatch("succeeded")
	require.Equal(t, gpu[:1], p.cordonedIn(t, c.Name), "one of two is one click")

	// The row of the last schedulable node of a pool.
	x.open(nodesPath(c.Name) + "?q=" + gpu[1])
	x.press(fmt.Sprintf(`#nodes tr[data-node=%q] td.act button[id^=op-]`, gpu[1]))
	x.until(`document.querySelectorAll("#plan-reach li").length === 1`)
	require.Equal(t, "Pool gpu would have no schedulable node left (1 of 2 in this plan)",
		value[string](x, `document.querySelector("#plan-reach [data-reach=pool][data-name=gpu]").textContent`))
	require.Equal(t, gpu[:1], p.cordonedIn(t, c.Name), "a plan writes nothing")

	// The plan has an address of its own: it can be reloaded, and Back leaves it.
	require.True(t, strings.HasPrefix(value[string](x, `location.pathname + location.search`),
		"/clusters/"+c.Name+"/batches/preview?"))
	address := value[string](x, `location.pathname + location.search`)
	x.do(chromedp.Reload())
	x.until(`document.querySelector("#plan-reach")`)
	value[any](x, `history.back()`) // a page from the back-forward cache has no load to wait for
	x.until(`location.pathname.endsWith("/nodes") && document.querySelector("#nodes tr")`)
	require.Equal(t, gpu[:1], p.cordonedIn(t, c.Name))
	x.open(address)
	x.agree()
	x.untilBatch("succeeded")
	require.True(t, strings.HasPrefix(value[string](x, `location.pathname`), "/batches/"))
	require.ElementsMatch(t, gpu, p.cordonedIn(t, c.Name))
	x.do(chromedp.Reload()) // of the batch, which starts nothing again
	x.untilBatch("succeeded")

	// A large share of the cluster.
	x.open(nodesPath(c.Name))
	x.tick(rest[:10]...)
	x.operate("cordon")
	x.until(`document.querySelector("#plan-reach [data-reach=share]")?.textContent === "10 of 20 nodes in the cluster, ` +
		`50%"`)
	require.ElementsMatch(t, gpu, p.cordonedIn(t, c.Name))
	x.agree()
	x.untilBatch("succeeded")
	require.Len(t, p.cordonedIn(t, c.Name), 12)
}

// Nodes are removed from a plan and put back, one by one and in groups; the
// plan is updated, and the batch has only the remaining nodes.
func TestBrowser_leaveOut(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) { leavesOut(t, scripts) })
	}
}

func leavesOut(t *testing.T, scripts bool) {
	c := lease(t)
	control := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"node-role.kubernetes.io/control-plane": ""}))
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p)
	if !scripts {
		x.withoutScripts()
	}
	x.signIn()
	x.open(nodesPath(c.Name))
	x.tick(append(control, names...)...)
	x.operate("cordon")
	const button = `document.querySelector("#plan-do")?.textContent`
	x.until(button + ` === "Cordon 7 nodes"`)
	x.press("#plan-leave > summary")
	x.press(fmt.Sprintf(`#plan-leave button[value=%q]`, strings.Join(control, " ")))
	x.until(button + ` === "Cordon 4 nodes"`)
	require.Equal(t, "3 nodes left out", value[string](x, `document.querySelector("#left-title").textContent`))
	x.until(`!document.querySelector("#plan-reach")`)
	x.press("#plan-leave > summary")
	x.press(fmt.Sprintf(`#plan-leave button[value=%q]`, names[0]))
	x.until(button + ` === "Cordon 3 nodes"`)
	x.press(fmt.Sprintf(`#plan-left button[value=%q]`, control[1]))
	x.until(button + ` === "Cordon 4 nodes"`)
	require.Equal(t, "3 nodes left out", value[string](x, `document.querySelector("#left-title").textContent`))
	x.do(chromedp.Reload())
	x.until(button + ` === "Cordon 4 nodes"`)
	x.press("#plan-do")
	id := x.untilBatch("succeeded")
	require.Equal(t, 4, p.batch(t, id).Total)
	require.ElementsMatch(t, append(control[1:2], names[1:]...), p.cordonedIn(t, c.Name))
}

// Nothing is lost between the table and a plan: filters, order, page,
// selection, reason.
func TestBrowser_planAndBack(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "web"}))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	const query = "?dir=desc&label=team%3Dweb&page=2&sort=name"
	x.openNodes(c.Name, query)
	x.tick(names[0], names[4])
	x.selected("2 selected")
	x.fill("#reason", "kernel CVE")
	x.press("#bar-labels")
	x.loaded("#edit-form")
	x.do(chromedp.Reload())
	x.until(`document.querySelector("#edit-form [name=reason]")?.value === "kernel CVE"`)
	require.Contains(t, value[string](x, `document.querySelector("#edit-nodes").textContent`), names[4],
		"the form says which nodes")
	addRow("tier", "gold", "")(x)
	x.press("#edit-plan")
	x.until(`document.querySelector("#plan-do")`)
	require.Equal(t, c.Name+" Nodes Labels",
		value[string](x, `[...document.querySelectorAll(".crumb li")].map((li) => li.textContent).join(" ")`))
	require.Equal(t, nodesPath(c.Name)+query,
		value[string](x, `document.querySelector(".crumb li:nth-child(2) a").getAttribute("href")`))
	x.do(chromedp.Reload())
	x.until(`document.querySelector("#plan-do")`)
	x.do(chromedp.Click(chromedp.CSS("#opt-reason")))
	x.key("End", "End", "", 35)
	x.letter('x')
	x.press("#plan-form .pair a")
	x.settled()
	require.Equal(t, nodesPath(c.Name)+query, value[string](x, `location.pathname + location.search`))
	x.selected("2 selected")
	require.Equal(t, "kernel CVEx", value[string](x, `document.querySelector("#reason").value`))
	require.NotContains(t, labels(t, c, names[0]), "tier")
}

// The plan of a drain follows its options, and so does its address.
func TestBrowser_planAddressFollowsOptions(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.open("/clusters/" + c.Name + "/batches/preview?" + url.Values{"operation": {"drain"}, "node": {names[0]}}.Encode())
	x.until(`document.querySelector("#plan-do")`)
	x.press("#opt-delete_emptydir")
	x.until(`location.search.includes("delete_emptydir=1")`)
	x.do(chromedp.Reload())
	x.until(`document.querySelector("#opt-delete_emptydir")?.checked`)
}
