package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// openMenu opens the menu of a node's row.
func (x *tab) openMenu(name string) {
	x.t.Helper()
	value[any](x, fmt.Sprintf(`document.querySelector('#nodes tr[data-node=%q] .row-menu').focus()`, name))
	x.enter()
	x.until(fmt.Sprintf(`document.querySelector("#row-menu:popover-open #row-menu-name")?.textContent === %q`, name))
	x.until(`document.querySelector("#row-menu").contains(document.activeElement)`)
}

func (x *tab) down() { x.t.Helper(); x.key("ArrowDown", "ArrowDown", "", 40) }

// The menu of a row has every operation, works by keyboard, and stays open while the row
// changes behind it.
func TestBrowser_rowMenu(t *testing.T) {
	c := lease(t)
	gpu := corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}
	names := c.Nodes(t, 3, kubetest.WithTaints(gpu))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	x.tick(names[2])
	x.selected("1 selected")
	x.openMenu(names[0])
	require.Equal(t, []string{
		"Cordon", "Labels…", "Taints…", "Annotations…", "Template…", "Copy taints…", "Copy its taints to other nodes…",
		"Drain…", "Open the node", "Copy the name",
	}, value[[]string](x, `[...document.querySelectorAll("#row-menu .btn")].map((b) => b.textContent.trim())`))
	x.accessible("the menu of a row")

	cordonBeside(t, c, names[0])
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[0]))
	require.True(t, value[bool](x, `document.querySelector("#row-menu").matches(":popover-open")`))
	require.Equal(t, "Cordon", value[string](x, `document.activeElement.textContent.trim()`))
	x.until(fmt.Sprintf(`document.querySelector('tr[data-node=%q] .row-menu').ariaExpanded === "true"`, names[0]))
	x.down()
	x.until(`document.activeElement.textContent.trim() === "Labels…"`)
	x.letter('c') // is not for the selected node
	x.escape()
	x.until(fmt.Sprintf(`document.activeElement.closest("tr")?.dataset.node === %q`, names[0]))
	x.selected("1 selected")
	require.ElementsMatch(t, names[:1], p.cordonedIn(t, c.Name))

	// An operation with a reason, on this node only.
	x.openMenu(names[1])
	x.fill("#row-menu [name=reason]", "disk")
	value[any](x, `document.querySelector("#row-menu [value=cordon]").focus()`)
	x.enter()
	x.untilBatch("succeeded")
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[1]))
	why := fmt.Sprintf(`document.querySelector('tr[data-node=%q] .why').innerText`, names[1])
	require.Contains(t, value[string](x, why), "disk")
	require.ElementsMatch(t, names[:2], p.cordonedIn(t, c.Name))

	// The forms have the node.
	x.openMenu(names[1])
	x.down()
	x.enter()
	x.loaded("#edit-nodes")
	require.True(t, value[bool](x, `location.pathname.endsWith("/labels/edit")`))
	require.Contains(t, value[string](x, `document.querySelector("#edit-nodes").innerText`), names[1])

	// The taints of a node for others.
	x.openNodes(c.Name, "?sort=name")
	x.openMenu(names[0])
	x.press(`#row-menu a[href*="from-"]`)
	x.until(`document.querySelector("#apply-note")?.innerText.includes("Select the nodes that get the taints of")`)
	x.selected("1 selected")
	x.press("#bar-apply")
	x.until(`location.pathname.endsWith("/taints/copy")`)
	require.Equal(t, names[0], value[string](x, `new FormData(document.querySelector("#edit-form")).get("source")`))
}
