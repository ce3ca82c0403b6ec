package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// selected waits until the selection bar has this text.
func (x *tab) selected(text string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.body.hasAttribute("data-selected") && `+
		`document.querySelector("#picked").textContent === %q`, text))
}

func (x *tab) nothingSelected() {
	x.t.Helper()
	x.until(`!document.body.hasAttribute("data-selected") && !document.querySelector("#nodes input[name=node]:checked")`)
}

// untilFirst waits until this node is in the first row of the table.
func (x *tab) untilFirst(name string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.querySelector("#nodes tr[data-node]")?.dataset.node === %q`, name))
}

// cordonedIn returns the cordoned nodes of a cluster, read from the cluster
// itself.
func (p *program) cordonedIn(t testing.TB, cluster string) []string {
	t.Helper()
	var names []string
	for _, n := range p.nodes(t, cluster, "size=200&fresh=1&sched=cordoned").Items {
		names = append(names, n.Name)
	}
	return names
}

// The selection is kept across filters, orders, pages and a reload, and is what
// the batch gets.
func TestBrowser_selectionGoesOverAllPages(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 120)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.tick(names[3], names[7])
	x.selected("2 selected")

	x.fill("#q", names[77]) // a filter that does not match the first two
	x.untilRows("Ready", names[77])
	x.selected("2 selected")
	x.tick(names[77])
	x.selected("3 selected")
	require.Contains(t, value[string](x, `location.search`), "q="+names[77], "the filter is in the address")
	value[any](x, `document.querySelector("#q").select()`)
	x.backspace()
	x.enter()
	x.untilFirst(names[0])

	x.press("#sort-name") // the same order, reversed
	x.untilFirst(names[119])
	x.press("#page-next")
	x.untilFirst(names[69])
	x.press("#page-next")
	x.untilFirst(names[19])
	x.selected("3 selected")
	x.until(fmt.Sprintf(`document.querySelector(%q).checked && document.querySelector(%q).checked`, box(names[3]),
		box(names[7])))
	x.do(chromedp.Reload())
	x.untilFirst(names[19])
	x.selected("3 selected")
	x.settled()

	x.operate("cordon")
	id := x.untilBatch("succeeded")
	require.Equal(t, 3, p.batch(t, id).Total)
	require.ElementsMatch(t, []string{names[3], names[7], names[77]}, p.cordonedIn(t, c.Name))
}

// "All that match" selects the matches on all pages, except those that were
// deselected; once a batch is started, the selection is fixed to its nodes.
func TestBrowser_allThatMatch(t *testing.T) {
	c := lease(t)
	web := c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "db"}))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	const web60 = "?label=team%3Dweb&sched=schedulable"
	x.openNodes(c.Name, web60)
	x.press("#sel-page")
	x.selected("50 selected")
	x.until(`document.querySelector("#pick-all").textContent === "Select all 60 nodes"`)
	x.press("#pick-all")
	x.selected("all 60 nodes selected")

	// A deselected node stays deselected on other pages and after a reload.
	x.press(box(web[3]))
	x.selected("59 of 60 selected")
	x.press("#page-next")
	x.untilRows("Ready", web[50:]...)
	x.selected("59 of 60 selected")
	x.press(box(web[55]))
	x.selected("58 of 60 selected")
	x.do(chromedp.Reload())
	x.settled()
	x.selected("58 of 60 selected")
	x.press(box(web[55]))
	x.selected("59 of 60 selected")
	x.press("#page-prev")
	x.untilFirst(web[0])
	x.until(fmt.Sprintf(`!document.querySelector(%q).checked && document.querySelector("#sel-page").indeterminate`,
		box(web[3])))

	x.operate("cordon")
	x.agree()
	id := x.untilBatch("succeeded")
	require.Equal(t, 59, p.batch(t, id).Total)
	cordoned := append(append([]string{}, web[:3]...), web[4:]...)
	require.ElementsMatch(t, cordoned, p.cordonedIn(t, c.Name))

	// The filter matches one node by now; the selection is still what was
	// cordoned.
	x.openNodes(c.Name, web60)
	x.untilRows("Ready", web[3])
	x.selected("59 selected")
	x.letter('u')
	id = x.untilBatch("succeeded")
	require.Equal(t, 59, p.batch(t, id).Total)
	require.Empty(t, p.cordonedIn(t, c.Name))
	x.selected("59 selected")
}

// A changed filter matches other nodes: "all" does not silently apply to them.
func TestBrowser_allThatMatchEndsWithItsFilter(t *testing.T) {
	c := lease(t)
	web := c.Nodes(t, 55, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 5)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?label=team%3Dweb")
	x.press("#sel-page")
	x.press("#pick-all")
	x.selected("all 55 nodes selected")
	x.press("#bar-labels")
	x.loaded("#edit-form")
	require.Contains(t, value[string](x, `document.querySelector("#edit-nodes").textContent`), "55 nodes")
	require.Zero(t, value[int](x, `document.querySelectorAll("#edit-form [name=every]:checked").length`),
		"a filter is nothing to set")
	x.do(chromedp.NavigateBack())
	x.until(`document.querySelector("#bar")`)
	x.settled()
	x.selected("all 55 nodes selected")
	x.press("#sort-name") // a changed order is not a changed filter
	x.untilFirst(web[54])
	x.selected("all 55 nodes selected")
	x.press("#tokens a")
	x.until(`document.querySelector("#reload").dataset.match === "60"`)
	x.nothingSelected()
	x.until(`document.querySelector("#flash").textContent.includes("Selection cleared")`)
}

// byUs says of cordoned nodes that this program has cordoned them.
func byUs() kubetest.NodeOption {
	return func(_ int, n *corev1.Node) {
		n.Annotations = map[string]string{"kube-node-manager.io/cordon-by": adminName}
	}
}

// After a batch of all that match its nodes stay selected, whatever the filter
// then shows.
func TestBrowser_allThatMatchIsDoneBesideTheTable(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 55, kubetest.Cordoned(), byUs())
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sched=cordoned")
	x.press("#sel-page")
	x.press("#pick-all")
	x.press(box(names[1]))
	x.selected("54 of 55 selected")
	x.operate("uncordon")
	id := x.untilBatch("succeeded")
	require.Equal(t, 54, p.batch(t, id).Total)
	x.untilRows("Ready,SchedulingDisabled", names[1])
	x.selected("54 selected")
	require.Equal(t, names[1:2], p.cordonedIn(t, c.Name))
}

// The mouse and the keyboard.
func TestBrowser_keys(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 12)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")

	x.tick(names[2])
	x.shiftClick(box(names[5]))
	x.selected("4 selected")
	x.shiftClick(box(names[4])) // deselected again, from the last one clicked
	x.selected("2 selected")
	x.escape()
	x.nothingSelected()

	x.key("/", "Slash", "/", 191)
	x.until(`document.activeElement.id === "q" && !document.querySelector("#suggest").hidden`)
	x.escape() // the suggestions are over the rows
	x.until(`document.querySelector("#suggest").hidden`)
	x.tick(names[2], names[3])
	x.press("#q")
	x.letter('c') // in a field it types a letter
	x.until(`location.search.includes("q=c")`)
	x.backspace()
	x.until(`!location.search.includes("q=")`)
	x.until(`!document.querySelector("#suggest").hidden`)
	x.escape() // closes the suggestions
	x.until(`document.querySelector("#suggest").hidden && document.activeElement.id === "q"`)
	x.escape() // leaves the field and keeps the selection
	x.until(`document.activeElement.id !== "q"`)
	x.selected("2 selected")
	require.Empty(t, p.cordonedIn(t, c.Name))

	x.letter('c')
	id := x.untilBatch("succeeded")
	require.Equal(t, "cordon", p.batch(t, id).Operation)
	require.ElementsMatch(t, names[2:4], p.cordonedIn(t, c.Name))
	x.letter('u')
	x.until(fmt.Sprintf(`document.querySelector("#progress [data-batch]").dataset.batch !== %q`, id))
	x.untilBatch("succeeded")
	x.untilRows("Ready", names...)
	require.Empty(t, p.cordonedIn(t, c.Name))

	x.press("#bar .menu > summary")
	x.until(`document.querySelector("#bar .menu").open`)
	x.key("?", "Slash", "?", 191) // a dialog on top of the menu
	x.until(`document.querySelector("#keys").open`)
	x.escape()
	x.until(`!document.querySelector("#keys").open && document.querySelector("#bar .menu").open`)
	x.escape() // the menu is on top again
	x.until(`!document.querySelector("#bar .menu").open && document.activeElement.closest(".menu")`)
	x.selected("2 selected")

	x.key("?", "Slash", "?", 191)
	x.until(`document.querySelector("#keys").open`)
	x.letter('c') // an open dialog blocks the keys
	x.escape()
	x.until(`!document.querySelector("#keys").open`)
	x.selected("2 selected")
	require.Empty(t, p.cordonedIn(t, c.Name))
}

// shiftClick clicks the middle of an element with Shift held down.
func (x *tab) shiftClick(selector string) {
	x.t.Helper()
	type point struct {
		X float64 `json:"x"`
		Y float64 `json:"y"`
	}
	at := value[point](x, fmt.Sprintf(`(() => {
		const r = document.querySelector(%q).getBoundingClientRect();
		return { x: r.x + r.width / 2, y: r.y + r.height / 2 };
	})()`, selector))
	x.do(chromedp.MouseClickXY(at.X, at.Y, chromedp.ButtonModifiers(chromedp.ModifierShift)))
}

// The button of a row acts on this node only, not on selected nodes.
func TestBrowser_rowButton(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.tick(names[0], names[1])
	x.press(fmt.Sprintf(`#nodes tr[data-node=%q] td.act button[id^=op-]`, names[3]))
	x.untilBatch("succeeded")
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[3]))
	require.Equal(t, []string{names[3]}, p.cordonedIn(t, c.Name))
	x.selected("2 selected")
}

// The page of a node has one button to cordon or uncordon, and shows the
// result.
func TestBrowser_nodePage(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.press(fmt.Sprintf(`#nodes tr[data-node=%q] td.name a`, names[1]))
	x.until(fmt.Sprintf(`document.querySelector("h1")?.textContent === %q && document.body.dataset.live === "on"`,
		names[1]))
	x.fill("#reason", "disk swap")
	x.press("#operate[value=cordon]")
	x.untilBatch("succeeded")
	x.until(`document.querySelector("#node .st").textContent.includes("SchedulingDisabled")`)
	x.until(`document.querySelector("#node .why-full b")?.textContent === "disk swap"`)
	x.press("#operate[value=uncordon]")
	x.until(`!document.querySelector("#node .st").textContent.includes("SchedulingDisabled")`)
	require.Empty(t, p.cordonedIn(t, c.Name))
}

// When the session has ended, the page goes to the sign-in form and back to
// where it was; the table is never replaced by a form.
func TestBrowser_loginEndsWhileThePageIsOpen(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?size=100")
	x.expect("401")
	p.run(t, adminPassword+"\n", "user", "passwd", adminName, "--data", p.Data) // ends every session
	x.press("#sort-name")
	x.until(`location.pathname === "/login" && document.readyState === "complete"`)
	require.Equal(t, nodesPath(c.Name)+"?size=100", value[string](x, `new URLSearchParams(location.search).get("next")`))
	x.fill("#f-name", adminName)
	x.fill("#f-password", adminPassword)
	x.press("form.card button.primary")
	x.until(fmt.Sprintf(`location.pathname + location.search === %q`, nodesPath(c.Name)+"?size=100"))
	x.untilRows("Ready", names...)
	// the password change has revoked the first token
	p.Token = strings.TrimSpace(p.run(t, "", "user", "token", adminName, "--data", p.Data))
	response := p.request(t, http.MethodPost, "/logout", url.Values{}, nil)
	require.Less(t, response.StatusCode, 400)
}

// Columns keep their position from page to page, whatever their content; a
// reason of two lines is fully visible; headings are above their cells, also on
// a phone and where nothing can be selected.
func TestBrowser_columns(t *testing.T) {
	c := lease(t)
	// All digits have the same width, letters do not: the names differ only in
	// digits.
	numbered := make([]string, 53)
	for i := range numbered {
		numbered[i] = fmt.Sprintf("node-%04d.test", i)
	}
	names := c.Nodes(t, 50, kubetest.Named(numbered[:50]...),
		kubetest.WithLabels(map[string]string{"pool": "a", "topology.kubernetes.io/zone": "eu-1a"}))
	last := c.Nodes(t, 3, kubetest.Named(numbered[50:]...),
		kubetest.WithLabels(map[string]string{"pool": "a-long-pool", "topology.kubernetes.io/zone": "eu-far-away-2b"}))
	p := startProgram(t, c.Kubeconfig)
	p.run(t, adminPassword+"\n", "user", "add", "looker", "--role", "viewer", "--data", p.Data)
	const reason = "kernel 6.12 after the advisory, rack 17, ticket 4711"
	p.cordonFor(t, c.Name, reason, names[0])
	const at = `[...document.querySelectorAll("#nodes thead th:not(.roles)")].slice(0, 9)` +
		`.map((h) => h.getBoundingClientRect().x)`
	const apart = `[...document.querySelectorAll("#nodes thead th:is(.name, .status)")].map((h) => {
		const left = (e) => {
			const r = document.createRange();
			r.selectNodeContents(e.querySelector("a, .st svg") ?? e);
			return r.getBoundingClientRect().left;
		};
		const row = document.querySelector("#nodes tr.cordoned"), cell = row.cells[h.cellIndex];
		return Math.abs(left(h) - cell.querySelector("a, .st").getBoundingClientRect().left);
	}).every((d) => d < 1.5)`
	for _, user := range []string{adminName, "looker"} {
		x := startBrowser(t).tab(p)
		x.open("/login")
		x.fill("#f-name", user)
		x.fill("#f-password", adminPassword)
		x.press("form.card button.primary")
		x.until(`location.pathname !== "/login" && document.readyState === "complete"`)
		x.openNodes(c.Name, "?sort=pool")
		x.untilFirst(names[0])
		first := value[[]float64](x, at)
		x.until(apart)
		x.until(fmt.Sprintf(
			`[...document.querySelectorAll("#nodes .why")].every((w) => w.scrollHeight <= w.clientHeight + 1 && `+
				`w.textContent.includes(%q))`, reason))
		x.press("#page-next")
		x.untilFirst(last[0])
		x.settled()
		require.InDeltaSlice(t, first, value[[]float64](x, at), 1, user)
		x.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(1), chromedp.EmulateMobile))
		x.openNodes(c.Name, "?sort=pool")
		x.until(apart)
	}
	x := startBrowser(t).tab(p).signIn()
	x.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(1), chromedp.EmulateMobile))
	x.open("/batches")
	x.until(`(([h, c]) => h && h.paddingLeft === c.paddingLeft)(` +
		`[...document.querySelectorAll(".sheet tr > :first-child")].map((e) => getComputedStyle(e)))`)
}
