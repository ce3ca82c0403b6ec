package acceptance

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowRequests makes each request of a page take a moment, and makes a change of the nodes
// come between the next table and the load of its columns that need pods.
const slowRequests = `(() => {
	const send = XMLHttpRequest.prototype.send;
	XMLHttpRequest.prototype.send = function (...args) { setTimeout(() => send.apply(this, args), 100); };
	const change = (e) => {
		if (e.target.id !== "nodes") return;
		document.removeEventListener("htmx:afterSwap", change);
		setTimeout(() => htmx.trigger(document.body, "nodes-changed")); // before HTMX settles
	};
	document.addEventListener("htmx:afterSwap", change);
	return null;
})()`

// The columns that need pods come, also when their load meets that of another table.
func TestBrowser_loadsMeet(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig, "--list-ttl", "1h", "--hard-age", "1h")
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	x.untilRows("Ready", names...)
	value[any](x, slowRequests)
	p.submit(t, c.Name, "cordon", names...)
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.settled()
}

// front answers some requests for tables with an error, and passes on the others.
type front struct {
	mu     sync.Mutex
	next   http.Handler
	errors map[string]int // by what is asked for: how many are still to come
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := "table"
	switch {
	case !strings.HasSuffix(r.URL.Path, "/nodes") || r.Header.Get("HX-Request") == "":
		f.next.ServeHTTP(w, r)
		return
	case r.URL.Query().Has("usage"):
		kind = "pods"
	case r.Header.Get("X-Background") == "":
		kind = "search"
	}
	f.mu.Lock()
	fails := f.errors[kind] > 0
	f.errors[kind]--
	f.mu.Unlock()
	if fails {
		http.Error(w, "no "+kind, http.StatusServiceUnavailable)
		return
	}
	f.next.ServeHTTP(w, r)
}

// fail makes the next requests of a kind fail.
func (f *front) fail(kind string, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors[kind] = times
}

// startFront serves a program with errors, and returns it with the address of that.
func startFront(t *testing.T, p *program) (*front, *program) {
	t.Helper()
	to, err := url.Parse(p.URL)
	require.NoError(t, err)
	f := &front{errors: map[string]int{}, next: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ErrorLog: log.New(io.Discard, "", 0),
	}}
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	behind := *p
	behind.URL = server.URL
	return f, &behind
}

// What a page loads by itself and does not get, it asks for again, until it shows the truth
// as a whole. What it says of the error goes then. What it says to a person's own action
// stays.
func TestBrowser_loadsThatFail(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	p := startProgram(t, c.Kubeconfig, "--list-ttl", "1h", "--hard-age", "1h")
	f, behind := startFront(t, p)
	x := startBrowser(t).tab(p).signIn()
	x.expect("503", "Response Status Error")
	x.p = behind
	x.openNodes(c.Name, "")
	x.untilRows("Ready", names...)
	const note = `document.querySelector("#flash").textContent.trim()`

	f.fail("table", 1000)
	f.fail("pods", 2)
	p.submit(t, c.Name, "cordon", names...)
	x.until(note + `=== "no table"`)
	f.fail("table", 0)
	x.untilRows("Ready,SchedulingDisabled", names...)
	x.settled()
	x.until(note + ` === ""`)

	f.fail("search", 1)
	x.fill("#q", names[0])
	x.until(note + `=== "no search"`)
	f.fail("table", 1)
	p.submit(t, c.Name, "uncordon", names...)
	x.untilRows("Ready", names...)
	x.settled()
	require.Equal(t, "no search", value[string](x, note), "the answer to the person's search")
	x.until(fmt.Sprintf(`document.querySelector("#q").value === %q`, names[0]))
}
