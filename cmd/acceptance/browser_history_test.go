package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// One of two batches is found by filters and opened; from there the links lead
// to a node, and from the node back to the history.
func TestBrowser_history(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig)
	cordoned, _ := p.submit(t, c.Name, "cordon", names[0], names[1], "ghost")
	uncordoned, _ := p.submit(t, c.Name, "uncordon", names[1])
	x := startBrowser(t).tab(p).signIn()
	x.open("/batches")
	rows := func(want ...string) string {
		const found = `[...document.querySelectorAll("#batches tbody .name a")].map((a) => a.pathname.split("/")[2])`
		return fmt.Sprintf(`JSON.stringify(%s) === JSON.stringify(%s)`, found, jsList(want))
	}
	x.until(rows(uncordoned.ID, cordoned.ID))

	// Filters take effect as they are changed, and the address keeps them.
	value[any](x, `window.sameDocument = true`)
	choose := func(name, choice string) {
		value[any](x, fmt.Sprintf(`((s) => {
			s.value = %q;
			s.dispatchEvent(new Event("change", { bubbles: true }));
		})(document.querySelector("#find [name=%s]"))`, choice, name))
	}
	choose("state", "partial")
	x.until(rows(cordoned.ID))
	x.fill("#q", "CVE "+names[1][5:]) // a word of the reason and a part of a name
	x.until(`location.search.includes("q=CVE")`)
	x.until(rows(cordoned.ID))
	choose("state", "failed")
	x.until(`document.querySelector("#batches .empty")`)
	const address = `location.pathname + "?" + ` +
		`[...new URLSearchParams(location.search)].map((p) => p.join("=")).sort().join("&")`
	require.Equal(t, "/batches?q=CVE "+names[1][5:]+"&state=failed", value[string](x, address))
	require.True(t, value[bool](x, `window.sameDocument`))
	x.press("#batches .empty a")
	x.until(`location.search === "" && document.readyState === "complete"`)
	x.until(rows(uncordoned.ID, cordoned.ID))

	// Its reasons of failure, its nodes by state, its report.
	x.press(fmt.Sprintf(`#batches a[href="/batches/%s"]`, cordoned.ID))
	x.at("/batches/" + cordoned.ID)
	require.Equal(t, "This node does not exist in the cluster.",
		value[string](x, `document.querySelector("#items .reasons .text").textContent`))
	x.press("#items .reasons summary")
	x.until(`document.querySelector("#items .reasons a.mono").checkVisibility()`)
	require.Equal(t, "ghost", value[string](x, `document.querySelector("#items .reasons a.mono").textContent`))
	x.press(`#items .states-of a[href$="state=succeeded"]`)
	x.until(`location.search === "?state=succeeded" && document.readyState === "complete" && ` +
		`document.querySelectorAll("#items tbody tr").length === 2`)
	x.accessible("a batch by state")
	report := value[string](x, `document.querySelector("#report").getAttribute("href")`)
	answer := p.request(t, http.MethodGet, report, nil, nil)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/csv; charset=utf-8", answer.Header.Get("Content-Type"))

	// A node, and everything that batches did to it.
	x.press(fmt.Sprintf(`#items tbody a[href$="/nodes/%s"]`, names[1]))
	x.at(nodesPath(c.Name) + "/" + names[1])
	x.press("#to-history")
	x.until(`document.querySelector("#history")`)
	require.Equal(t, []any{"/batches/" + uncordoned.ID, "/batches/" + cordoned.ID},
		value[any](x, `[...document.querySelectorAll("#history tbody th a")].map((a) => a.pathname)`))
	x.accessible("a node with a past")
	x.press("#history .head a")
	x.at("/batches")
	x.until(rows(uncordoned.ID, cordoned.ID))
	x.accessible("the history of a node")

	x.do(chromedp.EmulateViewport(390, 844))
	for _, path := range []string{"/batches", "/audit"} {
		x.open(path)
		require.Equal(t, []any{}, value[any](x, `[...document.querySelectorAll(".find select")]
			.filter((s) => !s.checkVisibility()).map((s) => s.name)`), "a phone has all filters of %s", path)
	}
}

// A batch is printed completely, without controls.
func TestBrowser_batchOnPaper(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", names[0], names[1], "ghost")
	x := startBrowser(t).tab(p).signIn()
	x.open("/batches/" + b.ID)
	sheet, err := chromedp.Call(x.ctx, page.PrintToPDF, page.PrintToPDFParams{})
	require.NoError(t, err)
	require.NotEmpty(t, sheet.Data)
	_, err = chromedp.Call(x.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	require.NoError(t, err)
	shown := func(selector string) bool {
		return value[bool](x, fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.checkVisibility())`, selector))
	}
	for _, hidden := range []string{".rail", ".btn", "#items .states-of", "#report", ".live"} {
		require.False(t, shown(hidden), hidden)
	}
	for _, there := range []string{"h1", ".facts dd", "#items .reasons .text", "#items tbody tr", ".panel .tally"} {
		require.True(t, shown(there), there)
	}
}
