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

// headings is the text of the headings of groups.
const headings = `[...document.querySelectorAll("#nodes tr.group")].map((r) => r.querySelector(".of-group").innerText)`

// A group is selected over all pages with one click, folded by the keyboard, and stays so
// when the table follows a change; a batch of it names exactly its nodes.
func TestBrowser_groups(t *testing.T) {
	c := lease(t)
	zone := func(i int, n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = []string{"r1-a", "r1-b"}[i/70] }
	names := c.Nodes(t, 100, zone)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name&group=zone")
	x.until(headings + `.length === 1 && ` + headings + `[0].includes("70 nodes")`)
	whole := `document.querySelector("#nodes tr.group [data-names]")`
	x.press("#nodes tr.group [data-names]") // some of its nodes are on the second page
	x.selected("70 selected")
	require.True(t, value[bool](x, whole+`.checked`))
	require.Equal(t, "70 selected", value[string](x, `document.querySelector("#live").textContent`))
	x.press(box(names[3]))
	x.selected("69 selected")
	x.until(whole + `.indeterminate && !` + whole + `.checked`)
	x.press(box(names[3]))
	x.selected("70 selected")
	x.press("#page-next")
	x.until(headings + `.length === 2 && ` + headings + `[0].includes("continued")`)
	x.until(whole + `.checked`)
	require.Contains(t, value[string](x, `document.querySelector(".pager").innerText`), "51–100 of 100")

	// Folding by the keyboard leads to where the group begins, and stays while nodes change.
	value[any](x, `document.querySelector("#nodes tr.group .fold").focus()`)
	x.enter()
	x.until(`document.querySelector("#nodes .fold").ariaExpanded === "false" && location.search.includes("fold=r1-a")`)
	x.until(`document.activeElement.matches("#nodes .fold") && document.activeElement.innerText.includes("r1-a")`)
	x.untilFirst(names[70])
	cordonBeside(t, c, names[70])
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[70]))
	x.until(headings + `[1].includes("1 cordoned")`)
	require.Equal(t, "false", value[string](x, `document.querySelector("#nodes .fold").ariaExpanded`))
	require.True(t, value[bool](x, `document.activeElement.matches("#nodes .fold")`))
	x.do(chromedp.EmulateViewport(1440, 6000)) // so that nothing covers half of a row
	x.accessible("a table with groups")
	x.do(chromedp.EmulateViewport(1440, 900))
	x.do(chromedp.Reload())
	x.settled()
	x.selected("70 selected")
	require.Equal(t, "false", value[string](x, `document.querySelector("#nodes .fold").ariaExpanded`))

	x.operate("uncordon") // so many nodes are cordoned only after their plan was seen
	id := x.untilBatch("succeeded")
	var acted []string
	for _, item := range p.batch(t, id).Items {
		acted = append(acted, item.Node)
	}
	require.ElementsMatch(t, names[:70], acted)
	x.press("#fold-all")
	x.until(`document.querySelectorAll("#nodes [data-node]").length === 0 && ` + headings + `.length === 2`)
}

// Scripts get groups, the names of one, and batches of it.
func TestGroups_forScripts(t *testing.T) {
	c := lease(t)
	team := func(i int, n *corev1.Node) {
		if i < 3 {
			n.Labels["team"] = "web"
		}
	}
	names := c.Nodes(t, 5, team, kubetest.WithLabels(map[string]string{"pool": "gpu"}))
	p := startProgram(t, c.Kubeconfig)
	var list struct {
		Groups []struct {
			Key   string
			Nodes int
		}
		Items []struct{ Name string }
	}
	p.request(t, http.MethodGet, nodesPath(c.Name)+"?group=label:team", nil, &list)
	require.Len(t, list.Groups, 2)
	require.Equal(t, "web", list.Groups[0].Key)
	require.Equal(t, "-", list.Groups[1].Key)
	require.Equal(t, 2, list.Groups[1].Nodes)
	lines := p.reader(t, "en", adminName).send(t, http.MethodGet, nodesPath(c.Name)+".txt?group=label:team&in=-", nil)
	require.Equal(t, names[3:], strings.Fields(lines.body))
	var batch struct{ Total int }
	form := url.Values{
		"operation": {"cordon"}, "all": {"1"}, "filter.group": {"label:team"}, "filter.in": {"web"},
	}
	p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", form, &batch)
	require.Equal(t, 3, batch.Total)
	require.ElementsMatch(t, names[:3], p.cordonedIn(t, c.Name))
	response := p.request(t, http.MethodGet, nodesPath(c.Name)+"?group=colour", nil, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
}
