package acceptance

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// The whole small language, in one text: only one node is as it says. Selectors and
// filters say the same.
func TestBrowser_searchLanguage(t *testing.T) {
	c := lease(t)
	gpu := corev1.Taint{Key: "gpu", Value: "a100", Effect: corev1.TaintEffectNoSchedule}
	labels := kubetest.WithLabels(map[string]string{corev1.LabelTopologyZone: "r1-a", "pool": "gpu", "env": "prod"})
	old := func(_ int, n *corev1.Node) { n.Status.NodeInfo.KubeletVersion = "v1.35.4" }
	pressed := func(_ int, n *corev1.Node) {
		n.Status.Conditions = append(n.Status.Conditions,
			corev1.NodeCondition{Type: corev1.NodePIDPressure, Status: corev1.ConditionTrue})
	}
	want := c.Nodes(t, 1, labels, old, kubetest.NotReady(), kubetest.WithTaints(gpu))
	ready := c.Nodes(t, 1, labels, old, pressed)
	other := c.Nodes(t, 1, kubetest.WithLabels(map[string]string{"env": "stage"}))
	p := startProgram(t, c.Kubeconfig)
	p.submit(t, c.Name, "cordon", want[0])
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	for text, names := range map[string][]string{
		"zone:r1-a !ready taint:gpu cpu<80% age<7d pool=gpu version<1.36 cordoned by:" + adminName: want,
		"pool=gpu -cordoned":                     ready,
		"env in (prod,stage) ready":              {ready[0], other[0]},
		"env notin (prod)":                       other,
		"pool=gpu,!gpu":                          {want[0], ready[0]},
		"tier!=web taint=gpu:NoSchedule":         want,
		"condition:pid":                          ready,
		`reason:"" ` + ready[0]:                  ready,
		strings.ToUpper(other[0]) + " !env=prod": other,
	} {
		x.paste("#q", text)
		x.untilNames(names...)
	}
	x.openNodes(c.Name, "?condition=PIDPressure&pool=gpu")
	x.untilNames(ready...)
	x.until(`document.querySelector("#tokens .token .cut").textContent === "PIDPressure"`)
	x.press("#tokens .token a")
	x.untilNames(want[0], ready[0])
	b := p.made(t, "/clusters/"+c.Name+"/batches", map[string][]string{
		"operation": {"label"}, "label": {"seen=yes"}, "all": {"1"}, "filter.pool": {"gpu"}, "filter.version": {"v1.35.4"},
		"filter.condition": {"PIDPressure"}, "filter.zone": {"r1-a"}, "reason": {"test"},
	})
	require.Equal(t, 1, b.Total)
	require.Equal(t, ready[0], b.Items[0].Node)
}

// The search is a combobox: arrows choose, Enter takes, Escape closes, and the table
// follows. What was searched for is suggested the next time.
func TestBrowser_suggestions(t *testing.T) {
	c := lease(t)
	zone := func(i int, n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = []string{"r1-a", "r1-b"}[i%2] }
	names := c.Nodes(t, 3, zone)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	down := func() { x.key("ArrowDown", "ArrowDown", "", 40) }
	marked := func(text string) {
		t.Helper()
		x.until(`document.getElementById(document.querySelector("#q").getAttribute("aria-activedescendant"))
			?.innerText.startsWith(` + strconv.Quote(text) + `)`)
	}
	x.paste("#q", "zone:")
	x.until(`document.querySelectorAll("#suggest [role=option]").length === 2`)
	require.Equal(t, "true", value[string](x, `document.querySelector("#q").getAttribute("aria-expanded")`))
	down()
	marked("zone:r1-a")
	down()
	marked("zone:r1-b")
	x.accessible("suggestions")
	x.enter()
	x.until(`document.querySelector("#q").value === "zone:r1-b "`)
	x.untilNames(names[1])
	x.paste("#q", names[2][:len(names[2])-1])
	x.until(`!document.querySelector("#suggest").hidden`)
	x.escape()
	require.True(t, value[bool](x, `document.querySelector("#suggest").hidden && document.activeElement.id === "q"`))
	x.paste("#q", "zone:r1-a")
	x.untilNames(names[0], names[2])
	x.enter()
	var searches struct{ Items []string }
	x.until(`fetch("/searches", { headers: { Accept: "application/json" } }).then((r) => r.json())
		.then((found) => found.items[0] === "zone:r1-a")`)
	p.request(t, http.MethodGet, "/searches", nil, &searches)
	require.Contains(t, searches.Items, "zone:r1-a")
	x.openNodes(c.Name, "")
	x.paste("#q", "")
	x.until(`[...document.querySelectorAll("#suggest [role=option]")].some((o) => o.innerText.trim() === "zone:r1-a")`)
}

// A view that one person shares is used by another, who cannot change it.
func TestBrowser_savedViews(t *testing.T) {
	c := lease(t)
	cordoned := c.Nodes(t, 1, kubetest.Cordoned())
	c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	b := startBrowser(t)
	x := b.tab(p).signIn()
	x.openNodes(c.Name, "?sched=cordoned&size=100")
	x.press("#views > summary")
	x.until(`document.querySelector("#view-name")?.offsetParent`)
	x.fill("#view-name", "Out of service")
	x.press("#views [name=shared]")
	x.accessible("the menu of saved views")
	x.press("#views .primary")
	x.until(`document.querySelector("#view-said")?.innerText.includes("Saved “Out of service”")`)
	x.until(`document.querySelector("#views-menu [aria-current]")?.innerText.includes("Out of service")`)

	p.run(t, gracePassword, "user", "add", "vera", "--role", "viewer", "--data", p.Data)
	vera := b.tab(p).signInAs("vera", gracePassword)
	vera.openNodes(c.Name, "")
	vera.press("#views > summary")
	vera.until(`document.querySelector("#views-menu li a")?.offsetParent`)
	require.False(t, value[bool](vera, `!!document.querySelector("#views [name=shared]")`), "she shares nothing")
	vera.press("#views-menu li a")
	vera.until(`location.search === "?sched=cordoned&size=100" && document.readyState === "complete"`)
	vera.untilNames(cordoned...)
	vera.open("/views")
	vera.until(`document.querySelector(".saved a b")?.textContent === "Out of service"`)
	require.False(t, value[bool](vera, `!!document.querySelector(".saved form")`), "it is another's")
	vera.accessible("the page of saved views")

	x.open("/views")
	x.paste(".saved [name=name]", "Cordoned")
	x.press(".saved form .btn:not(.danger)")
	x.until(`document.querySelector(".saved a b")?.textContent === "Cordoned"`)
	x.press(".saved .danger")
	x.until(`document.readyState === "complete" && !document.querySelector(".saved a b")`)
	require.NotEmpty(t, p.audit(t, "action=view.share"))
	require.NotEmpty(t, p.audit(t, "action=view.delete"))
}
