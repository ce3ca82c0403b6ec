package acceptance

import (
	"fmt"
	"testing"

	"kube-node-manager/services/kube/kubetest"
)

// language selects a language with the button in the rail, on the page that is open.
func (x *tab) language(tag string) {
	x.t.Helper()
	if value[string](x, `document.documentElement.lang`) == tag {
		return
	}
	x.press(fmt.Sprintf("button[name=lang][value=%q]", tag))
	x.until(fmt.Sprintf(`document.documentElement.lang === %q && document.readyState === "complete"`, tag))
}

// What shows nodes meets WCAG 2.2 AA in each theme and each language, as far as a program
// can check: all clusters and one, groups, every tab of a node, and what opens on top.
func TestBrowser_accessibleNodes(t *testing.T) {
	p, clusters, _ := everyProgram(t)
	c, other := clusters[0], clusters[1]
	zoned := kubetest.WithLabels(map[string]string{"topology.kubernetes.io/zone": "eu-1", "pool": "web"})
	names := c.Nodes(t, 6, zoned)
	c.Nodes(t, 1, kubetest.NotReady())
	far := other.Nodes(t, 2)
	namespace := c.Namespace(t)
	c.Deployment(t, namespace, "web", 2, kubetest.OnNodes(names[0]), kubetest.Requests("500m", "1Gi"))
	c.Budget(t, namespace, "web", 2)
	p.start(t)
	p.submit(t, c.Name, "cordon", names[1])

	x := startBrowser(t).tab(p).signIn()
	for theme, tag := range map[string]string{"light": "en", "dark": "zh-CN"} {
		x.open(nodesPath(c.Name))
		x.language(tag)
		x.theme(theme)
		pages := []string{"/nodes", "/clusters/" + c.Name + "/overview", nodesPath(c.Name) + "?group=zone"}
		for _, tab := range []string{
			"overview", "conditions", "pods", "events", "labels", "images", "heartbeat", "yaml", "history",
		} {
			pages = append(pages, nodesPath(c.Name)+"/"+names[0]+"?tab="+tab)
		}
		for _, path := range pages {
			x.open(path)
			x.accessible(theme + ", " + tag + ", " + path)
		}
		x.open(nodesPath(c.Name) + "?sort=name")
		x.letter('j')
		x.palette()
		x.accessible(theme + ", palette")
		x.escape()
		x.open("/nodes")
		x.settled()
		x.tick(refs(c.Name, names[0])[0], refs(other.Name, far[0])[0])
		x.press("#bar button[value=drain]")
		x.until(`document.querySelector("#plan-form")`)
		x.accessible(theme + ", plan over clusters")
		value[any](x, `sessionStorage.clear()`)
	}
}
