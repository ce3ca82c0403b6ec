package acceptance

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services/kube/kubetest"
)

// cordonBeside cordons a node as kubectl does, without the program knowing.
func cordonBeside(t testing.TB, c *kubetest.Cluster, name string) {
	t.Helper()
	changeBehind(t, c, name, `{"spec":{"unschedulable":true}}`)
}

// page requests a page as a browser does.
func (p *program) page(t testing.TB, path string) (int, *goquery.Document) {
	t.Helper()
	response, raw := p.call(t, http.MethodGet, path, "text/html", "", nil)
	page, err := goquery.NewDocumentFromReader(bytes.NewReader(raw))
	require.NoError(t, err)
	return response.StatusCode, page
}

type nodeDoc struct {
	nodeRow
	AsOf time.Time
}

func (p *program) node(t testing.TB, cluster, name string) nodeDoc {
	t.Helper()
	var n nodeDoc
	p.request(t, http.MethodGet, nodesPath(cluster)+"/"+name, nil, &n)
	return n
}

// The page of a node is never older than the list, and only what has changed is
// read again: not the pods, whose age is that of the page.
func TestNode_isNeverOlderThanItsList(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	first, other := p.node(t, c.Name, names[0]), p.node(t, c.Name, names[1])
	require.False(t, first.Unschedulable)
	pods, gets := proxy.Calls("list", "pods"), proxy.Calls("get", "nodes")
	cordonBeside(t, c, names[0])
	p.nodes(t, c.Name, "fresh=1")
	second := p.node(t, c.Name, names[0])
	require.True(t, second.Unschedulable, "the list shows it, so the page does")
	require.Equal(t, first.AsOf, second.AsOf, "the age is that of the oldest part")
	require.Equal(t, pods, proxy.Calls("list", "pods"))
	require.Equal(t, gets+1, proxy.Calls("get", "nodes"))
	require.Equal(t, other.AsOf, p.node(t, c.Name, names[1]).AsOf)
	require.Equal(t, gets+1, proxy.Calls("get", "nodes"), "a node that the list shows unchanged is not read again")
}

// A node that is only viewed on its own page is read as often as lists are.
func TestNode_showsAForeignChangeAsSoonAsAListWould(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig, "--list-ttl", "100ms")
	require.False(t, p.node(t, c.Name, names[0]).Unschedulable)
	cordonBeside(t, c, names[0])
	require.Eventually(t, func() bool { return p.node(t, c.Name, names[0]).Unschedulable }, patience/2,
		50*time.Millisecond)
}

// A page of an unreachable cluster shows what is known, and why it is old; a
// script that asks for a fresh read gets that or an error.
func TestPages_ofAClusterThatHasGone(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	p.nodes(t, c.Name, "")
	p.node(t, c.Name, names[0])
	proxy.Inject(kubetest.Fault{Code: http.StatusServiceUnavailable})
	for _, path := range []string{"/nodes", "/labels", "/taints", "/nodes/" + names[0]} {
		path += "?fresh=1"
		status, page := p.page(t, "/clusters/"+c.Name+path)
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, 1, page.Find(".note.stale").Length(), path)
		require.Contains(t, page.Find(".note.stale").Text(), "overloaded", path)
		require.Equal(t, 1, page.Find(".as-of.late").Length(), path)
		if !strings.Contains(path, "labels") && !strings.Contains(path, "taints") {
			require.Contains(t, page.Find("main").Text(), names[0], path)
		}
		require.Equal(t, http.StatusServiceUnavailable,
			p.request(t, http.MethodGet, "/clusters/"+c.Name+path, nil, nil).StatusCode, path)
	}
}

type clusterDoc struct {
	Name, Problem    string
	Checked          bool
	Reachable        *bool
	CheckedAt, Since *time.Time
	Nodes            *int
}

func (p *program) cluster(t testing.TB, name string) clusterDoc {
	t.Helper()
	var c clusterDoc
	p.request(t, http.MethodGet, "/clusters/"+url.PathEscape(name), nil, &c)
	return c
}

// Every call updates whether the cluster is reachable, in both directions: a
// list, the detail of a node, a plan, a write.
func TestCluster_stateFollowsEveryCall(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	p.nodes(t, c.Name, "")
	cordon := url.Values{"operation": {"cordon"}, "node": names[:1]}
	calls := map[string]func() *http.Response{
		"list": func() *http.Response { return p.request(t, http.MethodGet, nodesPath(c.Name)+"?fresh=1", nil, nil) },
		"detail": func() *http.Response {
			return p.request(t, http.MethodGet, nodesPath(c.Name)+"/"+names[0]+"?fresh=1", nil, nil)
		},
		"write": func() *http.Response {
			return p.request(t, http.MethodPost, "/clusters/"+c.Name+"/batches", cordon, nil)
		},
	}
	for name, call := range calls {
		require.Less(t, call().StatusCode, 300, name)
		good := p.cluster(t, c.Name)
		require.True(t, *good.Reachable, name)
		cut := proxy.Inject(kubetest.Fault{Cut: kubetest.CutBefore, Connection: true})
		call()
		bad := p.cluster(t, c.Name)
		require.False(t, *bad.Reachable, name)
		require.NotEmpty(t, bad.Problem, name)
		require.False(t, bad.Since.Before(*good.CheckedAt), name)
		cut.Remove()
	}
	call := calls["list"]
	require.Less(t, call().StatusCode, 300)
	require.True(t, *p.cluster(t, c.Name).Reachable, "without anybody pressing Check")
}

// A mistyped name is an error neither of the cluster nor of the program.
func TestPages_ofMistypedNames(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	c.Nodes(t, 1)
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	for _, name := range []string{
		"ghost", "../../", "..", ".", "a/b", "Upper", "two words", "%", "\x00", "\xff", "node?x=1", strings.Repeat("n", 4000),
	} {
		node, elsewhere := nodesPath(c.Name)+"/"+url.PathEscape(name), "/clusters/"+url.PathEscape(name)
		for _, path := range []string{
			node, node + "?fresh=1",
			elsewhere, elsewhere + "/nodes", elsewhere + "/nodes.csv", elsewhere + "/nodes/a",
			elsewhere + "/labels", elsewhere + "/taints?key=a",
			"/events?cluster=" + url.QueryEscape(name),
		} {
			status, _ := p.page(t, path)
			require.Equal(t, http.StatusNotFound, status, path)
			require.Equal(t, http.StatusNotFound, p.request(t, http.MethodGet, path, nil, nil).StatusCode, path)
		}
		require.Equal(t, http.StatusNotFound,
			p.request(t, http.MethodPost, elsewhere+"/test", url.Values{}, nil).StatusCode, name)
	}
	for _, r := range proxy.Requests() {
		require.False(t, r.Verb == "get" && r.Resource == "nodes" && r.Name != "ghost", "the cluster was asked for %q",
			r.Name)
	}
}

// The page of a node shows what its pods request, not what they use.
func TestNode_showsWhatIsRequestedAndNotWhatIsInUse(t *testing.T) {
	c := lease(t)
	name := c.Nodes(t, 1)[0]
	c.Pod(t, c.Namespace(t), "web", name)
	p := startProgram(t, c.Kubeconfig)
	_, page := p.page(t, nodesPath(c.Name)+"/"+name)
	headers := page.Find("th").Map(func(_ int, s *goquery.Selection) string { return strings.TrimSpace(s.Text()) })
	require.Contains(t, headers, "Requested")
	require.Contains(t, headers, "Allocatable")
	require.NotContains(t, page.Find("main").Text(), "In use")
}
