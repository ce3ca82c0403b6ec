package web

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

func TestSecurityHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), " +
			"payment=(), usb=()",
		"Strict-Transport-Security": "",
	}
	a := signedIn(t)
	paths := []string{"/", "/login", "/setup", "/clusters", "/nothing", "/healthz", "/metrics", "/static/x/none"}
	for _, path := range paths {
		got := a.get(path)
		for name, value := range want {
			require.Equal(t, value, got.header.Get(name), "%s of %s", name, path)
		}
		require.Len(t, got.header.Get("X-Request-Id"), 16)
		require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
	}
	secure := startApp(t, func(o *Options) { o.PublicURL = "https://nodes.example.com" })
	require.Equal(t, "max-age=31536000", secure.get("/setup").header.Get("Strict-Transport-Security"))
}

func TestPages_areNotCached(t *testing.T) {
	a := signedIn(t)
	for _, path := range []string{"/clusters", "/batches", "/", "/nothing"} {
		got := a.get(path)
		require.Contains(t, got.header.Values("Cache-Control"), "no-store", path)
		vary := strings.Join(got.header.Values("Vary"), ", ")
		for _, name := range []string{"HX-Request", "Accept", "Cookie"} {
			require.Contains(t, vary, name, path)
		}
	}
}

func TestCrossSite(t *testing.T) {
	a := signedIn(t)
	form := url.Values{"lang": {"en"}}
	tests := []struct {
		name    string
		headers []string
		status  int
	}{
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, 303},
		{"not a browser", nil, 303},
		{"typed address", []string{"Sec-Fetch-Site", "none"}, 303},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another subdomain", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"old browser, another origin", []string{"Origin", "https://evil.example"}, 403},
		{"old browser, our origin", []string{"Origin", a.base}, 303},
		{"null origin", []string{"Origin", "null"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.status, a.post("/preferences", form, tt.headers...).status)
			require.Equal(t, http.StatusOK, a.get("/clusters", tt.headers...).status, "reading is allowed")
		})
	}
	got := a.post("/logout", nil, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, "This request came from another site and was refused.", got.page(t).Find("h1").Text())
	require.True(t, isSignedIn(a.browser))
	got = a.post("/login", credentials(testUser, testPassword),
		"Sec-Fetch-Site", "cross-site", "Accept", "application/json")
	require.Equal(t, http.StatusForbidden, got.status, "another site cannot sign anybody in")
	require.Contains(t, got.body, `"forbidden"`)
}

func TestCrossSite_behindAProxy(t *testing.T) {
	a := signedIn(t, func(o *Options) { o.PublicURL = "http://nodes.example.com" })
	headers := []string{"Origin", "http://nodes.example.com", "Host", "10.0.0.9:8080"}
	require.Equal(t, http.StatusSeeOther, a.post("/preferences", url.Values{"lang": {"en"}}, headers...).status)
	headers[1] = "http://other.example.com"
	require.Equal(t, http.StatusForbidden, a.post("/preferences", url.Values{"lang": {"en"}}, headers...).status)
}

// public returns the routes that need no login.
func public() map[string]bool {
	return map[string]bool{
		"GET /healthz": true, "GET /readyz": true, "GET /version": true, "GET /metrics": true, "GET /static/*": true,
		"GET /setup": true, "POST /setup": true, "GET /login": true, "POST /login": true, "POST /logout": true,
		"POST /preferences": true, "GET /login/code": true, "POST /login/code": true,
		"POST /authorize/token": true,
	}
}

func TestRoutes_needALogin(t *testing.T) {
	a := signedIn(t)
	routes, ok := a.server.Handler.(chi.Routes)
	require.True(t, ok)
	seen := 0
	visit := func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if public()[method+" "+route] {
			return nil
		}
		seen++
		requireLogin(t, a.another(), method, pathOf(method, route, nil))
		return nil
	}
	require.NoError(t, chi.Walk(routes, visit))
	require.GreaterOrEqual(t, seen, 13)
}

// requireLogin requires that a path needs a login, for a page, for a part of a page and
// for a script.
func requireLogin(t *testing.T, b *browser, method, path string) {
	t.Helper()
	require.True(t, leadsToSignIn(b.do(method, path, nil)), method+path)
	got := b.do(method, path, nil, "HX-Request", "true")
	require.Equal(t, http.StatusUnauthorized, got.status, method+path)
	require.True(t, strings.HasPrefix(got.header.Get("HX-Redirect"), "/login"), method+path)
	require.Empty(t, got.body, "HTMX must not show the sign-in page within a page")
	got = b.do(method, path, nil, "Accept", "application/json")
	require.Equal(t, http.StatusUnauthorized, got.status, method+path)
	require.Contains(t, got.body, `"unauthenticated"`)
}

// After signing in, the page is shown from which the request was sent.
func TestSignInURL(t *testing.T) {
	a := signedIn(t)
	b := a.another()
	got := b.get("/clusters", "HX-Request", "true", "HX-Current-URL", b.base+"/batches?before=x")
	require.Equal(t, "/login?ended=noticed&next=%2Fbatches%3Fbefore%3Dx", got.header.Get("HX-Redirect"),
		"the page, not the part that was requested")
	got = b.get("/clusters", "HX-Request", "true", "HX-Current-URL", "https://evil.example/x")
	require.Equal(t, "/login?ended=noticed", got.header.Get("HX-Redirect"))
	for from, to := range map[string]string{
		"/batches/x":                                "/batches/x",
		"/clusters/prod%2Feu/nodes?q=a&page=2":      "/clusters/prod%2Feu/nodes?q=a&page=2",
		"/clusters/prod%2Feu/batches":               "/clusters/prod%2Feu/batches", // its GET redirects
		"/clusters/prod%2Feu/labels/edit":           "/clusters/prod%2Feu/labels/edit",
		"/clusters/prod%2Feu/batches/preview":       "/clusters/prod%2Feu/batches/preview",
		"/templates/labels/5/duplicate":             "/templates/labels/5/duplicate",
		"/batches/x/undo?a=b":                       "/batches/x/undo?a=b",
		"/nowhere":                                  "",
		"/clusters/%2e%2e%2f%2e%2e/labels/edit":     "/clusters/%2e%2e%2f%2e%2e/labels/edit",
		"//evil.example/clusters/x":                 "",
		"/clusters/x/..//evil.example/labels/edit/": "/clusters/x/nodes",
	} {
		got = b.post("/batches/x/cancel", nil, "Referer", b.base+from)
		want := "/login?ended=refused"
		if to != "" {
			want += "&next=" + url.QueryEscape(to)
		}
		require.Equal(t, want, got.location(), from)
	}
	got = b.post("/batches/x/cancel", nil, "Referer", "https://evil.example/batches/x")
	require.Equal(t, "/login?ended=refused", got.location())
	got = b.get("/events?cluster=x", "Accept", "text/event-stream")
	require.Equal(t, http.StatusUnauthorized, got.status)
}

func TestPreferences(t *testing.T) {
	a := signedIn(t)
	got := a.post("/preferences", url.Values{"lang": {"zh-CN"}, "back": {"/batches"}})
	require.Equal(t, "/batches", got.location())
	require.Equal(t, "zh-CN", a.get("/clusters").page(t).Find("html").AttrOr("lang", ""))
	got = a.post("/preferences", url.Values{"theme": {"dark"}, "back": {"//evil.example"}})
	require.Equal(t, "/", got.location())
	page := a.get("/clusters").page(t).Find("html")
	require.Equal(t, "dark", page.AttrOr("data-theme", ""))
	require.Equal(t, "zh-CN", page.AttrOr("lang", ""), "the other preference is kept")
	page = a.another().get("/login", "Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8").page(t).Find("html")
	require.Equal(t, "zh-CN", page.AttrOr("lang", ""))

	a.post("/preferences", url.Values{"theme": {""}})
	require.Empty(t, a.get("/clusters").page(t).Find("html").AttrOr("data-theme", ""))
	for _, wrong := range []url.Values{{"lang": {"xx"}}, {"theme": {"pink"}}} {
		require.Equal(t, http.StatusUnprocessableEntity, a.post("/preferences", wrong).status)
	}
	cookie := a.post("/preferences", url.Values{"lang": {"en"}}).header.Get("Set-Cookie")
	require.Equal(t, "lang=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", cookie)
	require.Equal(t, http.StatusOK, a.another().get("/login", "Cookie", "lang=%00;theme=<script>").status)
}

func TestClientIP(t *testing.T) {
	const forwarded = "203.0.113.9, 198.51.100.7"
	peer, proxy := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("198.51.100.0/24")
	other := netip.MustParsePrefix("10.0.0.0/8")
	tests := []struct {
		name    string
		trusted []netip.Prefix
		want    string
	}{
		{"no proxy is trusted", nil, "127.0.0.1"},
		{"the peer is trusted", []netip.Prefix{peer}, "198.51.100.7"},
		{"both proxies are trusted", []netip.Prefix{peer, proxy}, "203.0.113.9"},
		{"another proxy is trusted", []netip.Prefix{other}, "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log logBuffer
			a := startApp(t, logTo(&log), func(o *Options) { o.TrustedProxies = tt.trusted })
			a.get("/clusters", "X-Forwarded-For", forwarded, "X-Real-Ip", "1.1.1.1", "True-Client-Ip", "2.2.2.2")
			require.Equal(t, tt.want, accessLine(t, &log, "/clusters")["client_ip"])
		})
	}
}

// accessLine returns the line of a request in the log. It waits for the line, which is
// written after the response.
func accessLine(t *testing.T, log *logBuffer, path string) map[string]any {
	t.Helper()
	var found map[string]any
	require.Eventually(t, func() bool {
		for line := range strings.Lines(log.String()) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "Request" && fields["path"] == path {
				found = fields
				return true
			}
		}
		return false
	}, eventually, tick)
	return found
}

func TestAccessLog(t *testing.T) {
	var log logBuffer
	a := signedIn(t, logTo(&log))
	got := a.get("/clusters/prod%2Feu")
	line := accessLine(t, &log, "/clusters/prod/eu")
	require.Equal(t, "INFO", line["level"])
	require.Equal(t, "GET", line["method"])
	require.Equal(t, "/clusters/{cluster}", line["route"])
	require.InDelta(t, 303, line["status"], 0)
	require.Equal(t, testUser, line["user"])
	require.Equal(t, got.header.Get("X-Request-Id"), line["request_id"])
	require.Equal(t, "127.0.0.1", line["client_ip"])
	require.Contains(t, line, "dur_ms")
	require.Contains(t, line, "bytes")

	a.get("/healthz")
	require.Equal(t, "DEBUG", accessLine(t, &log, "/healthz")["level"])
	a.get("/static/0/app.css")
	require.Equal(t, "DEBUG", accessLine(t, &log, "/static/0/app.css")["level"])
	require.NotContains(t, log.String(), testPassword)
	require.NotContains(t, log.String(), a.SetupCode())
}

// Escaped characters in a path do not lead to another path.
func TestPaths_hostile(t *testing.T) {
	a := signedIn(t)
	for _, path := range []string{
		"/clusters/%2e%2e%2f%2e%2e/nodes", "/clusters/..%2f..%2faudit/nodes", "/clusters/%2e%2e/audit",
		"/clusters/prod%2Feu/%2e%2e/%2e%2e/audit", "/clusters/%252e%252e%252f/nodes",
		"/clusters/%5c%5cevil.example/nodes", "/clusters/%0d%0aSet-Cookie:%20a=b/nodes", "/clusters/%00/nodes",
		"/clusters/%ff%fe/nodes", "/batches/%2e%2e%2faudit", "/batches/..%2f..%2f..%2fetc%2fpasswd/report.csv",
		"/templates/%2e%2e/new", "/templates/labels/%2e%2e%2f1/edit", "/static/%2e%2e/embed.go",
		"/static/0/%2e%2e%2fembed.go", "/static/0/..%2f..%2fgo.mod", "/%2fevil.example", "//evil.example/clusters",
		"/%5cevil.example", "/.%2e/clusters", "/clusters;a=b", "/clusters%2f",
	} {
		got := a.get(path)
		require.Equal(t, http.StatusNotFound, got.status, path)
		require.Empty(t, got.header.Get("Set-Cookie"), path)
		require.Empty(t, got.location(), path)
		require.NotContains(t, got.body, "package static", path)
	}
}

// A redirect to an address from a request leads to a page of this site, and cannot add
// a header.
func TestRedirects_stayOnThisSite(t *testing.T) {
	a := signedIn(t)
	for _, to := range []string{
		"https://evil.example", "//evil.example", `/\\evil.example`, `\\\\evil.example`, "/%2Fevil.example",
		"/%5cevil.example", "///evil.example", "/\t/evil.example", "/x\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:a=b",
		"javascript:alert(1)", "data:text/html,x", "evil.example", "/..//evil.example", "/.//evil.example",
		"http:evil.example", "/@evil.example", "http://127.0.0.1@evil.example", strings.Repeat("/x", 10_000),
	} {
		form, header := credentials(testUser, testPassword), strings.NewReplacer("\r", "", "\n", "").Replace(to)
		form.Set("next", to)
		answers := map[string]answer{
			"next":        a.another().post("/login", form),
			"back":        a.post("/preferences", url.Values{"lang": {"en"}, "back": {to}}),
			"back, HTMX":  a.post("/preferences", url.Values{"lang": {"en"}, "back": {to}}, "HX-Request", "true"),
			"signed in":   a.get("/login?next=" + url.QueryEscape(to)),
			"sign-in":     a.another().get("/login?ended=refused&next=" + url.QueryEscape(to)),
			"HX-Redirect": a.another().post("/batches/x/cancel", nil, "HX-Request", "true", "HX-Current-URL", header),
		}
		for name, got := range answers {
			require.Less(t, got.status, 500, "%s %q", name, to)
			require.Empty(t, got.header.Get("A"), "%s %q", name, to)
			for _, target := range []string{got.location(), got.header.Get("HX-Redirect")} {
				u, err := url.Parse(target)
				require.NoError(t, err, "%s %q", name, to)
				require.Empty(t, u.Host, "%s %q leads to %s", name, to, target)
				require.Empty(t, u.Scheme, "%s %q leads to %s", name, to, target)
				require.NotRegexp(t, `^/[/\\]`, target, "%s %q", name, to)
			}
			if name == "sign-in" {
				next := got.page(t).Find("input[name=next]").AttrOr("value", "")
				require.Regexp(t, `^/($|[^/\\])`, next, "%q", to)
			}
		}
	}
}
