package acceptance

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// axe is axe-core, which checks a page against the rules of WCAG. Its license is
// in the same directory.
//
//go:embed testdata/axe-4.14.1.min.js
var axe string

// violation is one rule that a page breaks.
type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Where []string `json:"where"`
}

const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}).then((r) => r.violations.map((v) => ({
	id: v.id,
	help: v.help,
	where: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + " — " + n.failureSummary),
})))`

// accessible checks the page in its present state, except for the named rules.
func (x *tab) accessible(what string, except ...string) {
	x.t.Helper()
	// parts that are loading are pale
	x.until(`document.readyState === "complete" && !document.querySelector("[aria-busy=true], .htmx-request")`)
	if !value[bool](x, `"axe" in window`) {
		value[any](x, axe+";null")
	}
	found, err := chromedp.Run(x.ctx, chromedp.Evaluate[[]violation](runAxe, chromedp.EvalAwaitPromise))
	require.NoError(x.t, err)
	text := ""
	for _, v := range found {
		if slices.Contains(except, v.ID) {
			continue
		}
		text += fmt.Sprintf("%s: %s\n  %s\n", v.ID, v.Help, strings.Join(v.Where, "\n  "))
	}
	if text != "" {
		x.t.Errorf("%s:\n%s", what, text)
	}
}

// Every page meets WCAG 2.2 AA in both themes, as far as a program can check.
func TestBrowser_accessible(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "web", "topology.kubernetes.io/zone": "eu-1"}))
	c.Nodes(t, 2, kubetest.NotReady())
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 4, kubetest.OnNodes(names[0]), kubetest.Requests("500m", "1Gi"))
	c.Budget(t, namespace, "web", 4)
	c.Pod(t, namespace, "alone", names[0], kubetest.EmptyDir())
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	partial, _ := p.submit(t, c.Name, "cordon", names[0], names[1], "ghost")
	p.awaitBatch(t, partial.ID)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	running := p.submitHeld(t, c, proxy, hold, names[2:12]...)

	x := startBrowser(t).tab(p)
	x.expect("422", "404")
	for _, theme := range []string{"light", "dark"} {
		x.theme(theme)
		if theme == "light" {
			x.open("/login")
			x.accessible(theme + ", sign-in")
			x.signIn()
		}
		x.openNodes(c.Name, "")
		x.tick(names[3])
		// The bar and the dock cover the end of the table, which scrolls.
		x.accessible(theme+", nodes with a selection and a dock", "target-size")
		x.press("[data-keys]")
		x.until(`document.querySelector("#keys").open`)
		x.accessible(theme + ", keys")
		x.escape()
		x.press("#bar [data-clear]")
		for what, path := range map[string]string{
			"nodes, none match": nodesPath(c.Name) + "?q=nothing",
			"nodes, refused":    nodesPath(c.Name) + "?status=Fine",
			"node":              nodesPath(c.Name) + "/" + names[0],
			"node, not ready":   nodesPath(c.Name) + "/" + names[59],
			"batches":           "/batches",
			"batch, running":    "/batches/" + running.ID,
			"batch, ended":      "/batches/" + partial.ID,
			"labels":            "/clusters/" + c.Name + "/labels",
			"taints":            "/clusters/" + c.Name + "/taints",
			"clusters":          "/clusters",
			"users":             "/users",
			"user":              "/users/" + adminName,
			"user, new":         "/users/new",
			"user, delete":      "/users/" + adminName + "/delete",
			"profile":           "/profile",
			"no page":           "/nowhere",
		} {
			x.open(path)
			x.accessible(theme + ", " + what)
		}
		x.open("/docs/api")
		value[any](x, `document.querySelectorAll("details").forEach((d) => { d.open = true; })`)
		x.accessible(theme + ", HTTP API")
		x.open(nodesPath(c.Name))
		x.tick(names[0])
		x.press("#bar button[value=drain]")
		x.until(`document.querySelector("#plan-form")`)
		x.accessible(theme + ", plan of a drain")
		x.accessibleForms(c.Name, theme, names[:3])
		value[any](x, `sessionStorage.clear()`)
	}
	x = startBrowserWith(t, withFinger).tab(p).signIn()
	x.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	x.openNodes(c.Name, "")
	x.accessible("phone, nodes")
}

// accessibleForms checks the forms of labels and taints, filled in and refused,
// and their plans.
func (x *tab) accessibleForms(cluster, theme string, names []string) {
	x.t.Helper()
	choose := func(button string) {
		value[any](x, `sessionStorage.clear()`)
		x.openNodes(cluster, "")
		x.tick(names...)
		if button == "#bar-copy" {
			x.press("#bar .menu summary")
		}
		x.press(button)
		x.loaded("#edit-form")
	}
	choose("#bar-copy")
	x.accessible(theme + ", copy taints")
	choose("#bar-labels")
	value[any](x, `document.querySelectorAll("details").forEach((d) => d.open = true)`)
	x.fill("[name=new_key]", "a b")
	x.press("#edit-plan")
	x.loaded("#edit-form .wrong svg")
	x.accessible(theme + ", edit labels, refused")
	choose("#bar-taints")
	value[any](x, `document.querySelector("[name=new_effect]").value = "NoExecute"`)
	x.fill("[name=new_key]", "node.kubernetes.io/off")
	x.accessible(theme + ", edit taints")
	x.press("#edit-plan")
	x.until(`document.querySelector("#plan-form")`)
	value[any](x, `document.querySelectorAll("details").forEach((d) => d.open = true)`)
	x.accessible(theme + ", plan of taints")
}

// theme selects a color theme with the button in the rail.
func (x *tab) theme(name string) {
	x.t.Helper()
	x.open("/login")
	value[any](x, `window.before = true`)
	x.press(fmt.Sprintf("button[name=theme][value=%q]", name))
	x.until(fmt.Sprintf(`!window.before && document.documentElement.dataset.theme === %q && `+
		`document.readyState === "complete"`, name))
}
