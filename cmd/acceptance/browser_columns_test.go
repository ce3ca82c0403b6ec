package acceptance

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// shownColumns is the headings of the table.
const shownColumns = `[...document.querySelectorAll("#nodes thead th:not(.tick, .act)")]` +
	`.map((e) => e.querySelector("a")?.innerText.trim() ?? e.innerText.trim())`

// Columns are chosen and ordered by keyboard alone, and kept; so is the density.
func TestBrowser_chosenColumns(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 2, kubetest.WithLabels(map[string]string{"team": "web"}))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	focus := func(selector string) { value[any](x, `document.querySelector("`+selector+`").focus()`) }
	focus("#columns-open")
	x.enter()
	x.until(`document.querySelector("dialog#columns[open]")?.contains(document.activeElement)`)
	x.accessible("the form of the columns")
	x.fill("#column-label", "no label")
	focus("#column-add")
	x.enter()
	x.until(`document.querySelector("#columns .wrong").innerText.includes("is not the key of a label")`)
	x.fill("#column-label", "team")
	focus("#column-add")
	x.enter()
	x.until(`document.querySelector("#columns li input[name=show]").value === "label:team"`)
	focus("#columns li:first-child button:last-child") // down
	x.enter()
	x.until(`document.querySelectorAll("#columns li input[name=show]")[1].value === "label:team"`)
	require.Equal(t, "↓", value[string](x, `document.activeElement.innerText`), "the focus follows the column")
	for _, key := range []string{"roles", "pool", "zone", "version", "memory", "pods", "tags", "age", "kernel"} {
		focus("#column-" + key)
		x.key(" ", "Space", " ", 32)
	}
	focus("#density-compact")
	x.key(" ", "Space", " ", 32)
	focus("#columns .primary")
	x.enter()
	want := `["NAME", "STATUS", "TEAM", "CPU", "KERNEL"]`
	x.until(`JSON.stringify(` + shownColumns + `.map((s) => s.toUpperCase())) === JSON.stringify(` + want + `)`)
	require.Equal(t, "compact", value[string](x, `document.documentElement.dataset.density`))
	height := value[float64](x, `document.querySelector("#nodes tbody tr").getBoundingClientRect().height`)
	require.InDelta(t, 26, height, 2)
	x.do(chromedp.Reload())
	x.settled()
	x.until(`JSON.stringify(` + shownColumns + `.map((s) => s.toUpperCase())) === JSON.stringify(` + want + `)`)
	csv := value[string](x, `document.querySelector("a.csv").href`)
	require.Contains(t, csv, url.QueryEscape("status,label:team,cpu,kernel"))

	// The address comes first, for links between people.
	x.openNodes(c.Name, "?cols=gpus,ip")
	x.until(shownColumns + `.join().toUpperCase() === "NAME,GPUS,INTERNAL IP"`)
	response := p.request(t, http.MethodGet, nodesPath(c.Name)+"?cols=colour", nil, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
}
