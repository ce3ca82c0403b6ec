package acceptance

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	chrome "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// recordNotifications keeps what a page asks for and shows, and lets a test hide it. The
// headless shell grants the permission, but says that it is denied: what it has answered is
// remembered as other browsers do it.
const recordNotifications = `
	window.asked = 0; window.told = []; window.away = false;
	const ask = Notification.requestPermission.bind(Notification);
	window.Notification = class extends Notification {
		static get permission() { return localStorage.getItem("permission") ?? "default"; }
		static async requestPermission() {
			asked++;
			localStorage.setItem("permission", await ask());
			return this.permission;
		}
		constructor(title, options) { super(title, options); told.push(title + "|" + options.body); }
	};
	Object.defineProperty(document, "hidden", { get: () => away });
	window.hide = (hidden) => { away = hidden; document.dispatchEvent(new Event("visibilitychange")); };`

// mayNotify grants the tab the permission for notifications.
func (x *tab) mayNotify() {
	x.t.Helper()
	_, err := chromedp.Call(x.ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: recordNotifications})
	require.NoError(x.t, err)
	_, err = chromedp.Call(x.ctx, chrome.SetPermission, chrome.SetPermissionParams{
		Permission: &chrome.PermissionDescriptor{Name: "notifications"}, Setting: chrome.PermissionSettingGranted,
		BrowserContextID: chromedp.FromContext(x.ctx).BrowserContextID,
	})
	require.NoError(x.t, err)
}

// Whoever asks for it on the page of a batch is told what becomes of their batches while the
// page is hidden, on any page, and in this browser from then on; nobody is asked before.
func TestBrowser_tellsTheOwner(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProgram(t, c.Kubeconfig, followed)
	staged := func(operation string) batchDoc {
		t.Helper()
		var b batchDoc
		form := url.Values{"operation": {operation}, "node": names, "canary": {"1"}}
		p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", form, &b)
		return b
	}
	goOn := func(b batchDoc) { p.request(t, http.MethodPost, "/batches/"+b.ID+"/resume", nil, nil) }
	x := startBrowser(t).tab(p)
	x.mayNotify()
	x.signIn()
	first := staged("cordon")
	x.open("/batches/" + first.ID)
	x.until(`document.querySelector("#tell")?.offsetParent && document.querySelector("#batch-resume")`)
	require.Zero(t, value[int](x, `asked`), "on load nothing is asked")
	require.Equal(t, "false", value[string](x, `document.querySelector("#tell").ariaPressed`))
	x.press("#tell")
	x.until(`document.querySelector("#tell").ariaPressed === "true"`)
	require.Equal(t, 1, value[int](x, `asked`))

	x.openNodes(c.Name, "")
	x.do(run(`hide(true)`))
	x.until(`told.length === 1`)
	require.Contains(t, value[string](x, `told[0]`), "Continue", "it waits for its person")
	goOn(first)
	x.until(`told.length === 2`)
	require.Equal(t, "Cordon · 4 nodes · "+c.Name+"|4 nodes cordoned", value[string](x, `told[1]`))

	x.do(run(`hide(false)`))
	second := staged("uncordon")
	require.Equal(t, "running", p.batch(t, second.ID).State)
	x.do(run(`hide(true)`))
	x.until(`told.length === 3`)
	require.Contains(t, value[string](x, `told[2]`), "Uncordon")
	x.do(run(`hide(false)`))
	goOn(second)
	p.awaitBatch(t, second.ID) // while the page is in front
	time.Sleep(time.Second)    // by the page's clock, too: it may be behind by what an answer takes
	x.do(run(`hide(true)`))
	third := staged("cordon")
	x.until(`told.length === 4`)
	require.Contains(t, value[string](x, `told[3]`), "Cordon")

	x.open("/batches/" + third.ID)
	x.until(`document.querySelector("#tell")?.ariaPressed === "true"`) // it is remembered
	x.press("#tell")
	x.until(`document.querySelector("#tell").ariaPressed === "false"`)
	x.do(run(`hide(true)`))
	require.Equal(t, "0", value[string](x, `Object.entries(localStorage).find(([key]) => key.endsWith("told admin"))[1]`))
}

// run evaluates a script for what it does.
func run(js string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](js + "; undefined")
}
