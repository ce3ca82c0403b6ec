package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// maxGrowth is how much memory the program may have gained after hostile
	// posts.
	maxGrowth = 50 << 20
	// maxPeak is how much it may have gained in between, garbage included.
	maxPeak = 100 << 20
)

// hostile is a post that costs more work or memory than its size suggests.
type hostile struct {
	path, kind string
	body       []byte
}

// nearLimit is the size of a body that is just accepted.
const nearLimit = 900 << 10

// filled repeats a text up to the size limit of a request.
func filled(text string) string { return strings.Repeat(text, nearLimit/len(text)) }

// hostileYAML returns documents of templates.
func hostileYAML() map[string]string {
	head := "apiVersion: kube-node-manager.io/v1\nkind: LabelTemplates\n"
	const size = 500 << 10 // the limit of an import
	fill := func(text string) string { return strings.Repeat(text, size/len(text)) }
	return map[string]string{
		"aliases of a long text": head + "x: &a \"" + strings.Repeat("z", 100_000) + "\"\ny: [" +
			strings.Repeat("*a,", 100_000) + "]\n",
		"aliases of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c " +
			"[*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
		"merge keys":       head + "a: &a {b: c}\n" + strings.Repeat("d: {<<: *a}\n", 30_000),
		"many anchors":     head + fill("- &a b\n"),
		"deep lists":       head + "templates: " + fill("["),
		"deep maps":        head + "templates: " + fill("{a: "),
		"deep blocks":      head + "templates:\n" + fill("- "),
		"complex keys":     head + fill("? "),
		"many keys":        head + fill("a: b\n"),
		"many values":      head + "templates: [" + fill("a,") + "]\n",
		"many templates":   head + "templates:\n" + fill("- {name: a}\n"),
		"huge scalar":      head + "templates: [{name: \"" + fill("z") + "\"}]\n",
		"huge key":         head + fill("k") + ": v\n",
		"folded lines":     head + "a: >\n" + fill(" b\n"),
		"many documents":   fill("--- a\n"),
		"comments":         head + fill("# a\n"),
		"tags":             head + fill("- !!binary QQ==\n"),
		"quotes":           head + "a: \"" + fill("\\u0041"),
		"unfinished quote": head + "a: \"" + fill("b\n"),
		"bytes":            head + "a: \"\xff\xfe" + fill("\xc3") + "\"\n",
		"NUL":              head + "a: \"" + fill("\x00") + "\"\n",
	}
}

// hostileJSON returns bodies of a batch.
func hostileJSON() map[string]string {
	return map[string]string{
		"deep lists":   `{"operation":"label","label":` + filled("["),
		"deep objects": filled(`{"a":`),
		"many keys":    "{" + numbered(`"k%d":1,`) + `"z":1}`,
		"many values":  `{"operation":"label","label":[` + filled(`"a=b",`) + `"a=b"]}`,
		"many nodes":   `{"operation":"cordon","node":[` + filled(`"a",`) + `"a"]}`,
		"one key":      "{" + filled(`"a":"b",`) + `"a":"b"}`,
		"huge text":    `{"operation":"` + filled("z") + `"}`,
		"huge number":  `{"operation":"drain","node":"a","timeout":` + filled("9") + `}`,
		"exponent":     `{"operation":"drain","node":"a","timeout":1e999999999}`,
		"escapes":      `{"operation":"` + filled(`\u0041`) + `"}`,
		"bytes":        `{"operation":"` + filled("\xff") + `"}`,
		"NUL":          `{"operation":"` + filled(`\u0000`) + `"}`,
		"not closed":   `{"operation":"` + filled("a"),
		"no object":    `[` + filled(`1,`) + `1]`,
	}
}

// hostileFields returns forms with one field of the maximal size, and the other
// fields that the form needs.
func hostileFields() []url.Values {
	with := func(operation, field, text string) url.Values {
		return url.Values{"operation": {operation}, "node": {"a"}, field: {text}}
	}
	return []url.Values{
		with("label", "label", filled("a=b,")),
		with("label", "label", filled("a-,")),
		with("label", "label", filled("z")),
		with("taint", "taint", filled("a=b:NoSchedule,")),
		with("taint", "taint", filled("a-,")),
		with("taint", "taint", filled(":")),
		with("drain", "pod_selector", filled("a in (b,c),")),
		with("drain", "pod_selector", filled("(")),
		with("drain", "pod_selector", filled("a,")),
		with("drain", "timeout", filled("9")),
		with("drain", "timeout", filled("1h")),
		with("cordon", "reason", filled("z")),
		with("cordon", "idempotency_key", filled("z")),
		with("cordon", "nodes", filled("a_ ")),
		with("cordon", "nodes", numbered("n%d ")),
		with("cordon", "canary", filled("9")),
		with("cordon", "max_failures", filled("9")+"%"),
		with("copy-taints", "source", filled("a")),
		with("undo", "undo_of", filled("a")),
		with("cordon", "retry_of", filled("a")),
		{"operation": {"cordon"}, "all": {"1"}, "q": {filled("a ")}},
		{"operation": {"cordon"}, "all": {"1"}, "q": {filled("a,")}},
		{"operation": {"cordon"}, "all": {"1"}, "filter.label": {filled("a=")}, "sched": {filled("x")}},
	}
}

// numbered repeats a text with increasing numbers up to the size limit of a
// request.
func numbered(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < nearLimit; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func hostilePosts(t *testing.T, cluster string) []hostile {
	t.Helper()
	batches := "/clusters/" + cluster + "/batches"
	var posts []hostile
	for _, document := range hostileYAML() {
		posts = append(posts, hostile{
			"/templates/labels/import", formKind,
			[]byte(url.Values{"document": {document}}.Encode()),
		})
		body, kind := fileForm(t, document)
		posts = append(posts, hostile{"/templates/labels/import", kind, body})
	}
	for _, body := range hostileJSON() {
		for _, path := range []string{batches, batches + "/preview", "/templates/labels/new"} {
			posts = append(posts, hostile{path, "application/json", []byte(body)})
		}
	}
	for _, form := range hostileFields() {
		for _, path := range []string{batches, batches + "/preview"} {
			posts = append(posts, hostile{path, formKind, []byte(form.Encode())})
		}
	}
	return append(posts,
		hostile{batches, formKind, []byte(filled("a&"))},
		hostile{batches, formKind, []byte(numbered("k%d=&"))},
		hostile{batches, formKind, []byte(filled("%"))},
		hostile{batches, "multipart/form-data; boundary=a", []byte(filled("--a\r\n"))},
		hostile{
			batches, "multipart/form-data; boundary=a",
			[]byte(filled("--a\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n")),
		},
		hostile{batches, "multipart/form-data; boundary=" + strings.Repeat("a", 200), []byte("--")},
		hostile{batches, "text/yaml", []byte(filled("a: b\n"))},
	)
}

// fileForm returns a multipart form with a file.
func fileForm(t testing.TB, document string) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "templates.yaml")
	require.NoError(t, err)
	_, err = io.WriteString(file, document)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

// Every parser refuses hostile documents with a message, and they cost no
// memory. The program is measured as released, because the race detector
// multiplies its memory.
func TestHostile_documentsCostNoMemory(t *testing.T) {
	c := lease(t)
	p := startProgram(t, c.Kubeconfig)
	posts := hostilePosts(t, c.Name)
	// One post of each kind brings the program to its working size: what it has
	// loaded once it keeps.
	p.request(t, http.MethodGet, "/clusters/"+c.Name+"/nodes", nil, nil)
	p.post(t, hostile{"/templates/labels/import", formKind, []byte(url.Values{"document": {filled("a")}}.Encode())})
	before := p.resident(t, "VmRSS")
	for i := range 1000 {
		post := posts[i%len(posts)]
		status, said := p.post(t, post)
		require.True(t, status >= 400 && status < 500, "%s %s of %d bytes: %d %s", post.path, post.kind, len(post.body),
			status, said)
		require.Contains(t, said, `"message"`)
	}
	grown, peak := p.resident(t, "VmRSS")-before, p.resident(t, "VmHWM")-before
	t.Logf("%d kinds of posts; resident before %d MB, after %+d MB, most %+d MB", len(posts), before>>20, grown>>20,
		peak>>20)
	require.Less(t, grown, maxGrowth)
	require.Less(t, peak, maxPeak)
}

// post sends a body and returns the status and the beginning of the response.
func (p *program) post(t *testing.T, h hostile) (status int, said string) {
	t.Helper()
	response, raw := p.call(t, http.MethodPost, h.path, "application/json", h.kind, bytes.NewReader(h.body))
	return response.StatusCode, string(raw[:min(1000, len(raw))])
}

// resident returns one of the memory figures of the kernel for the program, in
// bytes.
func (p *program) resident(t testing.TB, figure string) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, figure+":"); ok {
			kilobytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			require.NoError(t, err)
			return kilobytes << 10
		}
	}
	require.Fail(t, "no such figure", figure)
	return 0
}
