package acceptance

import (
	"net/url"
	"testing"
)

// A batch with protected keys that is paused says what to type before it
// continues, and continues once that is typed.
func TestBrowser_resumeAsksForTheName(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig, followed)
	id := p.halted(t, "/clusters/"+c.Name+"/batches", url.Values{
		"operation": {"label"}, "node": names, "label": {"topology.kubernetes.io/zone=eu-9"},
		"canary": {"1"}, "confirm": {c.Name},
	})
	x := startBrowser(t).tab(p).signIn()
	x.open("/batches/" + id)
	x.until(`document.querySelector("label[for=batch-confirm]").textContent.includes("topology.kubernetes.io/zone")`)
	x.expect("422")
	x.fill("#batch-confirm", "another")
	x.press("#batch-resume")
	x.until(`document.querySelector("#flash").textContent.includes("Type the cluster name")`)
	value[any](x, `document.querySelector("#batch-confirm").value = ""`)
	x.fill("#batch-confirm", c.Name)
	x.press("#batch-resume")
	x.untilBatch("succeeded")
}
