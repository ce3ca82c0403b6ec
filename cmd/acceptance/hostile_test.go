package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostilePosts is how many documents are sent, hostileGrowth how many bytes of
// memory they may cost in the end, and hostilePeak at any moment: a body of 1 MiB
// is there as it came, read, and as the page that gives it back, and the
// collector lets garbage grow to twice what is in use.
const (
	hostilePosts  = 1000
	hostileGrowth = 50 << 20
	hostilePeak   = 100 << 20
)

// document is a body that nobody in their senses sends.
type document struct {
	name, method, path, kind string
	body                     string
	fine                     bool // it is odd, but may be answered
}

// filled repeats a text until it is as long as a body may be.
func filled(text string) string { return strings.Repeat(text, (1<<20-4096)/len(text)) }

// yamls are documents for the import of templates, which takes half a body.
func yamls() map[string]string {
	half := func(text string) string { return strings.Repeat(text, 500<<10/len(text)) }
	head := "apiVersion: kube-node-manager.io/v1\nkind: LabelTemplates\n"
	return map[string]string{
		"bomb":       "x: &a \"" + strings.Repeat("z", 15<<10) + "\"\ny: [" + strings.Repeat("*a,", 7000) + "]\n",
		"laughs":     "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
		"itself":     "a: &a [*a]",
		"merge":      "a: &a {b: c}\n<<: *a\n",
		"big bomb":   "x: &a \"" + strings.Repeat("z", 250<<10) + "\"\ny: [" + strings.Repeat("*a,", 80_000) + "]\n",
		"deep":       half("["),
		"deep maps":  half("{a: "),
		"deep block": half("- "),
		"long":       head + "templates: [{name: \"" + half("x") + "\"}]",
		"keys":       half("a:\n"),
		"list":       half("-\n"),
		"nulls":      "[" + half("?,") + "]",
		"comments":   half("- #\n"),
		"documents":  half("---\n"),
		"templates":  head + "templates:\n" + strings.Repeat("- {name: a}\n", 20_000),
		"entries":    head + "templates: [{name: a, entries: [" + strings.Repeat("{key: a},", 30_000) + "]}]",
		"values":     head + "templates: [{name: a, entries: [{key: a, values: [" + strings.Repeat("b,", 90_000) + "]}]}]",
		"control":    "a: \"\x01\"",
		"directives": half("%TAG ! !\n"),
	}
}

// hostile gives every document for every parser of what a person sends.
func hostile(cluster, node, batch string) []document {
	var docs []document
	form := func(name, path string, fine bool, fields ...string) {
		body := strings.Join(fields, "&")
		docs = append(docs, document{name, "POST", path, "application/x-www-form-urlencoded", body, fine})
	}
	json := func(name, path, body string) {
		docs = append(docs, document{name, "POST", path, "application/json", body, false})
	}
	get := func(name, path string, fine bool) {
		docs = append(docs, document{name, "GET", path, "", "", fine})
	}
	c := "/clusters/" + cluster
	for name, text := range yamls() {
		form("yaml "+name, "/templates/labels/import", false, "document="+url.QueryEscape(text))
		kind, body := uploaded(text)
		docs = append(docs, document{"yaml file " + name, "POST", "/templates/taints/import", kind, body, false})
	}
	for _, path := range []string{c + "/batches", c + "/batches/preview", c + "/labels/edit", c + "/templates/apply", "/templates/labels/new", "/batches/" + batch + "/undo"} {
		json("json deep "+path, path, filled("["))
		json("json deeper "+path, path, `{"a":`+filled("["))
		json("json objects "+path, path, filled(`{"a":`))
		json("json numbers "+path, path, `{"label":[`+filled("1,")+`1]}`)
		json("json keys "+path, path, `{`+keys(`"k%d":1,`, 60_000)+`"a":1}`)
		json("json invalid "+path, path, "{\"node\":\"\xff\xfe\"}")
		json("json NUL "+path, path, `{"operation":"cordon","node":"a\u0000"}`)
		json("json after "+path, path, `{} {}`)
		form("form invalid "+path, path, false, "operation=cordon&node=%ff%fe")
		form("form NUL "+path, path, false, "operation=cordon&node=a%00b")
		form("form percent "+path, path, false, "operation=%zz")
		form("form keys "+path, path, false, keys("k%d=&", 70_000))
		form("form many "+path, path, false, filled("a=&"))
		form("form too large "+path, path, false, "a="+strings.Repeat("x", 1<<20+1))
	}
	for _, path := range []string{c + "/batches", c + "/batches/preview"} {
		form("nodes "+path, path, false, "operation=cordon", keys("node=n%d&", 60_000))
		form("names "+path, path, false, "operation=cordon", "nodes="+keys("n%d+", 100_000))
		form("same "+path, path, false, "operation=cordon", filled("node=../../&"))
		form("labels "+path, path, false, "operation=label", "node="+node, "label="+keys("k%d=v,", 80_000))
		form("taints "+path, path, false, "operation=taint", "node="+node, "taint="+keys("k%d=v:NoSchedule,", 40_000))
		form("taint text "+path, path, false, "operation=taint", "node="+node, "taint="+filled("x"))
		form("label text "+path, path, false, "operation=label", "node="+node, "label="+filled("=:-"))
		form("selector "+path, path, false, "operation=drain", "node="+node, "pod_selector="+filled("a,"))
		form("selector set "+path, path, false, "operation=drain", "node="+node, "pod_selector=a+in+("+filled("b,")+"c)")
		form("durations "+path, path, false, "operation=drain", "node="+node, "timeout="+strings.Repeat("9", 5000)+"h")
		form("numbers "+path, path, false, "operation=cordon", "node="+node, "canary="+strings.Repeat("9", 5000))
		form("key "+path, path, false, "operation=cordon", "node="+node, "idempotency_key="+filled("k"))
		form("reason "+path, path, false, "operation=cordon", "node="+node, "reason="+filled("r"))
		form("words "+path, path, false, "operation=cordon", "all=1", "q="+filled("a+"))
		form("filter "+path, path, false, "operation=cordon", "all=1", "label="+filled("l"))
		form("values "+path, path, false, "operation=label", "node="+node, "template=1", keys("value.k%d=&", 50_000))
		form("uid "+path, path, false, "operation=delete-pod", "node="+node, "pod=a/b", "uid="+filled("u"))
	}
	form("rows", c+"/batches/preview", false, "edit=labels", "node="+node, keys("unset=k%d&", 60_000))
	form("new rows", c+"/batches/preview", false, "edit=taints", "node="+node, filled("new_key=&"))
	form("pasted", c+"/labels/edit", true, "node="+node, "label="+filled("a=b,"))
	form("candidates", "/templates/labels/new", false, "name=a", "key.1=a", "values.1="+filled("b,"))
	form("clusters", "/templates/labels/new", false, "name=a", "entry=a=b", keys("cluster=c%d&", 60_000))
	long := strings.Repeat("x", 20_000)
	for _, path := range []string{c + "/nodes?q=", c + "/nodes.csv?label=", c + "/nodes?taint=", c + "/labels?q=", "/audit?q=", "/audit.csv?actor=", "/batches?by=", "/templates/labels?q=", "/batches?from=", "/audit?before="} {
		get("filter "+path, path+long, false)
		get("words "+path, path+strings.Repeat("a+", 10_000), false)
		get("invalid "+path, path+"%ff%fe", true)
		get("NUL "+path, path+"%00", true)
	}
	for _, name := range []string{"..%2F..%2F", "%2e%2e", "..", "a%00b", "%ff", strings.Repeat("a", 20_000), "A", "a%20b"} {
		get("node "+name, c+"/nodes/"+name, false)
		get("cluster "+name, "/clusters/"+name+"/nodes", false)
		get("batch "+name, "/batches/"+name, false)
		get("template "+name, "/templates/labels/"+name, false)
	}
	return docs
}

// keys repeats a text with a number in it, up to the length of a body.
func keys(format string, count int) string {
	var out strings.Builder
	for i := 0; i < count && out.Len() < 1<<20-8192; i++ {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}

func uploaded(text string) (kind, body string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, _ := w.CreateFormFile("file", "a.yaml") // memory takes all
	_, _ = io.WriteString(part, text)
	_ = w.Close()
	return w.FormDataContentType(), out.String()
}

// memory gives a line of the process's status in bytes: VmRSS is what is resident,
// VmHWM the most that ever was.
func memory(t testing.TB, pid int, line string) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), line+":")
	require.True(t, found)
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kilobytes << 10
}

// plainProgram is the program without the race detector, which multiplies the
// memory.
func plainProgram(t *testing.T, kubeconfig string) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain")
	out, err := exec.Command("go", "build", "-o", path, "../kube-node-manager").CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := emptyProgram(t, path, kubeconfig)
	p.Token, err = addAdministrator(path, p.Data)
	require.NoError(t, err)
	p.start(t)
	return p
}

// Whatever is sent to whatever parser, the answer says that it is wrong, and costs
// little.
func TestHostile_documentsCostLittle(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := plainProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "cordon", nodes[0])
	p.awaitBatch(t, b.ID)
	p.request(t, http.MethodGet, nodesPath(c.Name), nil, &nodeList{})
	docs := hostile(c.Name, nodes[1], b.ID)
	before := memory(t, p.cmd.Process.Pid, "VmRSS")
	for i := range hostilePosts {
		d := docs[i%len(docs)]
		status := p.deliver(t, d)
		if d.fine && status < 400 {
			continue
		}
		require.GreaterOrEqual(t, status, 400, d.name)
		require.Less(t, status, 500, d.name)
	}
	grown, most := memory(t, p.cmd.Process.Pid, "VmRSS")-before, memory(t, p.cmd.Process.Pid, "VmHWM")-before
	t.Logf("%d posts of %d documents: %d KB more in the end, %d KB at most", hostilePosts, len(docs), grown>>10, most>>10)
	require.Less(t, grown, hostileGrowth)
	require.Less(t, most, hostilePeak)
	require.NotContains(t, p.log(t), "panic")
	require.False(t, p.unschedulable(t, c.Name)[nodes[1]], "nothing was changed")
}

// deliver sends a document and gives the status of the answer.
func (p *program) deliver(t testing.TB, d document) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, d.method, p.URL+d.path, strings.NewReader(d.body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+p.Token)
	if d.kind != "" {
		r.Header.Set("Content-Type", d.kind)
	}
	response, err := p.client.Do(r)
	require.NoError(t, err, d.name)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err, d.name)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
