package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What others change shows by itself, while lists never expire: in the table, without
// losing the selection or the focus, and on the page of a node.
func TestBrowser_othersChanges(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig, "--list-ttl", "1h", "--hard-age", "1h")
	b := startBrowser(t)
	x := b.tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	x.untilRows("Ready", names...)
	x.tick(names[1], names[2])
	value[any](x, fmt.Sprintf(`document.querySelector('#nodes tr[data-node=%q] input').focus()`, names[2]))

	row := func(name, status string) {
		t.Helper()
		x.until(fmt.Sprintf(`%s[%q] === %q`, statusOf, name, status))
	}
	cordonBeside(t, c, names[0])
	row(names[0], "Ready,SchedulingDisabled")
	added := c.Nodes(t, 1)[0]
	row(added, "Ready")
	require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), added, metav1.DeleteOptions{}))
	x.until(fmt.Sprintf(`!(%q in %s)`, added, statusOf))
	x.selected("2 selected")
	require.Equal(t, names[2], value[string](x, `document.activeElement.value`), "the focus stays in its row")

	value[any](x, watchRows)
	value[any](x, `document.querySelector("#bar .menu").open = true`)
	cordonBeside(t, c, names[1])
	row(names[1], "Ready,SchedulingDisabled")
	x.until(`document.querySelector("#nodes").ariaBusy === "false"`)
	require.Equal(t, []string{names[1]}, value[[]string](x, `[...touched]`), "only the row that has changed is swapped")
	require.True(t, value[bool](x, `document.querySelector("#bar .menu").open`), "the open menu stays")
	require.Less(t, value[float64](x, `shifted`), 0.05, "nothing moves")
	x.selected("2 selected")
	require.Equal(t, names[2], value[string](x, `document.activeElement.value`))

	value[any](x, `void (window.shown = document.querySelector(".as-of").dataset.asof)`)
	x.until(`document.querySelector(".as-of").dataset.asof > shown`)

	y := b.tab(p).signIn()
	y.open(nodesPath(c.Name) + "/" + names[3])
	y.until(`document.querySelector("#node .st").innerText.trim() === "Ready"`)
	cordonBeside(t, c, names[3])
	y.until(`document.querySelector("#node .st").innerText.includes("SchedulingDisabled")`)
	row(names[3], "Ready,SchedulingDisabled")
}

// watchRows collects the names of the rows in which anything but a relative time changes,
// and sums up how far the page moves without a reason.
const watchRows = `{
	window.shifted = 0;
	new PerformanceObserver((list) => {
		for (const shift of list.getEntries()) if (!shift.hadRecentInput) shifted += shift.value;
	}).observe({ type: "layout-shift" });
	window.touched = new Set();
	const note = (node) => {
		const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
		const row = element?.closest("tr[data-node]");
		if (row && !element.closest("time")) touched.add(row.dataset.node);
	};
	const watch = (list) => list.forEach((m) => [m.target, ...m.addedNodes].forEach(note));
	const everything = { subtree: true, childList: true, attributes: true, characterData: true };
	new MutationObserver(watch).observe(document.querySelector("#nodes"), everything);
}`

// While a batch has a node, the row of the node names it, on one cluster and on all.
func TestBrowser_rowNamesItsBatch(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	proxy := c.Proxy(t)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name), followed)
	hold := make(chan struct{})
	running := p.submitHeld(t, c, proxy, hold, names[1])
	x := startBrowser(t).tab(p).signIn()
	for _, path := range []string{"/nodes", nodesPath(c.Name)} {
		x.open(path)
		x.settled()
		works := value[map[string]string](x, `Object.fromEntries([...document.querySelectorAll("#nodes .chip.work")].map(
			(a) => [a.closest("tr").dataset.node, new URL(a.href).pathname]))`)
		require.Len(t, works, 1)
		for _, address := range works {
			require.Equal(t, "/batches/"+running.ID, address)
		}
	}
	close(hold)
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[1]))
	x.until(`!document.querySelector("#nodes .chip.work")`)
}
