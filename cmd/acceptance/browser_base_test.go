package acceptance

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// basePath is the path of the program on a site with other programs.
const basePath = "/ops/nodes"

// site is a proxy with the program at basePath, and another program at all other
// paths.
type site struct {
	*program
	address string
	strips  bool // the proxy removes basePath
	target  *url.URL

	mu       sync.Mutex
	received []string           // cookies that the other program got
	signOuts chan chan struct{} // if not nil, gets a channel for each sign-out, whose answer waits until it is closed
}

// startSite runs the program behind the proxy.
func startSite(t *testing.T, kubeconfig string, strips bool) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	s := &site{
		program: newProgram(t, kubeconfig, "--public-url", address+basePath), address: address, strips: strips,
	}
	s.start(t)
	require.Equal(t, address+basePath, s.URL)
	found := regexp.MustCompile(`msg=Listening address=(\S+)`).FindStringSubmatch(s.log(t))
	require.NotNil(t, found)
	s.target = &url.URL{Scheme: "http", Host: found[1]}
	mux := http.NewServeMux()
	// It would log each event stream that its browser closes.
	proxy := &httputil.ReverseProxy{
		Rewrite: s.rewrite, ModifyResponse: s.holdSignOut, ErrorLog: log.New(io.Discard, "", 0),
	}
	mux.Handle(basePath+"/", proxy)
	mux.Handle(basePath, proxy)
	mux.HandleFunc("/", s.otherProgram)
	server := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return s
}

// rewrite passes a request on: as it is, or like a proxy that removes the path and
// knows the program by another host name.
func (s *site) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(s.target)
	if !s.strips {
		r.Out.Host = r.In.Host
		return
	}
	r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, basePath)
	r.Out.URL.RawPath = strings.TrimPrefix(r.Out.URL.RawPath, basePath)
	r.Out.Header.Set("X-Forwarded-Prefix", basePath)
}

// holdSignOut passes on the answer to a sign-out when somebody who waits for it allows it.
func (s *site) holdSignOut(r *http.Response) error {
	if !strings.HasSuffix(r.Request.URL.Path, "/logout") {
		return nil
	}
	s.mu.Lock()
	outs := s.signOuts
	s.mu.Unlock()
	if outs != nil {
		held := make(chan struct{})
		outs <- held
		<-held
	}
	return nil
}

func (s *site) otherProgram(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range r.Cookies() {
		s.received = append(s.received, c.Name)
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprint(w, `<!doctype html><title>other</title><link rel="icon" href="data:,"><h1>other</h1>`)
}

// cookies returns the names of the cookies that the other program got.
func (s *site) cookies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

func TestPages_linksStayBelowThePath(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 51, kubetest.WithLabels(map[string]string{"team": "web"}))
	s := startSite(t, c.Kubeconfig, false)
	var b batchDoc
	s.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches",
		url.Values{"operation": {"cordon"}, "node": {names[0], "ghost"}}, &b)
	followLinks(t, s.program)
	require.Empty(t, s.cookies())
}

// The login session ends before the page is left. What the page asks for in between
// would be refused, and must not look as if the session had ended by itself.
func TestBrowser_signOutIsNoSurprise(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	s := startSite(t, c.Kubeconfig, false)
	s.signOuts = make(chan chan struct{})
	x := startBrowser(t).tab(s.program)
	x.open(nodesPath(c.Name))
	x.fill("#f-name", adminName)
	x.fill("#f-password", adminPassword)
	x.press("form.card button.primary")
	x.until(fmt.Sprintf(`location.pathname === %q`, basePath+nodesPath(c.Name)))
	x.settled()
	x.untilRows("Ready", names...)
	value[any](x, `void setInterval(() => htmx.trigger(document.body, "nodes-changed"), 20)`)
	x.press("form[action$=logout] button")
	held := <-s.signOuts
	time.Sleep(300 * time.Millisecond) // in which the table would have been refused
	close(held)
	x.until(`location.pathname.endsWith("/login") && document.querySelector("#f-name")`)
	require.Empty(t, value[string](x, `location.search`))
	require.Empty(t, value[string](x, `Object.keys(sessionStorage).filter((key) => !key.startsWith("htmx-")).join()`))
}

// The main paths through the program work below a path, whatever the proxy does with
// it: sign in, search, cordon with progress, go back, sign out.
func TestBrowser_belowAPath(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 7)
	for _, strips := range []bool{false, true} {
		t.Run(fmt.Sprintf("the proxy removes it: %t", strips), func(t *testing.T) {
			s := startSite(t, proxy.Kubeconfig(t, c.Name), strips)
			x := startBrowser(t).tab(s.program)
			below := func(path, and string) {
				x.until(fmt.Sprintf(`location.pathname === %q && (%s)`, basePath+path, and))
			}
			// What another program has stored is not touched.
			x.open("/../..")
			value[any](x, `sessionStorage.setItem("user", "other")`)

			x.open("")
			below("/login", `document.querySelector("#f-name")`)
			x.fill("#f-name", adminName)
			x.fill("#f-password", adminPassword)
			x.press("form.card button.primary")
			below(nodesPath(c.Name), "true")
			x.settled()
			x.untilRows("Ready", names...)

			// The search changes the address; going back works.
			x.fill("#q", names[3])
			x.until(fmt.Sprintf(`location.search === "?q=%s"`, names[3]))
			below(nodesPath(c.Name), "true")
			x.untilRows("Ready", names[3])
			value[any](x, `history.back()`)
			x.until(`location.search === ""`)
			x.settled()
			x.untilRows("Ready", names...)

			// A batch shows its plan, and its progress through the event stream.
			hold := make(chan struct{})
			held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[6], Hold: hold})
			x.press("#sel-page")
			x.operate("cordon")
			x.agree()
			id := x.untilBatch("running")
			x.until(fmt.Sprintf(`location.pathname.startsWith(%q)`, basePath+"/"))
			held.WaitHits(t, 1)
			close(hold)
			require.Equal(t, id, x.untilBatch("succeeded"))
			x.press(".title a")
			below(nodesPath(c.Name), "true")
			x.untilRows("Ready,SchedulingDisabled", names...)
			held.Remove()

			// A button of a row: the table is fresh without a reload.
			x.settled()
			x.press(fmt.Sprintf(`#nodes tr[data-node=%q] td.act button[id^=op-]`, names[0]))
			x.until(fmt.Sprintf(`%s[%q] === "Ready"`, statusOf, names[0]))

			const stored = `Object.keys(sessionStorage).filter((key) => !key.startsWith("htmx-")).join()`
			require.Contains(t, value[string](x, stored), "knm /ops/nodes user")
			x.press("form[action$=logout] button")
			below("/login", `document.querySelector("#f-name")`)
			require.Equal(t, "user", value[string](x, stored), "only what the other program has stored")
			x.open("/../..")
			require.Equal(t, "other", value[string](x, `document.querySelector("h1").textContent`))
			require.Empty(t, s.cookies(), "no cookie of the program goes to another one")
			x.open("/batches")
			below("/login", "true")
			s.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches",
				url.Values{"operation": {"uncordon"}, "all": {"1"}}, nil)
		})
	}
}
