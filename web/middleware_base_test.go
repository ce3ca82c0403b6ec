package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

const testBase = "/ops/nodes"

// below is an option to serve the program below a path.
func below(path string) func(*Options) {
	return func(o *Options) { o.PublicURL = "https://ops.example" + path }
}

// escapes returns the addresses of a response that do not lead below the base.
func escapes(t *testing.T, got answer, base string) (out []string) {
	t.Helper()
	check := func(what, address string) {
		if address != base && !strings.HasPrefix(address, base+"/") {
			out = append(out, what+" "+address)
		}
	}
	for _, name := range []string{"Location", "HX-Redirect", "HX-Replace-Url", "HX-Push-Url", "HX-Location"} {
		if value := got.header.Get(name); value != "" {
			check(name, value)
		}
	}
	for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
		check("cookie "+cookie.Name, cookie.Path)
	}
	isHTML := strings.HasPrefix(got.header.Get("Content-Type"), "text/html")
	if !isHTML || got.location() != "" { // nobody sees the body of a redirect
		return out
	}
	got.page(t).Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			address := strings.TrimPrefix(a.Val, "2;url=")
			// The values of forms come back to us, as the program knows them.
			if strings.HasPrefix(address, "/") && a.Key != "value" {
				check(s.Nodes[0].Data+" "+a.Key, address)
			}
		}
	})
	return out
}

// Whatever is requested and however it arrives, no address of the response leads out of
// the base.
func TestBase_noAddressEscapes(t *testing.T) {
	a := signedIn(t, below(testBase))
	routes, ok := a.server.Handler.(chi.Routes)
	require.True(t, ok)
	session := a.loginCookie()
	checked := 0
	check := func(method, path string, headers ...string) {
		for _, arrival := range []struct{ base, prefix string }{{testBase, ""}, {"", ""}, {"", testBase}} {
			all := []string{"X-Forwarded-Prefix", arrival.prefix, "Referer", a.base + testBase + "/clusters"}
			got := a.another().do(method, arrival.base+path, nil, append(all, headers...)...)
			require.Empty(t, escapes(t, got, testBase), "%s %s %v", method, path, headers)
			checked++
		}
	}
	visit := func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		route = strings.NewReplacer("{cluster}", "prod%2Feu", "{user}", testUser, "{kind}", "labels", "*", "0/app.css").
			Replace(route)
		path := regexp.MustCompile(`\{verb:(\w+)[^}]*\}|\{\w+\}`).ReplaceAllString(route, "${1}1")
		check(method, path)
		check(method, path, "HX-Request", "true", "HX-Current-URL", a.base+testBase+"/batches")
		if route != eventsRoute && !strings.Contains(route, "out") { // a stream does not end, and neither may the session
			check(method, path, "Cookie", session)
			check(method, path, "Cookie", session, "HX-Request", "true", "HX-Current-URL", a.base+testBase+"/batches")
			check(method, path, "Cookie", session, "Accept", "application/json")
		}
		return nil
	}
	require.NoError(t, chi.Walk(routes, visit))
	check(http.MethodGet, "/nowhere", "Cookie", session)
	require.Equal(t, http.StatusOK, a.get(testBase+"/clusters", "Cookie", session).status, "the session has not ended")
	check(http.MethodPost, "/profile/signout", "Cookie", session)
	check(http.MethodPost, "/logout", "Cookie", a.loginCookie())
	require.Greater(t, checked, 500)
}

// The check above finds what it is there to find.
func TestBase_escapesAreFound(t *testing.T) {
	page := func(html string) answer {
		return answer{header: http.Header{"Content-Type": {"text/html"}}, body: html}
	}
	const good = `<a href="/ops/nodes/x" title="a/b"></a><input value="/x"><i data-x="a /"></i>`
	require.Empty(t, escapes(t, page(good), testBase))
	for _, html := range []string{
		`<a href="/x"></a>`, `<a href="/"></a>`, `<form action="/ops/nodesx"></form>`, `<i hx-get="/x"></i>`,
		`<meta content="2;url=/x">`, `<body data-stream="/events?x"></body>`, `<a href="//evil.example"></a>`,
		`<i data-other="/x"></i>`,
	} {
		require.NotEmpty(t, escapes(t, page(html), testBase), html)
	}
	for name, value := range map[string]string{"Location": "/x", "Hx-Redirect": "/", "Set-Cookie": "a=b; Path=/"} {
		require.NotEmpty(t, escapes(t, answer{header: http.Header{name: {value}}}, testBase), name)
	}
}

// The base may look like an address of ours: only the proxy knows whether it has removed
// it.
func TestBase_likeAnAddressOfOurs(t *testing.T) {
	a := signedIn(t, below("/clusters"))
	session := a.loginCookie()
	location := func(path string, headers ...string) string {
		got := a.get(path, append(headers, "Cookie", session)...)
		return got.header.Get("Location") + got.page(t).Find("h1").Text()
	}
	require.Equal(t, "Clusters", location("/clusters/clusters"))
	require.Equal(t, "Clusters", location("/clusters", "X-Forwarded-Prefix", "/clusters"))
	require.Equal(t, "Clusters", location("/clusters", "X-Forwarded-Prefix", "/clusters/"))
	require.Equal(t, "Clusters", location("/clusters/clusters", "X-Forwarded-Prefix", "/other"))
	require.Equal(t, "/clusters/clusters/prod%2Feu/nodes", location("/clusters"), "the start")
	require.Equal(t, "/clusters/clusters/prod%2Feu/nodes", location("/clusters/"))
	require.Equal(t, "/clusters/clusters/prod%2Feu/nodes", location("/clusters/clusters/prod%2Feu"), "escaped names")
}

// Scripts get addresses that they can use as they are.
func TestBase_addressesInJSON(t *testing.T) {
	a := signedIn(t, below(testBase))
	a.addUser(t, "grace", "user")
	a.admin(t, func(ad *Admin) {
		for range 120 {
			_, err := ad.CreateToken(t.Context(), "grace", NewToken{Label: "test", Life: time.Hour})
			require.NoError(t, err)
		}
	})
	session := a.loginCookie()
	seen := map[float64]bool{}
	for older := testBase + "/audit"; older != ""; {
		got := a.get(older, "Cookie", session, "Accept", "application/json")
		require.Equal(t, http.StatusOK, got.status, older)
		var list struct {
			Items []map[string]any
			Older string
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &list))
		for _, item := range list.Items {
			seen[item["id"].(float64)] = true
		}
		older = list.Older
	}
	require.Greater(t, len(seen), 120)
}

func TestBase_signIn(t *testing.T) {
	a := signedIn(t, below(testBase))
	b := a.another()
	got := b.get(testBase + "/batches?q=a")
	require.Equal(t, testBase+"/login?next=%2Fbatches%3Fq%3Da", got.location(), "next is an address of ours")
	form := credentials(testUser, testPassword)
	form.Set("next", "/batches?q=a")
	got = b.post(testBase+"/login", form)
	require.Equal(t, testBase+"/batches?q=a", got.location())
	require.Regexp(t, `^__Secure-knm=[\w-]{43}; Path=/ops/nodes; HttpOnly; Secure; SameSite=Lax$`,
		got.header.Get("Set-Cookie"))

	// A session has ended: the way back is the page from which the request was sent.
	for from, next := range map[string]string{
		a.base + testBase + "/clusters/prod%2Feu/nodes?q=/x": "/clusters/prod%2Feu/nodes?q=/x",
		a.base + testBase:                        "",
		a.base + testBase + "/%zz":               "",
		a.base + testBase + "//evil.example/x":   "",
		a.base + testBase + "x/clusters":         "", // of another program on this site
		a.base + "/grafana/d/1":                  "",
		a.base + "/clusters/prod%2Feu/nodes":     "",
		"https://evil.example" + testBase + "/x": "",
	} {
		want := testBase + "/login?ended=refused"
		if next != "" {
			want += "&next=" + url.QueryEscape(next)
		}
		got = a.another().post(testBase+"/batches/x/cancel", nil, "Referer", from)
		require.Equal(t, want, got.location(), from)
	}
}

func TestBase_logoutLeavesOtherPrograms(t *testing.T) {
	a := signedIn(t, below(testBase))
	got := a.post(testBase+"/logout", nil, "Cookie", a.loginCookie())
	require.Equal(t, testBase+"/login", got.location())
	require.Empty(t, got.header.Get("Clear-Site-Data"), "it would remove what other programs of this site have stored")
}

// Probes of the same machine do not know the base, and neither do scrapers.
func TestBase_probes(t *testing.T) {
	a := startApp(t, below(testBase), func(o *Options) { o.PublicMetrics = true })
	for _, path := range []string{"/healthz", "/readyz", "/version", "/metrics"} {
		for _, base := range []string{"", testBase} {
			require.Equal(t, http.StatusOK, a.get(base+path).status, base+path)
		}
	}
	require.Equal(t, "https://ops.example"+testBase, a.URL())
}
