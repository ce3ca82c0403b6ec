package acceptance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// watchTables records every table that arrives in the page: whether the page
// knew of the end of the batch when it requested the table, and what the table
// showed. The first is kept with the request, because HTMX may send the next
// request while the table of the last one still settles.
const watchTables = `(() => {
	let answered = false;
	window.tables = [];
	document.addEventListener("htmx:beforeOnLoad", (e) => {
		answered ||= e.detail.requestConfig.verb === "post" && e.detail.xhr.status === 200;
	});
	document.addEventListener("htmx:beforeRequest", (e) => {
		const state = document.querySelector("#progress [data-batch]")?.dataset.state ?? "running";
		const open = state === "running" || state === "interrupted"; // interrupted until a restarted program resumes it
		if (e.detail.target.id === "nodes") e.detail.requestConfig.afterTheEnd = answered || !open;
	});
	document.addEventListener("htmx:afterSettle", (e) => {
		if (e.target.id !== "nodes") return;
		window.tables.push({ ended: e.detail.requestConfig.afterTheEnd, rows: ` + statusOf + ` });
	});
	return null;
})()`

type seenTable struct {
	Ended bool              `json:"ended"`
	Rows  map[string]string `json:"rows"`
}

func (x *tab) watchTables() { x.t.Helper(); value[any](x, watchTables) }

// noStaleTable checks that every table requested after the end of the batch was
// known showed these nodes with that status, and that there was at least one.
func (x *tab) noStaleTable(want string, names ...string) {
	x.t.Helper()
	x.until(`window.tables.some((t) => t.ended)`)
	for _, table := range value[[]seenTable](x, `window.tables`) {
		if !table.Ended {
			continue
		}
		for _, name := range names {
			require.Equal(x.t, want, table.Rows[name], "a stale table came after the batch had ended")
		}
	}
}

// Cordon a few nodes: when the panel says that the batch is done, the table
// beside it shows the result without a reload.
func TestBrowser_cordonThreeNodes(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 1) // can take the pods
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?label=team%3Dweb")
	x.untilRows("Ready", names...)
	x.watchTables()

	x.tick(names...)
	x.until(`document.querySelector("#picked").textContent === "3 selected"`)
	x.fill("#reason", "kernel CVE")
	x.operate("cordon")
	x.untilBatch("succeeded")
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.noStaleTable("Ready,SchedulingDisabled", names...)
	x.settled() // with the columns that are loaded after the table
	require.Equal(t, "kernel CVE", value[string](x, `document.querySelector("#nodes .why .reason").textContent`))
	require.Equal(t, 1, strings.Count(p.log(t), "Invalidated cache for cluster "+c.Name+" after batch cordon operation"))
	for _, name := range names {
		require.True(t, c.Node(t, name).Spec.Unschedulable)
	}
}

// Uncordon more nodes than one response waits for: the progress is shown, and
// after the end every row reads Ready.
func TestBrowser_uncordonTenNodesWithProgress(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 10, kubetest.Cordoned(), byUs())
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.untilRows("Ready,SchedulingDisabled", names...)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[9], Hold: hold})
	x.watchTables()

	x.press("#sel-page")
	x.operate("uncordon")
	x.untilBatch("running")
	held.WaitHits(t, 1)
	x.until(`document.querySelector("#dock progress").value === 9 && document.querySelector("#dock progress").max === 10`)
	// the bar is drawn
	x.until(`document.querySelector("#dock .bar-line rect")?.getBoundingClientRect().width > 0`)
	// the node at work is named
	x.until(fmt.Sprintf(`document.querySelector("#dock .at-work")?.textContent.includes(%q)`, names[9]))
	close(hold)
	x.untilBatch("succeeded")
	x.untilRows("Ready", names...)
	x.noStaleTable("Ready", names...)
	require.Equal(t, 1, strings.Count(p.log(t),
		"Invalidated cache for cluster "+c.Name+" after batch uncordon with progress"))
}

// Some nodes fail: the others are fresh, the failed ones are listed with the
// reason, and the cache is cleared once.
func TestBrowser_twoOfFiveNodesAreGone(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 5, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 1) // can take the pods
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?label=team%3Dweb")
	x.untilRows("Ready", names...)
	x.tick(names...)
	for _, name := range names[3:] {
		require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), name, metav1.DeleteOptions{}))
	}
	x.untilRows("Ready", names[:3]...)
	x.selected("5 selected")
	x.watchTables()
	x.operate("cordon")
	id := x.untilBatch("partial")
	x.untilRows("Ready,SchedulingDisabled", names[:3]...)
	x.noStaleTable("Ready,SchedulingDisabled", names[:3]...)

	failures := value[map[string]string](x, `Object.fromEntries([...document.querySelectorAll("#dock .failures li")].map(
		(li) => [li.querySelector("a").textContent, li.querySelector(".st").textContent.trim()]))`)
	require.Equal(t, map[string]string{
		names[3]: "This node does not exist in the cluster.",
		names[4]: "This node does not exist in the cluster.",
	}, failures)
	require.Equal(t, []string{"3 done", "2 failed"},
		value[[]string](x, `[...document.querySelectorAll("#dock .tally li")].map((li) => li.textContent.trim())`))
	b := p.batch(t, id)
	require.Equal(t, "partial", b.State)
	require.Equal(t, 3, b.Counts["succeeded"])
	require.Equal(t, 2, b.Counts["failed"])
	require.Equal(t, 1, strings.Count(p.log(t), "Invalidated cache for cluster "+c.Name+" after batch cordon operation"))
	require.Equal(t, 1, strings.Count(p.log(t), "Invalidated cache"))
}

// A batch that ends while the table is loading: the load started before the
// change and may not show it, so another one follows.
func TestBrowser_batchEndsDuringALoad(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 1) // can take the pods
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "pods", Hold: hold, Times: 1})
	x := startBrowser(t).tab(p).signIn() // which opens the nodes of the only cluster
	held.WaitHits(t, 1)                  // the columns that need the pods are loading
	x.until(`document.body.dataset.live === "on" && document.querySelector("#nodes").getAttribute("aria-busy") === "true"`)
	x.tick(names...)
	x.operate("cordon")
	x.untilBatch("succeeded")
	close(hold)
	x.until(fmt.Sprintf(`((rows, names) => names.every((n) => rows[n] === "Ready,SchedulingDisabled"))(%s, %s)`, statusOf,
		jsList(names)))
}

// A batch is not bound to a page: a second browser and a reload show it while
// it runs, and each can cancel it.
func TestBrowser_runningBatchIsFoundAndCancelled(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	c.Nodes(t, 24, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 1) // can take the pods
	p := startProgram(t, proxy.Kubeconfig(t, c.Name), "--guard-nodes", "1000")
	chromium := startBrowser(t)
	one, two := chromium.tab(p).signIn(), chromium.tab(p).signIn()
	one.openNodes(c.Name, "?label=team%3Dweb")
	hold := make(chan struct{})
	defer close(hold)
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 5, Hold: hold})
	one.press("#sel-page")
	one.operate("cordon")
	id := one.untilBatch("running")
	held.WaitHits(t, 1)

	const fiveDone = `document.querySelector("#dock progress")?.value === 5`
	one.until(fiveDone)
	two.openNodes(c.Name, "?label=team%3Dweb")
	require.Equal(t, id, two.untilBatch("running"))
	two.until(fiveDone)
	one.do(chromedp.Reload())
	one.settled()
	require.Equal(t, id, one.untilBatch("running"))
	one.until(fiveDone)

	two.watchTables()
	two.press("#batch-cancel")
	for _, x := range []*tab{one, two} {
		require.Equal(t, id, x.untilBatch("cancelled"))
		x.until(fmt.Sprintf(`Object.values(%s).filter((s) => s === "Ready,SchedulingDisabled").length === 5`, statusOf))
	}
	b := p.batch(t, id)
	require.Equal(t, 5, b.Counts["succeeded"])
	require.Equal(t, 19, b.Counts["cancelled"])
	require.Equal(t, 1, strings.Count(p.log(t),
		"Invalidated cache for cluster "+c.Name+" after batch cordon with progress"))
}

// The program is killed and started again while a page is open: the page
// reconnects by itself, sees the end of the batch and shows a fresh table.
func TestBrowser_programIsKilledInMidBatch(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 20, kubetest.WithLabels(map[string]string{"team": "web"}))
	c.Nodes(t, 1) // can take the pods
	p := newProgram(t, proxy.Kubeconfig(t, c.Name), "--listen", freeAddress(t), "--guard-nodes", "1000")
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?label=team%3Dweb")
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 4, Hold: hold})
	x.press("#sel-page")
	x.operate("cordon")
	id := x.untilBatch("running")
	held.WaitHits(t, 1)
	x.until(`document.querySelector("#dock progress").value === 4`)
	value[any](x, `window.sameDocument = true`)
	x.watchTables()

	x.expect("net::ERR_", "htmx:sendError") // while the program is down
	p.end(t, syscall.SIGKILL)
	x.until(`document.body.dataset.live === "wait"`)
	p.start(t)
	close(hold)
	require.Equal(t, id, x.untilBatch("succeeded"))
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.until(`document.body.dataset.live === "on"`)
	require.True(t, value[bool](x, `window.sameDocument === true`), "the page was not loaded again")
	x.noStaleTable("Ready,SchedulingDisabled", names...)
	require.Equal(t, 20, p.batch(t, id).Counts["succeeded"])
}

// The program is restarted and runs a batch before a page that follows only the
// cluster reconnects: the page learns that its table is out of date.
func TestBrowser_changesWhileThePageWasAway(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := newProgram(t, c.Kubeconfig, "--listen", freeAddress(t))
	p.start(t)
	p.submit(t, c.Name, "cordon", names[0]) // the cache has been cleared once, both before and after the restart
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.expect("net::ERR_", "htmx:sendError") // it may have been loading
	p.end(t, syscall.SIGKILL)
	x.until(`document.body.dataset.live === "wait"`)
	p.start(t)
	p.submit(t, c.Name, "cordon", names[1:]...)
	x.until(`document.body.dataset.live === "on"`)
	x.untilRows("Ready,SchedulingDisabled", names...)
}

// freeAddress returns an address that can be listened on repeatedly: its port
// is not one that the system assigns by itself.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
