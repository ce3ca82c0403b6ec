package acceptance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// startFirst runs the program with an empty data directory and returns what it
// prints about creating the first administrator.
func startFirst(t testing.TB, kubeconfig string) (*program, string) {
	t.Helper()
	p := emptyProgram(t, releaseBuild.binary(t), kubeconfig)
	p.start(t)
	return p, p.said.line(t, 1)
}

// At the first start only somebody who can read the output of the program can
// create the first administrator, and only once.
func TestBrowser_firstAdministrator(t *testing.T) {
	c := lease(t)
	c.Nodes(t, 1)
	p, invitation := startFirst(t, c.Kubeconfig)
	expected := regexp.MustCompile(`^There is no administrator yet\. Open (http://\S+/setup) ` +
		`within the next hour and enter this code: ([A-Z2-7-]{23})$`)
	found := expected.FindStringSubmatch(invitation)
	require.NotNil(t, found, invitation)
	require.Equal(t, p.URL+"/setup", found[1])

	x := startBrowser(t).tab(p)
	x.expect("422")
	x.open("/clusters") // any address
	x.until(`location.pathname === "/setup"`)
	x.fill("#f-code", "AAAAA-AAAAA-AAAAA-AAAAA")
	x.fill("#f-name", "grace")
	x.fill("#f-password", adminPassword)
	x.fill("#f-password2", adminPassword)
	x.press("form.card button.primary")
	x.until(`document.querySelector("#e-code")?.textContent.trim() === ` +
		`"This is not the setup code that was printed at the last start."`)
	require.Equal(t, "grace", value[string](x, `document.querySelector("#f-name").value`), "what was typed is kept")

	value[any](x, `document.querySelector("#f-code").select()`)
	x.fill("#f-code", strings.ToLower(found[2])) // people may type it in lower case
	x.fill("#f-password", adminPassword)
	x.fill("#f-password2", adminPassword)
	x.press("form.card button.primary")
	x.until(fmt.Sprintf(`location.pathname === %q && document.querySelector("#nodes tr[data-node]")`, nodesPath(c.Name)))
	require.Contains(t, value[string](x, `document.querySelector(".who").textContent`), "grace")

	x.open("/setup") // redirected to the sign-in page, and from there to the nodes
	x.until(`location.pathname.startsWith("/clusters/")`)
	require.NotContains(t, p.log(t), found[2], "the code is in the log")
}

// Everything works without JavaScript: forms, and pages that reload themselves.
func TestBrowser_withoutJavaScript(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 7)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	x := startBrowser(t).tab(p)
	x.withoutScripts()
	x.signIn()
	x.open(nodesPath(c.Name))
	x.untilRows("Ready", names...)
	require.False(t, value[bool](x, `"htmx" in window`), "scripts run")

	// A small batch: its page shows the end.
	x.tick(names[0], names[1])
	x.fill("#reason", "kernel CVE")
	x.operate("cordon")
	id := x.untilBatch("succeeded")
	require.Equal(t, "kernel CVE", p.batch(t, id).Reason)
	x.press(".title a")
	x.until(fmt.Sprintf(`%[1]s[%[2]q] === "Ready,SchedulingDisabled" && %[1]s[%[3]q] === "Ready"`, statusOf, names[0],
		names[2]))
	require.ElementsMatch(t, names[:2], p.cordonedIn(t, c.Name))

	// The button of a row.
	x.press(fmt.Sprintf(`#nodes tr[data-node=%q] td.act button[id^=op-]`, names[0]))
	x.untilBatch("succeeded")
	require.ElementsMatch(t, names[1:2], p.cordonedIn(t, c.Name))

	// The page of a longer batch reloads itself until the end.
	x.open(nodesPath(c.Name))
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[6], Hold: hold})
	x.tick(names...)
	x.operate("cordon")
	x.agree()
	id = x.untilBatch("running")
	held.WaitHits(t, 1)
	close(hold)
	require.Equal(t, id, x.untilBatch("succeeded"))
	x.press(".title a")
	x.untilRows("Ready,SchedulingDisabled", names...)

	// The search is a form.
	x.fill("#q", names[4]+"\r")
	x.untilRows("Ready,SchedulingDisabled", names[4])
}

// The page of an unreachable cluster says what is wrong, and its button shows
// the nodes once the cluster is reachable.
func TestBrowser_unreachableCluster(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	address := freeAddress(t)
	down := c.Config()
	upstream := strings.TrimPrefix(down.Host, "https://")
	down.Host = "https://" + address
	p := startProgram(t, kubetest.WriteKubeconfig(t, c.Name, down))
	x := startBrowser(t).tab(p)
	x.expect("503")
	x.signIn()
	const problem = `document.readyState === "complete" && document.querySelector("#nodes .problem")`
	x.open("/clusters")
	x.press("table form button")
	x.until(`document.querySelector("tbody .st").textContent.includes("unreachable")`)
	x.open(nodesPath(c.Name))
	x.until(problem)
	require.Equal(t, "Cannot connect to the cluster at "+address+".",
		value[string](x, `document.querySelector("#nodes .problem h2").textContent`))
	x.press("#nodes .problem a.btn")
	x.until(`location.search === "?fresh=1" && ` + problem)

	relay(t, address, upstream)
	x.press("#nodes .problem a.btn")
	x.untilRows("Ready", names...)
	x.open("/clusters")
	x.press("table form button")
	x.until(`document.querySelector("tbody .st").textContent.trim() === "reachable"`)
}

// relay listens on an address until the end of the test and forwards all bytes.
func relay(t testing.TB, address, upstream string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	var connections sync.WaitGroup
	var open sync.Map
	connections.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", upstream)
			if err != nil {
				_ = client.Close()
				continue
			}
			open.Store(client, nil)
			open.Store(server, nil)
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}
			connections.Go(func() { pipe(server, client) })
			connections.Go(func() { pipe(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close()
			return true
		})
		connections.Wait()
	})
}

// The cluster becomes unreachable while the table is open: the table is kept,
// with its age and the reason.
func TestBrowser_clusterGoesAway(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name), "--list-ttl", "1ms")
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	down := proxy.Inject(kubetest.Fault{Resource: "nodes", Code: http.StatusInternalServerError})
	for end := time.Now().Add(patience); !value[bool](x, `Boolean(document.querySelector("#nodes .stale"))`); {
		require.True(t, time.Now().Before(end), x.seen())
		x.press("#sort-name") // any load; one of them follows a failed refresh
		x.settled()
	}
	x.untilRows("Ready", names...)
	down.Remove()
	x.press("#nodes .stale a.btn")
	x.until(`!document.querySelector("#nodes .stale")`)
	x.untilRows("Ready", names...)
}
