package acceptance

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// taintedRows are the nodes that the table shows with the taint of a cordon,
// with the word "limited" or as still changing.
const taintedRows = `[...document.querySelectorAll("#nodes tr[data-node]")].filter((r) =>
	r.querySelector(".status .word") || /unschedulable/.test(r.querySelector(".tags")?.innerHTML)
).map((r) => r.dataset.node)`

// watchDone records what each table shows that was requested after the page
// knew of the end of the batch.
const watchDone = `(() => {
	window.afterDone = [];
	document.addEventListener("htmx:beforeRequest", (e) => {
		e.detail.requestConfig.ended =
			document.querySelector("#progress [data-batch]")?.dataset.state === "succeeded";
	});
	document.addEventListener("htmx:afterSettle", (e) => {
		if (e.target.id === "nodes" && e.detail.requestConfig?.ended) window.afterDone.push(` + taintedRows + `);
	});
	return null;
})()`

// The control plane adds and removes the taint of a cordon some time after the
// program changes the node. A page that says that an uncordon is done never
// shows a row that is still limited by it, however slow the control plane is.
func TestBrowser_uncordonLeavesNoRowLimited(t *testing.T) {
	for _, size := range []int{3, 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := lease(t)
			slow := c.Proxy(t)
			c.LifecycleThrough(t, slow)
			names := c.Nodes(t, size)
			// only the batch makes the table fresh
			p := startProgram(t, c.Kubeconfig, "--list-ttl", "1h", "--hard-age", "1h")
			x := startBrowser(t).tab(p).signIn()
			x.openNodes(c.Name, "")
			x.untilRows("Ready", names...)
			for range 3 {
				lag := slow.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Delay: 400 * time.Millisecond})
				b, _ := p.submit(t, c.Name, "cordon", names...)
				require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
				x.openNodes(c.Name, "")
				x.untilRows("Ready,SchedulingDisabled", names...)

				value[any](x, watchDone)
				if !value[bool](x, `document.querySelector("#sel-page").checked`) { // the tab keeps the selection
					x.press("#sel-page")
				}
				x.operate("uncordon")
				x.untilBatch("succeeded")
				x.untilRows("Ready", names...)
				x.until(`window.afterDone.length > 0`)
				for _, tainted := range value[[][]string](x, `window.afterDone`) {
					require.Empty(t, tainted, "rows that are still limited after done")
				}
				lag.Remove()
			}
		})
	}
}
