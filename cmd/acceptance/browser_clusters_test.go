package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// The state of the first cluster in the rail, as a mark and in words.
const (
	railMark  = `document.querySelector(".rail .clusters .st").classList[1]`
	railWords = `document.querySelector(".rail .clusters .line").title`
)

// An idle page of all batches: the rail counts running batches, the row of the
// batch is updated, and the mark of the cluster is that of its worst node, all
// without a reload.
func TestBrowser_railFollows(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 7)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p).signIn()
	x.open("/batches")
	x.until(railMark + ` === "ok" && document.body.dataset.live === "on"`)
	value[any](x, `window.sameDocument = true`)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[6], Hold: hold})
	b, _ := p.submit(t, c.Name, "cordon", names...)
	held.WaitHits(t, 1)

	const row = `document.querySelector("#batches tbody tr")?.innerText`
	x.until(`document.querySelector("#rail-running").textContent.trim() === "1 running"`)
	x.until(`document.querySelector("#batches-running").textContent.trim() === "1 running"`)
	x.until(row + `?.includes("running") && ` + row + `.includes("6 of 7")`)
	close(hold)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	x.until(row + `.includes("succeeded") && ` + row + `.includes("7 of 7")`)
	x.until(`document.querySelector("#rail-running").textContent.trim() === "" && ` +
		`document.querySelector("#batches-running").textContent.trim() === ""`)
	x.until(railMark + ` === "hold" && ` + railWords + `.endsWith("all nodes are cordoned")`)

	c.Nodes(t, 1, kubetest.NotReady())
	p.nodes(t, c.Name, "fresh=1") // somebody else reads the nodes
	x.until(railMark + ` === "bad" && ` + railWords + `.endsWith("1 of 8 nodes is not ready")`)
	require.True(t, value[bool](x, `window.sameDocument === true`))
}

// The page of all clusters shows by itself that a cluster becomes unreachable
// and reachable again, since when and why.
func TestBrowser_clusterComesAndGoes(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	c.Nodes(t, 2)
	address := freeAddress(t)
	config := proxy.Config()
	upstream := strings.TrimPrefix(config.Host, "https://")
	config.Host = "https://" + address
	p := startProgram(t, kubetest.WriteKubeconfig(t, c.Name, config))
	x := startBrowser(t).tab(p)
	x.expect("503") // of the first page after the sign-in
	x.signIn()
	x.open("/clusters")
	const state = `document.querySelector("#clusters tbody td:nth-child(2)").innerText`
	x.until(state + `.includes("unreachable") && ` + state + `.includes("first failed ") && ` + state +
		`.includes("Cannot connect to the cluster at ` + address + `")`)
	x.until(railMark + ` === "bad" && document.querySelector(".rail .clusters .n").textContent === "unreachable"`)
	value[any](x, `window.sameDocument = true`)
	relay(t, address, upstream)
	x.until(state + `.trim() === "reachable"`) // the probe tries again
	x.until(`document.querySelector("#clusters tbody td:nth-child(3)").innerText.trim().endsWith("2") && ` + railMark +
		` === "ok"`)

	gone := proxy.Inject(kubetest.Fault{Cut: kubetest.CutBefore, Connection: true})
	require.GreaterOrEqual(t, p.request(t, http.MethodGet, nodesPath(c.Name)+"?fresh=1", nil, nil).StatusCode,
		http.StatusServiceUnavailable)
	x.until(state + `.includes("unreachable") && ` + railMark + ` === "bad"`)
	gone.Remove()
	p.nodes(t, c.Name, "fresh=1")
	x.until(state + `.trim() === "reachable" && ` + railMark + ` === "ok"`)
	require.True(t, value[bool](x, `window.sameDocument === true`))
}

// A cluster that never answers: the page says at once what it waits for and for
// how long, keeps its table, other pages work, and in the end it says that the
// cluster did not respond.
func TestBrowser_clusterThatNeverAnswers(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.untilRows("Ready", names...)
	hole := proxy.Inject(kubetest.Fault{Hold: make(chan struct{})})

	x.press("#refresh")
	asking := waitsFor("#nodes-head", c.Name)
	x.until(asking)
	require.Equal(t, "1", value[string](x, `getComputedStyle(document.querySelector("#nodes table")).opacity`))
	x.until(fmt.Sprintf(`document.querySelector("#nodes-head .asking").innerText.trim() >= "Waiting for %s… 2 s"`,
		c.Name))
	x.untilRows("Ready", names...)
	x.tick(names[1]) // the table stays usable
	x.until(`document.querySelector("#picked").textContent === "1 selected"`)
	x.until(`document.querySelector("#nodes .stale")?.innerText.includes("The cluster did not respond in time.")`)
	x.untilRows("Ready", names...)
	x.until(`document.querySelector("#nodes-head .asking").hidden && ` +
		`document.querySelector(".as-of").classList.contains("late")`)
	x.until(railMark + ` === "bad"`)

	x.press("#refresh")
	x.until(asking)
	x.open("/batches") // other pages do not wait
	x.until(`document.querySelector("#batches")`)
	x.open("/clusters")
	x.press("#clusters form button")
	x.until(waitsFor("#clusters", c.Name))
	x.until(`document.querySelector("#clusters tbody td:nth-child(2)").innerText.includes("did not respond in time")`)

	hole.Remove()
	x.open(nodesPath(c.Name) + "/" + names[0] + "?fresh=1")
	x.until(`document.querySelector("#node h1") && !document.querySelector("#node .stale")`)
}

// waitsFor tests whether a part of the page says how long it has been waiting
// for a cluster.
func waitsFor(part, cluster string) string {
	const text = `document.querySelector("%s .asking:not([hidden])")?.innerText.trim()`
	return fmt.Sprintf(`/^Waiting for %s… \d+ s$/.test(`+text+`)`, cluster, part)
}

// The age of a page increases, and turns amber when the last refresh failed or
// the page does not receive changes.
func TestBrowser_ageInPlaceOfLive(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 1)
	p := newProgram(t, proxy.Kubeconfig(t, c.Name), "--listen", freeAddress(t))
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.expect("net::ERR_", "htmx:sendError")
	const late = `getComputedStyle(document.querySelector(".as-of")).color === ` +
		`getComputedStyle(document.querySelector(".live-wait")).color`
	nodes := nodesPath(c.Name)
	for _, path := range []string{nodes, nodes + "/" + names[0], "/clusters/" + c.Name + "/labels"} {
		x.open(path)
		x.until(`document.body.dataset.live === "on" && ` +
			`/^as of ([2-9]|[1-9][0-9]+) s ago$/.test(document.querySelector(".as-of").innerText.trim())`)
		require.NotRegexp(t, `(?i)\blive\b`, value[string](x, `document.querySelector("main").innerText`), path)
		require.False(t, value[bool](x, late), path)
		down := proxy.Inject(kubetest.Fault{Code: http.StatusServiceUnavailable})
		x.press("#refresh")
		x.until(`document.querySelector(".stale")?.innerText.includes("overloaded") && ` + late)
		down.Remove()
		x.press(".stale a.btn")
		x.until(`!document.querySelector(".stale") && !(` + late + `)`)
	}
	p.end(t, syscall.SIGKILL)
	x.until(`document.body.dataset.live === "wait" && ` + late +
		` && document.querySelector(".live-wait").checkVisibility()`)
	p.start(t)
	x.until(`document.body.dataset.live === "on" && !document.querySelector(".live-wait").checkVisibility()`)
}

// A change by others shows on the page of a node no later than in the list, and
// the age of the page is never lower than that of what it shows.
func TestBrowser_nodePageShowsAForeignChange(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	path := nodesPath(c.Name) + "/" + names[0] + "?tab=pods"
	x.open(path)
	x.until(`document.querySelector("#node .st").innerText.trim() === "Ready"`)
	before := time.Now() // when the pods that the page shows have been read
	cordonBeside(t, c, names[0])
	x.openNodes(c.Name, "?fresh=1")
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.open(path)
	x.until(`document.querySelector("#node .st").innerText.includes("SchedulingDisabled")`)
	shown, err := time.Parse(time.RFC3339, value[string](x, `document.querySelector(".as-of").dataset.asof`))
	require.NoError(t, err)
	require.False(t, shown.After(before), "%s is after %s", shown, before)
}
