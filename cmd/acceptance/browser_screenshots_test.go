package acceptance

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false,
	"make the pictures of docs/images again, on the clusters of \"devcluster run --workloads\"")

const imagesDir = "../../docs/images"

// The pictures in the documentation are taken from the program, on the
// simulated clusters of "make demo", and only on request: see "make
// screenshots".
func TestBrowser_screenshots(t *testing.T) {
	if !*update {
		t.Skip("no pictures are wanted; -update makes them")
	}
	require.NotEmpty(t, os.Getenv("DEVCLUSTER_DIR"), "this drains nodes, so it runs under \"devcluster run\" only")
	const cluster = "prod-cluster"
	p := startProgram(t, os.Getenv("KUBECONFIG"))
	p.request(t, http.MethodPost, "/clusters/staging/test", nil, nil)
	all := p.nodes(t, cluster, "size=200").Items
	require.Greater(t, len(all), 40)
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = n.Name
	}
	cordoned := p.nodes(t, cluster, "sched=cordoned").Items
	for i, n := range cordoned {
		p.cordonFor(t, cluster, []string{"disk errors, ticket 4711", "kernel 6.12 upgrade"}[i%2], n.Name)
	}

	x := startBrowser(t).tab(p)
	x.theme("light")
	x.signIn()
	for _, theme := range []string{"light", "dark"} {
		x.theme(theme)
		x.openNodes(cluster, "?sort=status&dir=desc")
		if theme == "light" { // the selection is kept
			for _, row := range []string{"8", "9", "11", "12"} {
				x.press("#nodes tbody tr:nth-child(" + row + ") input[name=node]")
			}
		}
		x.picture(t, "nodes-"+theme)
	}
	for name, path := range map[string]string{
		"all-dark":       "/nodes?sort=status&dir=desc",
		"groups-light":   nodesPath(cluster) + "?group=zone",
		"overview-light": "/clusters/" + cluster + "/overview",
		"node-dark":      nodesPath(cluster) + "/" + names[len(names)/2] + "?tab=pods",
	} {
		_, theme, _ := strings.Cut(name, "-")
		x.theme(theme)
		x.open(path)
		x.settledPage()
		x.picture(t, name)
	}
	for _, theme := range []string{"dark", "light"} {
		x.theme(theme)
		x.planDrain(cluster)
		x.picture(t, "plan-"+theme)
	}
	x.consent(cluster)
	x.press("#plan-do")
	x.untilBatch("running")
	x.until(`document.querySelectorAll("#progress .working tr").length > 4 && ` +
		`document.querySelector("#progress progress").value >= 4`)
	x.picture(t, "batch-light")

	x = startBrowserWith(t, withFinger).tab(p).signIn()
	x.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	x.openNodes(cluster, "?sort=status&dir=desc")
	x.until(`document.querySelector("#dock .dock-card")`)
	x.picture(t, "phone")
}

// cordonFor is submit with a reason.
func (p *program) cordonFor(t testing.TB, cluster, reason string, names ...string) {
	t.Helper()
	form := map[string][]string{"operation": {"cordon"}, "node": names, "reason": {reason}}
	require.Less(t, p.request(t, http.MethodPost, "/clusters/"+cluster+"/batches", form, nil).StatusCode, 300)
}

// planDrain opens the plan to drain one pool.
func (x *tab) planDrain(cluster string) {
	x.t.Helper()
	value[any](x, `sessionStorage.clear()`) // this also clears the selection
	x.openNodes(cluster, "?sort=zone&label=pool%3Dcompute")
	x.press("#sel-page")
	x.fill("#reason", "kernel 6.12 upgrade")
	x.press("#bar button[value=drain]")
	x.until(`document.querySelector("#plan-form")`)
	x.press("#opt-delete_emptydir")
	x.until(`!document.querySelector(".htmx-request")`)
}

// consent types and ticks every consent that the plan still needs.
func (x *tab) consent(cluster string) {
	x.t.Helper()
	if value[bool](x, `document.querySelector("#plan-short").textContent.trim() !== ""`) {
		x.press("#opt-force")
		x.until(`!document.querySelector(".htmx-request")`)
		x.fill("#opt-confirm", cluster)
	}
}

// settledPage waits until a page has loaded all of its parts.
func (x *tab) settledPage() {
	x.t.Helper()
	x.until(`document.readyState === "complete" && !document.querySelector("[aria-busy=true], .htmx-request, .wait")`)
}

// picture writes what the browser shows.
func (x *tab) picture(t testing.TB, name string) {
	t.Helper()
	x.until(`document.fonts.status === "loaded"`)
	value[any](x, `document.activeElement.blur()`)
	shot, err := chromedp.Call(x.ctx, page.CaptureScreenshot,
		page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(imagesDir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(imagesDir, name+".png"), shot.Data, 0o644))
}
