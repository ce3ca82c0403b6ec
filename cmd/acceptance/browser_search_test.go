package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// paste sets the text of a field at once, as from the clipboard.
func (x *tab) paste(selector, text string) {
	x.t.Helper()
	value[any](x, fmt.Sprintf(`((f) => {
		f.focus();
		f.value = %q;
		f.dispatchEvent(new Event("input", { bubbles: true }));
	})(document.querySelector(%q))`, text, selector))
}

// untilNames waits until the table shows exactly these nodes.
func (x *tab) untilNames(names ...string) {
	x.t.Helper()
	x.until(fmt.Sprintf(`JSON.stringify(Object.keys(%s).sort()) === JSON.stringify(%s.sort())`, statusOf, jsList(names)))
}

// The search finds what the table shows: states, places, and a pasted list of
// names, one of them unknown.
func TestBrowser_search(t *testing.T) {
	c := lease(t)
	gpu := corev1.Taint{Key: "dedicated", Value: "ml", Effect: corev1.TaintEffectNoSchedule}
	fine := c.Nodes(t, 2)
	limited := c.Nodes(t, 1, kubetest.WithTaints(gpu))
	cordoned := c.Nodes(t, 1, kubetest.Cordoned())
	dead := c.Nodes(t, 1, kubetest.NotReady())
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.openNodes(c.Name, "")
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"cordoned", cordoned},
		{"NotReady", dead},
		{"limited ml", limited},
		{"SchedulingDisabled", cordoned},
		{"no contact", dead},
		{fine[0] + ", " + limited[0] + ", node-gone", []string{fine[0], limited[0]}},
		{fine[0] + " " + strings.ToUpper(fine[1]), fine},
	} {
		x.paste("#q", tt.text)
		x.untilNames(tt.want...)
	}
	x.paste("#q", fine[0]+",\tnode-gone;node-lost")
	x.untilNames(fine[0])
	require.Contains(t, value[string](x, `document.querySelector("#unknown-names").textContent`),
		"2 names in the list are not nodes of this cluster")
	require.Contains(t, value[string](x, `document.querySelector("#unknown-names").textContent`), "node-gone, node-lost")
	x.accessible("a list with names that no node has")

	// A node whose kubelet has stopped reads as in kubectl, and says why.
	x.openNodes(c.Name, "?status=NoContact")
	x.untilNames(dead...)
	require.Equal(t, "NotReady", value[string](x, fmt.Sprintf(`%s[%q]`, statusOf, dead[0])))
	require.Equal(t, "no contact", value[string](x, `document.querySelector("#nodes .status .word").textContent`))
	var list struct {
		Items []struct {
			Name, Status string
			NoContact    bool
		}
		UnknownNames []string
	}
	p.request(t, http.MethodGet, nodesPath(c.Name)+"?status=NotReady&q="+dead[0]+",x", nil, &list)
	require.Equal(t, []string{"x"}, list.UnknownNames)
	require.Len(t, list.Items, 1)
	require.Equal(t, "NotReady", list.Items[0].Status)
	require.True(t, list.Items[0].NoContact)
}

// The browser sends its time zone; pages use it and say so.
func TestBrowser_readersZone(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", names[0])
	x := startBrowser(t).tab(p)
	_, err := chromedp.Call(x.ctx, emulation.SetTimezoneOverride,
		emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	require.NoError(t, err)
	x.signIn()
	tokyo := time.FixedZone("JST", 9*60*60)
	for path, selector := range map[string]string{
		"/batches":         "#batches tbody time",
		"/audit":           "#audit time",
		"/batches/" + b.ID: ".facts time",
	} {
		x.open(path)
		seen := value[[]string](x,
			fmt.Sprintf(`((t) => [t.dateTime, t.textContent, t.title])(document.querySelector(%q))`, selector))
		at, err := time.Parse(time.RFC3339, seen[0])
		require.NoError(t, err)
		require.Equal(t, at.In(tokyo).Format("2006-01-02 15:04:05"), seen[1], path)
		require.Equal(t, seen[1]+" JST (UTC+09:00)", seen[2], path)
	}
	x.open("/batches?since=today")
	require.Equal(t, 1, value[int](x, `document.querySelectorAll("#batches tbody tr").length`))
	require.Equal(t, "times in Asia/Tokyo", value[string](x, `document.querySelector(".zone-note").textContent`))
}

// The page of a batch shows its end time without a reload.
func TestBrowser_batchEndsInItsFacts(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 6)
	proxy := kubetest.NewProxy(t, c.Config())
	hold := make(chan struct{})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[0], Times: 1, Hold: hold})
	p := startProgram(t, proxy.Kubeconfig(t, c.Name))
	b, _ := p.submit(t, c.Name, "cordon", names...)
	require.Equal(t, "running", b.State)
	x := startBrowser(t).tab(p).signIn()
	x.open("/batches/" + b.ID)
	x.until(`document.body.dataset.live === "on"`)
	facts := `[...document.querySelectorAll("#facts dt")].map((e) => e.textContent)`
	require.NotContains(t, value[[]string](x, facts), "Ended")
	close(hold)
	x.until(facts + `.includes("Ended")`)
	require.Equal(t, "6 nodes cordoned",
		value[string](x, `document.querySelector("#progress .verdict").textContent.trim()`))
	require.Zero(t, value[int](x, `document.querySelectorAll("#progress .tally").length`))
}

// A search that is too long, or not text, is refused with the name of the field
// on every page that has a search.
func TestSearch_refusals(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	r := p.reader(t, "en", adminName)
	words := strings.TrimSpace(strings.Repeat("a+", 9))
	for path, texts := range map[string][]string{
		nodesPath(c.Name):                 {strings.Repeat("a", 16_001), "%00", "%ff"},
		"/clusters/" + c.Name + "/labels": {strings.Repeat("a", 201), words, "%00", "%ff"},
		"/clusters/" + c.Name + "/taints": {strings.Repeat("a", 201), words},
		"/batches":                        {strings.Repeat("a", 201), words, "%00", "%ff"},
		"/audit":                          {strings.Repeat("a", 201), words, "%00", "%ff"},
		"/templates/labels":               {strings.Repeat("a", 201), "%00", "%ff"},
	} {
		for _, text := range texts {
			got := r.send(t, http.MethodGet, path+"?q="+text, nil, "Accept", "application/json")
			require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s %.20s", path, text)
			var problem struct {
				Error struct{ Fields map[string]string }
			}
			require.NoError(t, json.Unmarshal([]byte(got.body), &problem))
			require.NotEmpty(t, problem.Error.Fields["q"], got.body)
		}
	}
}

// Terms are about one field. What is wrong with one is said where the table was, and the
// text stays.
func TestBrowser_searchTerms(t *testing.T) {
	c := lease(t)
	zone := func(i int, n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = []string{"r1-a", "r1-b"}[i%2] }
	names := c.Nodes(t, 4, kubetest.WithLabels(map[string]string{"team": "web"}), zone)
	p := startProgram(t, c.Kubeconfig)
	x := startBrowser(t).tab(p).signIn()
	x.expect("422")
	x.openNodes(c.Name, "?sort=name")
	x.paste("#q", "zone:r1-a label:team=web age<1d cpu<=100%")
	x.untilNames(names[0], names[2])
	x.paste("#q", "cpu>much")
	x.until(`document.querySelector("#nodes .problem")?.innerText.includes("needs a number, as in cpu>80%")`)
	x.open(nodesPath(c.Name) + "?q=cpu%3Emuch")
	x.until(`document.querySelector("#nodes .problem") && document.querySelector("#q").value === "cpu>much"`)
	x.paste("#q", "!zone:r1-a")
	x.untilNames(names[1], names[3])
	response := p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes?q=cpu%3Emuch", nil, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
}
