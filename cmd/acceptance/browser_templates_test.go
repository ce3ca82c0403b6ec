package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// at waits until the address of the tab has this path.
func (x *tab) at(path string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, path))
}

// A template is made, used and deleted in a browser, with and without
// JavaScript.
func TestBrowser_templates(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	for _, scripts := range []bool{true, false} {
		t.Run(fmt.Sprintf("scripts %t", scripts), func(t *testing.T) {
			x := startBrowser(t).tab(p)
			x.expect("422")
			if !scripts {
				x.withoutScripts()
			}
			templateLife(x.signIn(), c.Name, scripts)
		})
	}
}

// templateLife makes a template, changes, copies and deletes it, and deletes
// the copy too.
func templateLife(x *tab, cluster string, scripts bool) {
	x.t.Helper()
	press := x.press
	if !scripts { // a mouse click may then wait for a frame that never comes
		press = func(selector string) {
			x.t.Helper()
			x.until(fmt.Sprintf(`document.readyState === "complete" && document.querySelector(%q)`, selector))
			value[any](x, fmt.Sprintf(`document.querySelector(%q).click(), null`, selector))
		}
	}
	x.open("/")
	x.until(`document.readyState === "complete" && document.querySelector("#nodes tbody tr")`)
	press(`.rail a[href="/templates/labels"]`)
	x.at("/templates/labels")
	press(`.tabs a[href="/templates/taints"]`)
	x.at("/templates/taints")
	press(`.doings a[href$="/new"]`)
	x.at("/templates/taints/new")

	// More rows: what was typed is kept.
	x.fill("#f-name", "Dedicated")
	x.fill("#f-key-1", "dedicated")
	x.fill("#f-values-1", "gpu,, cpu")
	press("#more")
	x.until(`document.readyState === "complete" && document.querySelectorAll("#rows input[name^=key]").length === 6`)
	x.fill("#f-key-6", "team")
	x.until(`document.querySelector("#f-values-1").value === "gpu,, cpu" && ` +
		`document.querySelector("#f-name").value === "Dedicated"`)
	press("#template-save")
	x.until(`document.readyState === "complete" && document.querySelector("#f-values-1")?.ariaInvalid === "true"`)
	require.Equal(x.t, "team", value[string](x, `document.querySelector("#f-key-2").value`))
	press(`button[name=remove][value="2"]`)
	x.until(`document.readyState === "complete" && document.querySelector("#f-key-2")?.value === ""`)
	value[any](x, `document.querySelector("#f-values-1").value = ""`)
	x.fill("#f-values-1", `gpu, ""`)
	press("#template-save")
	x.until(`document.readyState === "complete" && location.pathname.match(/taints\/\d+$/) && ` +
		`document.querySelector("h1").textContent === "Dedicated"`)
	made := value[string](x, `location.pathname`)
	require.Equal(x.t, []any{"gpu", "(empty)"},
		value[any](x, `[...document.querySelectorAll("td .chip")].map((e) => e.textContent)`))
	require.Equal(x.t, fmt.Sprintf("/clusters/%s/nodes?apply=taints-%s", cluster, made[len("/templates/taints/"):]),
		value[string](x, `document.querySelector("#apply a").getAttribute("href")`))

	press(`.doings a[href$="/edit"]`)
	x.at(made + "/edit")
	x.fill("#f-description", "for accelerators")
	press("input[name=cluster]")
	press("#template-save")
	x.at(made)
	x.until(fmt.Sprintf(`document.querySelector(".facts").textContent.includes("for accelerators") && `+
		`document.querySelector(".facts dd").textContent.includes(%q)`, cluster))

	press(`.doings form button`)
	x.until(`document.readyState === "complete" && location.pathname.endsWith("/edit") && ` +
		`document.querySelector("#f-name")?.value === "Dedicated (copy)"`)
	twin := value[string](x, `location.pathname.replace("/edit", "")`)
	require.NotEqual(x.t, made, twin)

	x.open("/templates/taints")
	if scripts {
		x.fill("#q", "copy")
		x.until(`document.querySelectorAll("#templates tbody tr").length === 1 && location.search === "?q=copy"`)
	}
	for _, path := range []string{twin, made} {
		x.open(path)
		press(`.doings a[href$="/delete"]`)
		x.at(path + "/delete")
		press("form.card button.danger")
		x.at("/templates/taints")
	}
	x.until(`document.querySelector("#templates .empty")`)
	press("#example-dedicated")
	x.until(`document.readyState === "complete" && location.pathname === "/templates/taints/new"`)
	require.Equal(x.t, []any{"Dedicated nodes", "dedicated", "gpu, batch"},
		value[any](x, `["#f-name", "#f-key-1", "#f-values-1"].map((s) => document.querySelector(s).value)`))
	require.Equal(x.t, http.StatusNotFound, x.p.request(x.t, http.MethodGet, made, nil, nil).StatusCode)
}

// The pages of templates meet WCAG 2.2 AA in both themes and on a phone.
func TestBrowser_templatesAccessible(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	p.makeTemplate(t, "labels", "GPU pool", "example.com/pool=gpu|cpu|", "tier=")
	made := p.makeTemplate(t, "taints", "Dedicated", "dedicated=gpu|cpu:NoSchedule")
	at := fmt.Sprintf("/templates/taints/%d", made.ID)
	pages := []string{
		"/templates/labels", "/templates/labels?q=nothing", "/templates/taints", at, at + "/edit",
		at + "/delete", "/templates/labels/new", "/templates/labels/import",
	}
	check := func(x *tab, how string) {
		for _, path := range pages {
			x.open(path)
			x.accessible(how + ", " + path)
		}
		x.open(at + "/edit")
		value[any](x, `document.querySelector("#f-key-1").value = "a b"`)
		x.press("#template-save")
		x.until(`document.querySelector(".note.bad")`)
		x.accessible(how + ", refused")
	}
	x := startBrowser(t).tab(p).signIn()
	x.expect("422")
	for _, theme := range []string{"light", "dark"} {
		x.theme(theme)
		check(x, theme)
	}
	x = startBrowserWith(t, withFinger).tab(p).signIn()
	x.expect("422")
	x.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	check(x, "phone")
}
