package acceptance

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// palette opens the command palette with Ctrl-K, and waits for it.
func (x *tab) palette() {
	x.t.Helper()
	x.until(`document.readyState === "complete"`)
	x.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: input.DispatchKeyEventTypeRawKeyDown, Key: "k", Code: "KeyK", WindowsVirtualKeyCode: 'K',
			Modifiers: 2, // Ctrl
		})
		return chromedp.Void{}, err
	})
	x.until(`document.querySelector("#palette").open && document.activeElement.id === "palette-q"`)
}

// A node is found, selected, cordoned and opened without a pointer, and every page is
// reached.
func TestBrowser_keyboardAlone(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 5)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "?sort=name")
	at := func(name string) {
		t.Helper()
		x.until(fmt.Sprintf(`document.activeElement.closest("tr")?.dataset.node === %q`, name))
	}
	x.letter('j')
	at(names[0])
	x.letter('j')
	x.letter('x')
	x.selected("1 selected")
	x.letter('j')
	x.letter('j')
	x.key("X", "KeyX", "X", 'X')
	x.selected("3 selected")
	at(names[3])
	x.letter('k')
	x.letter('x')
	x.selected("2 selected")
	at(names[2])
	x.letter('c')
	x.untilBatch("succeeded")
	require.ElementsMatch(t, []string{names[1], names[3]}, p.cordonedIn(t, c.Name))
	x.until(fmt.Sprintf(`%s[%q] === "Ready,SchedulingDisabled"`, statusOf, names[3]))
	at(names[2])

	x.palette()
	value[any](x, `void document.execCommand("insertText", false, "uncord")`)
	x.until(`document.querySelector("#palette-list [aria-selected=true] span").textContent === "Uncordon"`)
	x.enter()
	x.untilRows("Ready", names...)

	value[any](x, `document.querySelector("[data-invert]").click()`)
	x.selected("3 selected")
	x.escape()
	x.nothingSelected()
	for key, path := range map[rune]string{'b': "/batches", 'c': "/clusters", 'a': "/audit", 'u': "/users"} {
		x.letter('g')
		x.letter(key)
		x.until(fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, path))
	}
	x.palette()
	value[any](x, `void document.execCommand("insertText", false, "zz-none")`)
	x.until(`document.querySelectorAll("#palette-list li").length === 1`)
	x.enter()
	x.until(`location.pathname === "/nodes" && location.search === "?q=zz-none"`)
	x.palette()
	x.key("ArrowDown", "ArrowDown", "", 40)
	x.until(`[...document.querySelector("#palette-list").children].findIndex((o) => o.ariaSelected === "true") === 1`)
	x.escape()
	x.until(`!document.querySelector("#palette").open`)
	x.openNodes(c.Name, "?sort=name")
	x.letter('j')
	x.enter()
	x.until(fmt.Sprintf(`location.pathname.endsWith(%q)`, names[0]))
}
