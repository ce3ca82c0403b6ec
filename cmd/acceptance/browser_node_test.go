package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// nodeDrain is what the JSON of a node, and of a plan, says of a drain.
type nodeDrain struct {
	Drain struct {
		Nodes []struct {
			Pods []struct {
				Namespace, Name, Verdict string
				Reasons                  []string
			}
		}
	}
}

func (d nodeDrain) verdicts() map[string]any {
	all := map[string]any{}
	for _, n := range d.Drain.Nodes {
		for _, p := range n.Pods {
			all[p.Namespace+"/"+p.Name] = p.Verdict
		}
	}
	return all
}

// verdictsShown are the verdicts in the table of pods.
const verdictsShown = `Object.fromEntries([...document.querySelectorAll("#pods tr[data-pod]")].map(
	(r) => [r.dataset.pod, r.dataset.verdict]))`

func (x *tab) openNode(cluster, name, query string) {
	x.t.Helper()
	x.open(nodesPath(cluster) + "/" + name + query)
	x.until(`document.body.dataset.live === "on" && !document.querySelector("#node .wait")`)
}

// The tabs are links that the keyboard reaches; each has an address, which a reload and the
// way back keep; the reason that was typed and the focus stay.
func TestBrowser_nodeTabs(t *testing.T) {
	c := lease(t)
	name := c.Nodes(t, 1, func(_ int, n *corev1.Node) {
		n.Annotations = map[string]string{"example.com/note": "short"}
		n.Status.Images = []corev1.ContainerImage{{Names: []string{"registry.example.com/web:1"}, SizeBytes: 5 << 20}}
	})[0]
	c.Deployment(t, c.Namespace(t), "web", 2)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNode(c.Name, name, "")
	x.fill("#reason", "disk swap")
	value[any](x, `document.querySelector("#to-overview").focus()`)
	for tab, shows := range map[string]string{
		"overview": "#resources tbody tr", "conditions": "#conditions tr[data-condition=Ready]", "pods": "#pods",
		"events": "#events", "labels": "#annotations dt", "images": "#images tbody th", "heartbeat": "#heartbeat dl",
		"yaml": "#yaml", "history": "#history",
	} {
		x.tabTo("#to-" + tab)
		x.enter()
		x.until(fmt.Sprintf(`document.querySelector("#node").dataset.tab === %q && document.querySelector(%q)`, tab, shows))
		x.until(fmt.Sprintf(`document.activeElement.id === "to-%s" && document.activeElement.ariaCurrent === "page"`, tab))
		require.Equal(t, "disk swap", value[string](x, `document.querySelector("#reason").value`))
		for _, theme := range []string{"light", "dark"} {
			value[any](x, fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
			x.accessible("node, " + tab + ", " + theme)
		}
	}
	x.openNode(c.Name, name, "?tab=yaml")
	x.press("#copy-yaml")
	x.until(`document.querySelector("#live").textContent === "Copied"`)
	require.Contains(t, value[string](x, `document.querySelector("#yaml").textContent`), "example.com/note: short")
	x.press("#to-images")
	x.until(`document.querySelector("#images")`)
	value[any](x, `history.back()`)
	x.until(`document.querySelector("#yaml") && location.search === "?tab=yaml"`)
	require.Equal(t, http.StatusUnprocessableEntity,
		p.request(t, http.MethodGet, nodesPath(c.Name)+"/"+name+"?tab=secrets", nil, nil).StatusCode)
}

// tabTo presses Tab, or Shift and Tab, until an element has the focus.
func (x *tab) tabTo(selector string) {
	x.t.Helper()
	focused := fmt.Sprintf(`document.activeElement === document.querySelector(%q)`, selector)
	for range 40 {
		if value[bool](x, focused) {
			return
		}
		x.key("Tab", "Tab", "", 9)
	}
	value[any](x, `document.querySelector("#node-tabs a").focus()`)
	for range 40 {
		if value[bool](x, focused) {
			return
		}
		x.key("Tab", "Tab", "", 9)
	}
	require.Fail(x.t, "the keyboard does not reach it", selector)
}

// The verdicts are those of the plan of a drain, in the page and in JSON; the pods can be
// sorted and filtered.
func TestBrowser_nodePods(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	ns, here := c.Namespace(t), kubetest.OnNodes(names[0])
	c.Deployment(t, ns, "web", 2, here)
	c.Deployment(t, ns, "cart", 2, here)
	c.DaemonSet(t, ns, "agent", 1, here)
	c.Pod(t, ns, "alone", names[0])
	c.Budget(t, ns, "cart", 2)
	p := startProgram(t, c.Kubeconfig)
	var plan, node nodeDrain
	preview := "/clusters/" + c.Name + "/batches/preview?operation=drain&node=" + names[0]
	p.request(t, http.MethodGet, preview, nil, &plan)
	p.request(t, http.MethodGet, nodesPath(c.Name)+"/"+names[0]+"?tab=pods", nil, &node)
	require.Len(t, plan.verdicts(), 6)
	require.Equal(t, plan, node)

	x := startBrowser(t).tab(p).signIn()
	x.openNode(c.Name, names[0], "?tab=pods")
	require.Equal(t, any(plan.verdicts()), value[any](x, verdictsShown))
	require.Contains(t, value[string](x, `document.querySelector("#pods tr[data-pod*=cart] .budget").innerText`),
		"allows 0 evictions now")
	x.press("#pods-by-verdict")
	x.until(`document.querySelector("#pods th[aria-sort=ascending] #pods-by-verdict")`)
	require.Equal(t, "never", value[string](x, `document.querySelector("#pods tr[data-pod]").dataset.verdict`))
	x.fill("#q", "alone")
	x.until(`document.querySelectorAll("#pods tr[data-pod]").length === 1 && location.search.includes("q=alone")`)
	require.Equal(t, "alone", value[string](x, `document.activeElement.value`))
	x.accessible("pods of a node, filtered")
	x.open(value[string](x, `location.pathname + location.search`))
	require.Equal(t, 1, value[int](x, `document.querySelectorAll("#pods tr[data-pod]").length`))
	x.press("#pods tr[data-pod] button")
	x.until(`document.querySelector("#plan-form [name=pod]")`)
}

// A change by others shows on every tab, and touches nothing else: the focus, an open
// menu, the scroll position and what was typed stay.
func TestBrowser_nodeTabFollows(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig, "--list-ttl", "1h", "--hard-age", "1h")
	x := startBrowser(t).tab(p).signIn()
	x.openNode(c.Name, names[0], "")
	x.press("#to-yaml")
	x.until(`document.querySelector("#yaml")`)
	x.fill("#reason", "typed")
	value[any](x, `window.text = document.querySelector("#yaml").firstChild;
		document.querySelector("#yaml").scrollTop = 60; document.querySelector("#managed").open = true`)
	cordonBeside(t, c, names[0])
	x.until(`document.querySelector("#node .st").innerText.includes("SchedulingDisabled")`)
	require.Equal(t, "yaml", value[string](x, `document.querySelector("#node").dataset.tab`))
	require.Equal(t, []any{"typed", "reason", true}, value[any](x, `[document.querySelector("#reason").value,
		document.activeElement.id, document.querySelector("#managed").open]`))
	require.Equal(t, 60, value[int](x, `document.querySelector("#yaml").scrollTop`))
	require.Equal(t, "uncordon", value[string](x, `document.querySelector("#operate").value`))
	require.Contains(t, value[string](x, `document.querySelector("#yaml").textContent`), "unschedulable: true")
}

// What the account may not read, or what hangs, concerns its own tab only.
func TestNodeTabs_missingRights(t *testing.T) {
	c := lease(t)
	name := c.Nodes(t, 1)[0]
	proxy := kubetest.NewProxy(t, c.User(t,
		kubetest.Rule("", []string{"get", "list", "watch"}, []string{"nodes"})))
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	for tab, call := range map[string]string{
		"pods": "list pods", "events": "list events", "heartbeat": "get leases in kube-node-lease",
		"conditions": "list events",
	} {
		status, doc := p.page(t, nodesPath(c.Name)+"/"+name+"?tab="+tab)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, doc.Find("#tab-"+tab+" .note.bad").Text(), call)
		require.Equal(t, "Ready", doc.Find("#node-head .st > span").First().Text())
		if tab != "conditions" {
			answer := p.request(t, http.MethodGet, nodesPath(c.Name)+"/"+name+"?tab="+tab, nil, nil)
			require.Equal(t, http.StatusForbidden, answer.StatusCode)
		}
	}
	for _, tab := range []string{"overview", "labels", "images", "yaml", "history"} {
		_, doc := p.page(t, nodesPath(c.Name)+"/"+name+"?tab="+tab)
		require.Zero(t, doc.Find("#node .note.bad").Length(), tab)
	}
	hang := make(chan struct{})
	defer close(hang)
	proxy.Inject(kubetest.Fault{Resource: "pods", Hold: hang})
	_, doc := p.page(t, nodesPath(c.Name)+"/"+name+"?fresh=1")
	require.Equal(t, 1, doc.Find("#load-usage").Length(), "the overview does not wait for pods")
}
