package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// endSession ends the login session of the browser like an idle timeout: the
// page is not told.
func (x *tab) endSession() {
	x.t.Helper()
	_, err := chromedp.Call(x.ctx, network.ClearBrowserCookies, cdp.Empty{})
	require.NoError(x.t, err)
}

// signInAgain signs in on the page that says that the session has ended.
func (x *tab) signInAgain(name string) {
	x.t.Helper()
	x.until(`location.pathname === "/login" && ` +
		`document.querySelector("form.card .note b")?.textContent === "Your session has ended."`)
	x.fill("#f-name", name)
	x.fill("#f-password", adminPassword)
	x.press("form.card button.primary")
	x.until(`location.pathname !== "/login" && document.readyState === "complete"`)
}

const pickedCount = `document.querySelector("#picked")?.textContent`

func (p *program) batchCount(t testing.TB) int {
	t.Helper()
	var list struct{ Items []batchDoc }
	p.request(t, http.MethodGet, "/batches", nil, &list)
	return len(list.Items)
}

// When a session ends during an action nothing is lost: the sign-in page says
// that nothing was changed, and after the sign-in the page, the selection and
// the typed text are there, ready to be sent again.
func TestBrowser_sessionEndsDuringAnAction(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4, kubetest.WithLabels(map[string]string{"team": "web"}))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.expect("401")
	x.openNodes(c.Name, "?sort=name")
	x.tick(names[0], names[2])
	x.fill("#reason", "kernel CVE-2026-1")
	x.endSession()
	x.operate("cordon")
	x.signInAgain(adminName)
	x.settled()
	require.Equal(t, nodesPath(c.Name)+"?sort=name", value[string](x, `location.pathname + location.search`))
	require.Equal(t, "kernel CVE-2026-1", value[string](x, `document.querySelector("#reason").value`))
	require.Contains(t, value[string](x, pickedCount), "2")
	require.Contains(t, value[string](x, `document.querySelector("#flash").textContent`),
		"What you typed has been restored.")
	require.Zero(t, p.batchCount(t), "nothing was sent again by itself")

	x.operate("cordon")
	b := p.awaitBatch(t, x.untilBatch("succeeded"))
	require.Equal(t, "kernel CVE-2026-1", b.Reason)
	require.Equal(t, 2, b.Counts["succeeded"])
	x.openNodes(c.Name, "")
	require.Empty(t, value[string](x, `document.querySelector("#reason").value`), "what was sent does not come back")
}

// The same for a page with a form: the sign-in leads back to its address, with
// what was typed.
func TestBrowser_sessionEndsInAnEditor(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"team": "web"}))
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.expect("401")
	x.openNodes(c.Name, "")
	x.tick(names[0], names[1])
	edit := fmt.Sprintf(`#bar button[formaction=%q]`, "/clusters/"+c.Name+"/labels/edit")
	x.press(edit)
	field := `[data-key="team"] input.value`
	x.until(fmt.Sprintf(`document.readyState === "complete" && document.querySelector(%q)`, field))
	x.endSession()
	value[any](x, fmt.Sprintf(`document.querySelector(%q).select()`, field))
	x.fill(field, "storage")
	x.enter()
	x.signInAgain(adminName)
	x.until(fmt.Sprintf(`document.querySelector(%q)?.value === "storage"`, field))
	require.Equal(t, "/clusters/"+c.Name+"/labels/edit", value[string](x, `location.pathname`))
	require.Contains(t, value[string](x, `document.body.innerText`), "Edit labels of 2 nodes")
	require.Contains(t, value[string](x, `document.querySelector("#flash").textContent`),
		"What you typed has been restored.")
	require.Zero(t, p.batchCount(t))
}

// What was selected or typed is visible neither to the next user of a tab nor
// after signing out.
func TestBrowser_nothingIsLeftToTheNextUser(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := newProgram(t, c.Kubeconfig)
	p.run(t, adminPassword+"\n", "user", "add", "grace", "--role", "admin", "--data", p.Data)
	p.start(t)
	x := startBrowser(t).tab(p).signIn()
	x.expect("401")
	typeSomething := func() {
		x.openNodes(c.Name, "")
		x.tick(names[0])
		x.fill("#reason", "a secret of the first")
	}
	nothingIsThere := func() {
		x.openNodes(c.Name, "")
		require.Empty(t, value[string](x, `document.querySelector("#reason").value`))
		require.Zero(t, value[int](x, `document.querySelectorAll("#nodes input[name=node]:checked").length`))
		require.NotContains(t, value[string](x, `JSON.stringify({ ...sessionStorage })`), "secret")
	}

	typeSomething()
	x.endSession()
	x.operate("cordon")
	x.signInAgain("grace")
	nothingIsThere()

	typeSomething()
	x.press(`form[action="/logout"] button`)
	x.until(`location.pathname === "/login" && document.readyState === "complete"`)
	require.NotRegexp(t, `user|selected|draft|secret`, value[string](x, `JSON.stringify({ ...sessionStorage })`))
	require.False(t, value[bool](x, `Boolean(document.querySelector("form.card .note"))`),
		"signing out is no session that ended")
	x.signIn()
	nothingIsThere()
}

// A page whose stream and loads are refused shows by itself that the session
// has ended.
func TestBrowser_signOutInAnotherTab(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.expect("401", "EventSource")
	x.openNodes(c.Name, "")
	x.tick(names...)
	x.fill("#reason", "half typed")
	value[any](x, `fetch("/logout", { method: "POST" }).then(() => null)`)
	x.until(`location.pathname === "/login"`)
}

// Requests that the page makes by itself are marked, requests after a click are
// not.
func TestBrowser_marksWhatItLoadsByItself(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	value[any](x, `window.marks = []; document.addEventListener("htmx:beforeSend", `+
		`(e) => window.marks.push(e.detail.requestConfig.headers["X-Background"] ?? "no")); null`)
	b, _ := p.submit(t, c.Name, "cordon", names...)
	p.awaitBatch(t, b.ID)
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.settled()
	require.Subset(t, []string{"1"}, value[[]string](x, `window.marks`))
	require.NotEmpty(t, value[[]string](x, `window.marks`))
	value[any](x, `window.marks = []; null`)
	x.press("#sort-name")
	x.until(`window.marks.length > 0`)
	require.Equal(t, "no", value[string](x, `window.marks[0]`))
}

// Leaving a page while it waits for a response is not an error, and neither is
// a load that replaces an unfinished one.
func TestBrowser_whatNobodyWaitsForIsQuiet(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	c.Nodes(t, 1)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p).signIn()
	x.open("/clusters")
	hold := make(chan struct{})
	fault := proxy.Inject(kubetest.Fault{Hold: hold})
	x.press(fmt.Sprintf(`form[action="/clusters/%s/test"] button`, c.Name))
	fault.WaitHits(t, 1)
	x.press(`.rail a[href="/batches"]`)
	x.until(`location.pathname === "/batches" && document.readyState === "complete"`)
	close(hold)
	fault.Remove()

	x.openNodes(c.Name, "")
	hold = make(chan struct{})
	fault = proxy.Inject(kubetest.Fault{Verb: "list", Resource: "nodes", Hold: hold})
	x.press("#refresh")
	fault.WaitHits(t, 1)
	x.press("#sort-name")
	x.until(`location.search.includes("sort=name") || location.search.includes("dir=")`)
	close(hold)
	x.settled() // errors in the console of the browser fail the test at its end
}
