package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// planned waits for the page of a plan whose button has this text, and presses
// it.
func (x *tab) planned(words string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`document.querySelector("#plan-do")?.textContent === %q`, words))
	x.press("#plan-do")
}

// A batch is paused, continues, and is cancelled.
func TestBrowser_pauseResumeCancel(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 40)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	hold, stay := make(chan struct{}), make(chan struct{})
	defer close(stay)
	first := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Skip: 10, Hold: hold})
	x.press("#sel-page")
	x.operate("cordon")
	x.agree()
	id := x.untilBatch("running")
	first.WaitHits(t, 1)
	x.press("#batch-pause")
	x.until(`document.querySelector("#progress .st.pause") && document.querySelector("#batch-resume")`)
	first.Remove() // calls that it holds stay held
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[39], Hold: stay})
	close(hold)
	before := p.batch(t, id).Counts["pending"]
	require.Positive(t, before, "nothing more has begun")

	x.press("#batch-resume")
	x.until(`document.querySelector("#batch-pause")`)
	x.until(`document.querySelector("#progress progress").value === 39`)
	x.press("#batch-cancel")
	require.Equal(t, id, x.untilBatch("cancelled"))
	require.False(t, c.Node(t, names[39]).Spec.Unschedulable)
	require.Equal(t, 39, p.batch(t, id).Counts["succeeded"])
}

// Failed nodes are retried from the panel, and everything is undone: from the
// plan to a table that shows it.
func TestBrowser_retryAndUndo(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) { retryAndUndo(t, scripts) })
	}
}

func retryAndUndo(t *testing.T, scripts bool) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p)
	if !scripts {
		x.withoutScripts()
	}
	x.signIn()
	fault := proxy.Inject(kubetest.Fault{
		Verb: "patch", Resource: "nodes", Name: names[1],
		Code: http.StatusUnprocessableEntity,
	})
	x.open(nodesPath(c.Name))
	x.untilRows("Ready", names...)
	x.tick(names...)
	x.fill("#reason", "kernel CVE")
	x.operate("cordon")
	x.agree()
	first := x.untilBatch("partial")
	fault.Remove()

	x.press("#batch-retry")
	x.until(`document.querySelector("#opt-reason")?.value === "kernel CVE"`)
	x.planned("Retry on 1 node")
	retried := x.untilBatch("succeeded")
	require.NotEqual(t, first, retried)
	require.Equal(t, first, *p.batch(t, retried).RetryOf)
	require.True(t, c.Node(t, names[1]).Spec.Unschedulable)

	// Somebody else changes a node of the first batch.
	changeBehind(t, c, names[0], `{"metadata":{"annotations":{"`+reasonKey(t, c, names[0])+`":"disk"}}}`)
	p.request(t, http.MethodGet, nodesPath(c.Name)+"?fresh=1", nil, nil)
	x.open("/batches/" + first)
	x.press("#batch-undo")
	x.until(`document.querySelector("#plan-do")?.textContent === "Undo on 2 nodes"`)
	require.Contains(t, value[string](x, `document.querySelector(".diff-groups .bad").textContent`),
		"Changed by somebody else since")
	require.Contains(t, value[string](x, `document.querySelector(".diff-groups .run").textContent`), "Cordoned")
	x.press("#opt-force")
	if !scripts {
		x.press("#plan-update")
	}
	x.planned("Undo on 3 nodes")
	undone := x.untilBatch("succeeded")
	require.Equal(t, first, *p.batch(t, undone).UndoOf)
	x.press(".title a")
	x.until(fmt.Sprintf(`((rows) => %s.every((n) => rows[n] === "Ready"))(%s)`,
		jsList([]string{names[0], names[2], names[3]}), statusOf))
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[1]))
}

// reasonKey returns the annotation that holds the reason of a cordon.
func reasonKey(t testing.TB, c *kubetest.Cluster, name string) string {
	t.Helper()
	for key, value := range c.Node(t, name).Annotations {
		if value == "kernel CVE" {
			return key
		}
	}
	t.Fatal("no reason")
	return ""
}

// The first nodes run first; then a person lets the rest continue.
func TestBrowser_canaryGate(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 8)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	second := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.press("#sel-page")
	x.press("#bar-labels")
	x.loaded("#edit-form")
	addRow("tier", "gold", "")(x)
	x.press("#edit-plan")
	x.until(`document.querySelector("#rollout")`)
	x.press("#rollout > summary")
	x.fill("#opt-canary", "2")
	x.press("#plan-do")
	id := x.untilBatch("running")
	x.until(`document.querySelector("#progress .gate")?.textContent.includes("The first 2 nodes are done, ` +
		`none failed. Continue?")`)
	second.open("/batches/" + id)
	second.until(`document.querySelector("#progress .gate")`)
	require.Equal(t, 2, p.batch(t, id).Counts["succeeded"])
	require.Equal(t, "Continue", value[string](x, `document.querySelector("#batch-resume").textContent`))
	x.press("#batch-resume")
	require.Equal(t, id, x.untilBatch("succeeded"))
	require.Equal(t, id, second.untilBatch("succeeded"), "both see it")
	for _, name := range names {
		require.Equal(t, "gold", labels(t, c, name)["tier"])
	}
}
