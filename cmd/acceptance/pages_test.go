package acceptance

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// reader requests pages without a browser.
type reader struct {
	p      *program
	client *http.Client
	lang   string
}

// reader signs a user in through the form; with name "" it stays signed out.
func (p *program) reader(t testing.TB, lang, name string) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	r := &reader{p: p, lang: lang, client: &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{}}}
	t.Cleanup(r.client.CloseIdleConnections)
	if name != "" {
		require.Equal(t, http.StatusOK,
			r.send(t, http.MethodPost, "/login", url.Values{"name": {name}, "password": {adminPassword}}).status)
	}
	return r
}

// answer is one response.
type answer struct {
	method string
	status int
	header http.Header
	url    *url.URL // after redirects
	body   string
	doc    *goquery.Document
}

// send requests a page; headers come in pairs.
func (r *reader) send(t testing.TB, method, path string, form url.Values, headers ...string) *answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = r.p.URL + path
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Accept-Language", r.lang)
	if form != nil {
		request.Header.Set("Content-Type", formKind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := &answer{
		method: method, status: response.StatusCode, header: response.Header, body: string(raw), url: response.Request.URL,
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		got.doc, err = goquery.NewDocumentFromReader(strings.NewReader(got.body))
		require.NoError(t, err)
	}
	return got
}

// Every page in every state meets the rules of faults, in both languages.
func TestPages_soundInBothLanguages(t *testing.T) {
	c := lease(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 60, kubetest.WithLabels(map[string]string{"team": "web", "zone": "eu"}))
	namespace := c.Namespace(t)
	c.Pod(t, namespace, "alone", names[0], kubetest.EmptyDir(), kubetest.Requests("250m", "1Gi"))
	down := c.Config()
	down.Host = "https://127.0.0.1:1"
	both := proxy.Kubeconfig(t, c.Name) + string(os.PathListSeparator) + kubetest.WriteKubeconfig(t, "down/far away", down)
	p := startProgram(t, both)
	p.run(t, adminPassword+"\n", "user", "add", "looker", "--role", "viewer", "--data", p.Data)

	require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), names[59], metav1.DeleteOptions{}))
	partial, _ := p.submit(t, c.Name, "cordon", names[0], names[59])
	require.Equal(t, "partial", p.awaitBatch(t, partial.ID).State)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	running := p.submitHeld(t, c, proxy, hold, names[2:10]...)

	nodes, batches := nodesPath(c.Name), "/clusters/"+c.Name+"/batches"
	type request struct {
		who    string
		method string
		path   string
		form   url.Values
		status int
		header []string
	}
	pages := map[string]request{
		"sign-in":             {"", "GET", "/login", nil, 200, nil},
		"sign-in refused":     {"", "POST", "/login", url.Values{"name": {"x"}, "password": {"y"}}, 401, nil},
		"preferences refused": {"", "POST", "/preferences", url.Values{"theme": {"pink"}}, 422, nil},
		"no page, outside":    {"", "GET", "/nowhere", nil, 404, nil},
		"from another site":   {"", "POST", "/login", url.Values{}, 403, []string{"Sec-Fetch-Site", "cross-site"}},
		"nodes":               {adminName, "GET", nodes, nil, 200, nil},
		"nodes with usage":    {adminName, "GET", nodes + "?usage=1&sort=pods&dir=desc", nil, 200, nil},
		"nodes, second page":  {adminName, "GET", nodes + "?page=2", nil, 200, nil},
		"nodes, filtered": {
			adminName, "GET", nodes + "?q=" + names[3] + "&label=zone%3Deu&sched=schedulable", nil, 200, nil,
		},
		"nodes, none match":   {adminName, "GET", nodes + "?q=nothing", nil, 200, nil},
		"nodes, wrong filter": {adminName, "GET", nodes + "?status=Fine", nil, 422, nil},
		"nodes, unreachable":  {adminName, "GET", nodesPath("down%2Ffar%20away"), nil, 503, nil},
		"nodes, unknown":      {adminName, "GET", nodesPath("nowhere"), nil, 404, nil},
		"nodes, for a viewer": {"looker", "GET", nodes, nil, 200, nil},
		"node":                {adminName, "GET", nodes + "/" + names[0], nil, 200, nil},
		"node, for a viewer":  {"looker", "GET", nodes + "/" + names[0], nil, 200, nil},
		"node, unknown":       {adminName, "GET", nodes + "/ghost", nil, 404, nil},
		"node, unreachable":   {adminName, "GET", nodesPath("down%2Ffar%20away") + "/ghost", nil, 503, nil},
		"batches":             {adminName, "GET", "/batches", nil, 200, nil},
		"batch, running":      {adminName, "GET", "/batches/" + running.ID, nil, 200, nil},
		"batch, ended":        {adminName, "GET", "/batches/" + partial.ID, nil, 200, nil},
		"batch, for a viewer": {"looker", "GET", "/batches/" + running.ID, nil, 200, nil},
		"batch, unknown":      {adminName, "GET", "/batches/ghost", nil, 404, nil},
		"batch, empty":        {adminName, "POST", batches, url.Values{"operation": {"cordon"}}, 422, nil},
		"batch, not allowed": {
			"looker", "POST", batches,
			url.Values{"operation": {"cordon"}, "node": {names[0]}},
			403, nil,
		},
		"batch, ended already": {adminName, "POST", "/batches/" + partial.ID + "/cancel", url.Values{}, 409, nil},
		"plan of a cordon": {
			adminName, "POST", batches + "/preview",
			url.Values{"operation": {"cordon"}, "node": names[:3]},
			200, nil,
		},
		"plan of a drain": {
			adminName, "POST", batches + "/preview",
			url.Values{"operation": {"drain"}, "node": names[:3]},
			200, nil,
		},
		"plan of labels": {
			adminName, "POST", batches + "/preview",
			url.Values{"operation": {"label"}, "mode": {"replace"}, "label": {"tier=gold"}, "node": names[:9]},
			200, nil,
		},
		"plan of taints": {
			adminName, "POST", batches + "/preview",
			url.Values{"operation": {"taint"}, "taint": {"off:NoExecute"}, "node": names[:3]},
			200, nil,
		},
		"edit labels": {
			adminName, "POST", "/clusters/" + c.Name + "/labels/edit",
			url.Values{"all": {"1"}},
			200, nil,
		},
		"edit labels, refused": {
			adminName, "POST", batches + "/preview",
			url.Values{"edit": {"labels"}, "set.team": {"a b"}, "label": {"-"}, "node": names[:3]},
			422, nil,
		},
		"edit taints": {
			adminName, "POST", "/clusters/" + c.Name + "/taints/edit",
			url.Values{"node": names[:3]},
			200, nil,
		},
		"edit, not allowed": {
			"looker", "POST", "/clusters/" + c.Name + "/labels/edit",
			url.Values{"node": names[:3]},
			403, nil,
		},
		"copy taints": {
			adminName, "POST", "/clusters/" + c.Name + "/taints/copy",
			url.Values{"node": names[:3]},
			200, nil,
		},
		"labels":               {"looker", "GET", "/clusters/" + c.Name + "/labels", nil, 200, nil},
		"labels of one key":    {adminName, "GET", "/clusters/" + c.Name + "/labels?key=zone&q=eu", nil, 200, nil},
		"taints":               {adminName, "GET", "/clusters/" + c.Name + "/taints", nil, 200, nil},
		"labels, unreachable":  {adminName, "GET", "/clusters/down%2Ffar%20away/labels", nil, 503, nil},
		"nodes for a template": {adminName, "GET", nodes + "?apply=labels-99", nil, 200, nil},
		"clusters":             {adminName, "GET", "/clusters", nil, 200, nil},
		"HTTP API":             {"looker", "GET", "/docs/api", nil, 200, nil},
		"no page":              {adminName, "GET", "/nowhere", nil, 404, nil},
		"wrong method":         {adminName, "POST", "/audit", url.Values{}, 405, nil},
	}
	for _, lang := range []string{"en", "zh-CN"} {
		readers := map[string]*reader{}
		for _, name := range []string{"", adminName, "looker"} {
			readers[name] = p.reader(t, lang, name)
		}
		for name, want := range pages {
			t.Run(lang+", "+name, func(t *testing.T) {
				got := readers[want.who].send(t, want.method, want.path, want.form, want.header...)
				require.Equal(t, want.status, got.status, got.body)
				require.NotNil(t, got.doc, "no HTML")
				require.Empty(t, faults(got, lang))
			})
		}
	}
}

// The setup page works before there is any user.
func TestPages_setup(t *testing.T) {
	c := lease(t)
	p, _ := startFirst(t, c.Kubeconfig)
	for _, lang := range []string{"en", "zh-CN"} {
		r := p.reader(t, lang, "")
		for _, got := range []*answer{
			r.send(t, "GET", "/setup", nil), r.send(t, "POST", "/setup", url.Values{"code": {"x"}}),
			r.send(t, "GET", "/", nil),
		} {
			require.Equal(t, "/setup", got.url.Path)
			require.Empty(t, faults(got, lang))
		}
	}
}

// Every link and every address that HTMX loads exists. Addresses that differ
// only in values are tried a few times, and links are followed three steps
// deep.
func TestPages_linksResolve(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 51, kubetest.WithLabels(map[string]string{"team": "web", "node-role.kubernetes.io/ingress": ""}))
	p := startProgram(t, c.Kubeconfig)
	p.submit(t, c.Name, "cordon", names[0], "ghost")
	followLinks(t, p)
}

// followLinks follows all links of the program from its start, and requires that
// they stay below its address.
func followLinks(t *testing.T, p *program) {
	t.Helper()
	r := p.reader(t, "en", adminName)
	type link struct {
		address, from string
		fragment      bool
		steps         int
	}
	queue, tried, shapes := []link{{address: p.URL + "/", from: "the start"}}, map[string]bool{}, map[string]int{}
	add := func(u *url.URL, from link, fragment bool) {
		address := u.String()
		require.True(t, strings.HasPrefix(address, p.URL+"/"), "%s, found in %s, leads away", address, from.address)
		key := fmt.Sprint(fragment, address)
		shape := fmt.Sprint(fragment, shapeOf(u))
		if tried[key] || shapes[shape] >= 2 {
			return
		}
		tried[key] = true
		shapes[shape]++
		queue = append(queue, link{address, from.address, fragment, from.steps + 1})
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		var headers []string
		if next.fragment {
			headers = []string{"HX-Request", "true"}
		}
		got := r.send(t, "GET", next.address, nil, headers...)
		require.Equal(t, http.StatusOK, got.status, "%s, found in %s", next.address, next.from)
		if got.doc == nil || next.steps == 3 {
			continue
		}
		for attribute, fragment := range map[string]bool{"href": false, "src": false, "hx-get": true} {
			got.doc.Find("[" + attribute + "]").Each(func(_ int, s *goquery.Selection) {
				u, err := got.url.Parse(s.AttrOr(attribute, ""))
				require.NoError(t, err)
				u.Fragment = ""
				add(u, next, fragment)
			})
		}
	}
	require.Greater(t, len(tried), 60, "too little was found: %v", shapes)
}

// shapeOf returns an address without its variable parts.
func shapeOf(u *url.URL) string {
	shape := u.Path
	for _, many := range []string{"/nodes/", "/batches/"} {
		if before, _, found := strings.Cut(shape, many); found {
			shape = before + many
		}
	}
	return shape + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
}

// The check finds every fault.
func TestPages_faultsAreFound(t *testing.T) {
	const good = `<!doctype html><html lang="en"><head><title>x</title></head>` +
		`<body><main><h1>x</h1>%s</main></body></html>`
	header := http.Header{
		"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"same-origin"},
		"Cross-Origin-Opener-Policy": {"same-origin"}, "Content-Type": {"text/html; charset=utf-8"},
		"X-Request-Id": {"1"}, "Vary": {"HX-Request"},
		"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; " +
			"base-uri 'none'; frame-ancestors 'none'"},
	}
	check := func(format, inner string, header http.Header) []string {
		body := fmt.Sprintf(format, inner)
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(body))
		require.NoError(t, err)
		at, err := url.Parse("http://127.0.0.1:1/x")
		require.NoError(t, err)
		return faults(&answer{method: "GET", header: header, url: at, body: body, doc: doc}, "en")
	}
	require.Empty(t, check(good, `<label>Name <input></label><a href="/y">y</a>`, header))
	for _, inner := range []string{
		`<h1>again</h1>`, `<i id="a"></i><i id="a"></i>`, `<i id="a.b"></i>`, `<input>`, `<select><option>x</select>`,
		`<button></button>`, `<textarea></textarea>`, `<a href="/y"></a>`, `<label for="none">x</label>`,
		`<p aria-describedby="none">x</p>`, `<script>1</script>`, `<p style="x">x</p>`, `<p onclick="x">x</p>`,
		`<p hx-on:click="x">x</p>`, `<a href="javascript:x">x</a>`, `<a href="https://example.com/">x</a>`,
		`<form method="put"></form>`, `<table><tr><th>x</th></tr></table>`, `<p><no value></p>`, `<p>%!d(string=x)</p>`,
	} {
		require.NotEmpty(t, check(good, inner, header), inner)
	}
	require.NotEmpty(t, check(strings.Replace(good, `lang="en"`, `lang="de"`, 1), "", header))
	require.NotEmpty(t, check(strings.Replace(good, `<title>x`, `<title>`, 1), "", header))
	for name := range header {
		without := header.Clone()
		without.Del(name)
		require.NotEmpty(t, check(good, "", without), name)
	}
}

// faults lists what is wrong with a page, whatever it shows.
func faults(p *answer, lang string) []string {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	each := func(selector string, check func(s *goquery.Selection)) {
		p.doc.Find(selector).Each(func(_ int, s *goquery.Selection) { check(s) })
	}
	outer := func(s *goquery.Selection) string {
		text, _ := goquery.OuterHtml(s)
		return text[:min(len(text), 160)]
	}
	headFaults(p, lang, report)
	if n := p.doc.Find("h1").Length(); n != 1 {
		report("%d h1", n)
	}
	if n := p.doc.Find("main").Length(); n != 1 {
		report("%d main", n)
	}
	ids := map[string]int{}
	each("[id]", func(s *goquery.Selection) { ids[s.AttrOr("id", "")]++ })
	for id, n := range ids {
		if n > 1 || id == "" || strings.ContainsAny(id, ". /:#") {
			report("id %q is there %d times, or is none that a selector takes", id, n)
		}
	}
	for _, name := range []string{"aria-labelledby", "aria-describedby", "aria-controls", "for", "form", "commandfor"} {
		each("["+name+"]", func(s *goquery.Selection) {
			for id := range strings.FieldsSeq(s.AttrOr(name, "")) {
				if ids[id] == 0 {
					report("%s points to no %q: %s", name, id, outer(s))
				}
			}
		})
	}
	each("input, select, textarea, button, a[href], progress, meter, summary", func(s *goquery.Selection) {
		_, hidden := s.Attr("hidden")
		if s.AttrOr("type", "") != "hidden" && !hidden && nameOf(p.doc, s) == "" {
			report("it has no name: %s", outer(s))
		}
	})
	each("script:not([src]), style, [style]",
		func(s *goquery.Selection) { report("the content policy forbids %s", outer(s)) })
	each("*", func(s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") ||
				strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:") {
				report("script in an attribute: %s", outer(s))
			}
		}
	})
	each("a[href], link[href], script[src], form[action], [formaction], img[src]", func(s *goquery.Selection) {
		for _, name := range []string{"href", "src", "action", "formaction"} {
			u, err := p.url.Parse(s.AttrOr(name, ""))
			if err != nil || u.Host != p.url.Host {
				report("it leads away: %s", outer(s))
			}
		}
	})
	each("form", func(s *goquery.Selection) {
		if method := strings.ToLower(s.AttrOr("method", "get")); !slices.Contains([]string{"get", "post", "dialog"}, method) {
			report("form with method %q", method)
		}
	})
	each("th", func(s *goquery.Selection) {
		if s.AttrOr("scope", "") == "" {
			report("th without scope: %s", outer(s))
		}
	})
	for _, bad := range []string{"<no value>", "&lt;no value&gt;", "%!", "\ufffd"} {
		if strings.Contains(p.body, bad) {
			report("%q in the page", bad)
		}
	}
	return found
}

// headFaults lists what is wrong with the headers and the head of a page.
func headFaults(p *answer, lang string, report func(format string, args ...any)) {
	for name, want := range map[string]string{
		"Cache-Control":              "no-store",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Content-Type":               "text/html; charset=utf-8",
	} {
		if got := p.header.Get(name); got != want {
			report("%s is %q", name, got)
		}
	}
	if p.header.Get("X-Request-Id") == "" {
		report("no request id")
	}
	policy := p.header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'",
		"base-uri 'none'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, part) {
			report("the content policy has no %s", part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		report("the content policy is %s", policy)
	}
	if p.method == http.MethodGet && !strings.Contains(strings.Join(p.header.Values("Vary"), ","), "HX-Request") {
		report("Vary does not name HX-Request")
	}
	if got := p.doc.Find("html").AttrOr("lang", ""); got != lang {
		report("the language is %q", got)
	}
	if p.doc.Find("title").Length() == 0 || strings.TrimSpace(p.doc.Find("head title").Text()) == "" {
		report("no title")
	}
	if !strings.HasPrefix(p.body, "<!doctype html>") && !strings.HasPrefix(p.body, "<!DOCTYPE html>") {
		report("no doctype")
	}
}

// nameOf returns the accessible name of an element.
func nameOf(doc *goquery.Document, s *goquery.Selection) string {
	name := s.AttrOr("aria-label", "") + s.AttrOr("title", "")
	for id := range strings.FieldsSeq(s.AttrOr("aria-labelledby", "")) {
		name += doc.Find("#" + id).Text()
	}
	if id := s.AttrOr("id", ""); id != "" {
		name += doc.Find(`label[for="` + id + `"]`).Text()
	}
	name += s.Closest("label").Text()
	if goquery.NodeName(s) != "select" {
		name += s.Text()
	}
	// A picture link that is hidden from screen readers.
	if s.AttrOr("tabindex", "") == "-1" && s.Closest("[aria-hidden=true]").Length() > 0 {
		name += "hidden"
	}
	return strings.TrimSpace(name)
}
