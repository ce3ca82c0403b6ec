package web

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"
)

func TestClientIP_hostile(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32"), netip.MustParsePrefix("fd00::5/128")}
	const client = "203.0.113.9"
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy, spoofed", client, []string{"1.2.3.4"}, client},
		{"an address near the proxy, spoofed", "10.0.0.6", []string{"1.2.3.4"}, "10.0.0.6"},
		{"from the proxy", "10.0.0.5", []string{client}, client},
		{"from the proxy, whose client sent the header too", "10.0.0.5", []string{"1.2.3.4, " + client}, client},
		{"the same, in two headers", "10.0.0.5", []string{"1.2.3.4", client}, client},
		{"a client that pretends to be the proxy", "10.0.0.5", []string{"10.0.0.5, " + client}, client},
		{"a client of the private network", "10.0.0.5", []string{"8.8.8.8, 10.9.9.9"}, "10.9.9.9"},
		{"no header", "10.0.0.5", nil, "10.0.0.5"},
		{"empty", "10.0.0.5", []string{""}, "10.0.0.5"},
		{"commas", "10.0.0.5", []string{" , ,, "}, "10.0.0.5"},
		{"only the proxy", "10.0.0.5", []string{"10.0.0.5"}, "10.0.0.5"},
		{"not an address", "10.0.0.5", []string{"unknown"}, "10.0.0.5"},
		{"not an address, after an address", "10.0.0.5", []string{client + ", <script>"}, "10.0.0.5"},
		{"a port", "10.0.0.5", []string{client + ":80"}, "10.0.0.5"},
		{"a number", "10.0.0.5", []string{"3405803785"}, "10.0.0.5"},
		{"octal", "10.0.0.5", []string{"0313.0.0161.011"}, "10.0.0.5"},
		{"IPv4-mapped", "10.0.0.5", []string{"::ffff:" + client}, client},
		{"the proxy, IPv4-mapped, after a client", "10.0.0.5", []string{client + ", ::ffff:10.0.0.5"}, client},
		{"a zone", "fd00::5", []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv6", "fd00::5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"brackets", "fd00::5", []string{"[2001:db8::1]"}, "fd00::5"},
		{"many addresses", "10.0.0.5", []string{strings.Repeat("1.2.3.4,", 5000) + client}, client},
		{"a long value", "10.0.0.5", []string{strings.Repeat("1", 60_000)}, "10.0.0.5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			h := clientIP(proxy)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = middleware.GetClientIP(r.Context())
			}))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = net.JoinHostPort(tt.peer, "4711")
			r.Header["X-Forwarded-For"] = tt.forwarded
			h.ServeHTTP(httptest.NewRecorder(), r)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestOptions_warnsAboutWideNetworks(t *testing.T) {
	for network, warned := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "10.0.0.0/8": true, "172.16.0.0/12": true, "192.168.0.0/16": true,
		"10.244.0.0/16": true, "fc00::/7": true,
		"10.0.0.5/32": false, "10.0.0.0/24": false, "fd00::5/128": false, "fd00::/64": false,
	} {
		var log logBuffer
		o := DefaultOptions()
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(network)}
		o.warn(slog.New(slog.NewTextHandler(&log, nil)))
		require.Equal(t, warned, strings.Contains(log.String(), "network="+network), network)
	}
}

func TestOptions_listen(t *testing.T) {
	const plainText = "passwords are sent in plain text"
	tests := []struct {
		listen, public string
		insecure       bool
		wrong          string
	}{
		{"127.0.0.1:8080", "", false, ""},
		{"127.9.9.9:0", "", false, ""},
		{"[::1]:8080", "", false, ""},
		{"localhost:8080", "", false, ""},
		{":8080", "", false, plainText},
		{"0.0.0.0:8080", "", false, plainText},
		{"[::]:8080", "", false, plainText},
		{"10.0.0.1:8080", "", false, plainText},
		{"nodes.example.com:8080", "", false, plainText},
		{"localhost.example.com:8080", "", false, plainText},
		{"0.0.0.0:8080", "http://nodes.example.com", false, plainText},
		{"0.0.0.0:8080", "https://nodes.example.com", false, ""},
		{"0.0.0.0:8080", "", true, ""},
		{"8080", "", true, "is not HOST:PORT"},
	}
	for _, tt := range tests {
		o := DefaultOptions()
		o.Listen, o.PublicURL, o.InsecureHTTP = tt.listen, tt.public, tt.insecure
		err := o.Validate()
		if tt.wrong == "" {
			require.NoError(t, err, tt.listen)
			continue
		}
		require.ErrorContains(t, err, tt.wrong, tt.listen)
		if tt.wrong == plainText {
			for _, way := range []string{"--listen", "--tls-cert", "--public-url https://", "127.0.0.1", "--insecure-http"} {
				require.ErrorContains(t, err, way)
			}
		}
	}
	var log logBuffer
	o := DefaultOptions()
	o.Listen, o.InsecureHTTP = "0.0.0.0:8080", true
	o.warn(slog.New(slog.NewTextHandler(&log, nil)))
	require.Contains(t, log.String(), "--insecure-http")
}

func TestHost(t *testing.T) {
	plain := startApp(t)
	public := startApp(t, func(o *Options) {
		o.PublicURL = "https://Nodes.example.com:8443"
		o.AllowedHosts = []string{"knm.monitoring.svc"}
	})
	everywhere := startApp(t, func(o *Options) { o.Listen, o.InsecureHTTP = "0.0.0.0:0", true })
	tests := []struct {
		host                      string
		plain, public, everywhere bool
	}{
		{"127.0.0.1", true, true, true},
		{"127.0.0.1:9999", true, true, true},
		{"localhost:1", true, true, true},
		{"LOCALHOST.", true, true, true},
		{"[::1]", true, true, true},
		{"[::1]:80", true, true, true},
		{"10.1.2.3:8080", true, true, true}, // the probe of a kubelet
		{"nodes.example.com", false, true, false},
		{"NODES.example.com:443", false, true, false},
		{"knm.monitoring.svc:8080", false, true, false},
		{"evil.example", false, false, false},
		{"evil.example:8080", false, false, false},
		{"localhost.evil.example", false, false, false},
		{"127.0.0.1.evil.example", false, false, false},
		{"nodes.example.com.evil.example", false, false, false},
	}
	for _, tt := range tests {
		for _, x := range []struct {
			app  *testApp
			want bool
		}{{plain, tt.plain}, {public, tt.public}, {everywhere, tt.everywhere}} {
			b := newBrowser(t, "http://127.0.0.1:"+portOf(t, x.app.Addr()))
			for _, path := range []string{"/setup", "/version", "/static/0/app.css"} {
				got := b.get(path, "Host", tt.host)
				if x.want {
					require.Equal(t, http.StatusOK, got.status, "%s of %s", path, tt.host)
					continue
				}
				require.Equal(t, http.StatusMisdirectedRequest, got.status, "%s of %s", path, tt.host)
				require.NotContains(t, got.body, "<form action")
			}
			require.Equal(t, http.StatusOK, b.get("/readyz", "Host", tt.host).status, "probes may use any name")
		}
	}
	got := plain.get("/setup", "Host", "evil.example")
	require.Equal(t, http.StatusMisdirectedRequest, got.status)
	require.Equal(t, "Kube Node Manager does not accept requests for the host name evil.example.",
		got.page(t).Find("h1").Text())
	require.Contains(t, got.body, "--allowed-hosts")
	require.Contains(t, plain.get("/setup", "Host", "evil.example", "Accept", "application/json").body, `"forbidden"`)
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return port
}

func TestOptions_allowedHosts(t *testing.T) {
	for _, wrong := range []string{"", "a:80", "https://a", "a/b", "*", "*.example.com", "a b", "[::1]"} {
		o := DefaultOptions()
		o.AllowedHosts = []string{wrong}
		require.ErrorContains(t, o.Validate(), "--allowed-hosts", wrong)
	}
	o := DefaultOptions()
	o.AllowedHosts = []string{"nodes", "nodes.example.com"}
	require.NoError(t, o.Validate())
}

// No cookie is available to scripts or sent by other sites, and with HTTPS none is sent
// over plain HTTP.
func TestCookies(t *testing.T) {
	for _, public := range []string{"", "https://nodes.example.com"} {
		a := signedIn(t, func(o *Options) { o.PublicURL = public })
		session := a.loginCookie()
		answers := []answer{
			a.another().post("/login", credentials(testUser, testPassword)),
			a.post("/preferences", url.Values{"lang": {"en"}, "theme": {"dark"}}),
			a.post("/preferences", url.Values{"lang": {""}, "theme": {""}}),
			a.get("/clusters/prod%2Feu/nodes", "Cookie", session),
			a.post("/logout", nil, "Cookie", session),
		}
		seen := map[string]bool{}
		for _, got := range answers {
			for _, c := range (&http.Response{Header: got.header}).Cookies() {
				seen[strings.TrimPrefix(c.Name, "__Host-")] = true
				require.True(t, c.HttpOnly, c.Name)
				require.Equal(t, http.SameSiteLaxMode, c.SameSite, c.Name)
				require.Equal(t, public != "", c.Secure, c.Name)
				require.Equal(t, "/", c.Path, c.Name)
				require.Empty(t, c.Domain, c.Name)
			}
		}
		require.Equal(t, map[string]bool{"knm": true, "lang": true, "theme": true, "cluster": true}, seen)
	}
}

// loginCookie signs in and returns the value of the header Cookie. The browser of a test
// does not send a secure cookie, because it uses plain HTTP.
func (a *testApp) loginCookie() string {
	got := a.another().post("/login", credentials(testUser, testPassword))
	name, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	return name
}

func TestLogout_clearsTheBrowser(t *testing.T) {
	a := signedIn(t)
	a.get("/clusters/prod%2Feu/nodes")
	got := a.post("/logout", nil)
	require.Equal(t, `"cache", "storage"`, got.header.Get("Clear-Site-Data"))
	require.Contains(t, strings.Join(got.header.Values("Set-Cookie"), "\n"), "cluster=; Path=/; Max-Age=0")
	got = a.post("/logout", nil, "Host", "10.1.2.3")
	require.Empty(t, got.header.Get("Clear-Site-Data"), "without HTTPS, browsers ignore it with a warning")
	secure := startApp(t, func(o *Options) { o.PublicURL = "https://nodes.example.com" })
	secure.post("/setup", secure.setupForm())
	got = secure.post("/logout", nil, "Host", "nodes.example.com")
	require.Equal(t, `"cache", "storage"`, got.header.Get("Clear-Site-Data"))
}

func TestHSTS_subdomains(t *testing.T) {
	a := startApp(t, func(o *Options) { o.PublicURL, o.HSTSSubdomains = "https://nodes.example.com", true })
	require.Equal(t, "max-age=31536000; includeSubDomains", a.get("/setup").header.Get("Strict-Transport-Security"))
	plain := startApp(t, func(o *Options) { o.HSTSSubdomains = true })
	require.Empty(t, plain.get("/setup").header.Get("Strict-Transport-Security"))
}

func TestMetrics_whoMayRead(t *testing.T) {
	open := map[string]func(*Options){
		"only this machine": func(*Options) {},
		"by option":         func(o *Options) { o.PublicURL, o.PublicMetrics = "https://nodes.example.com", true },
	}
	for name, change := range open {
		require.Contains(t, startApp(t, change).get("/metrics").body, "knm_build_info", name)
	}
	closed := map[string]func(*Options){
		"behind a proxy":     func(o *Options) { o.PublicURL = "https://nodes.example.com" },
		"for other machines": func(o *Options) { o.Listen, o.InsecureHTTP = "0.0.0.0:0", true },
	}
	for name, change := range closed {
		a := startApp(t, change)
		a.browser = newBrowser(t, "http://127.0.0.1:"+portOf(t, a.Addr()))
		token := a.addUser(t, "scraper", "viewer")
		got := a.get("/metrics")
		require.Equal(t, http.StatusUnauthorized, got.status, name)
		require.Equal(t, "Bearer", got.header.Get("WWW-Authenticate"))
		require.Contains(t, got.body, "--public-metrics")
		require.NotContains(t, got.body, "knm_build_info")
		require.Equal(t, http.StatusUnauthorized, a.get("/metrics", "Authorization", "Bearer knm_WRONG").status, name)
		got = a.get("/metrics", "Authorization", "Bearer "+token)
		require.Equal(t, http.StatusOK, got.status, name)
		require.Contains(t, got.body, "knm_build_info")
	}
}

func TestVersion_detailsNeedALogin(t *testing.T) {
	a := signedIn(t)
	version := func(b *browser) map[string]string {
		var v map[string]string
		require.NoError(t, json.Unmarshal([]byte(b.get("/version", "Accept", "application/json").body), &v))
		return v
	}
	require.Equal(t, map[string]string{"version": "test"}, version(a.another()))
	require.NotEmpty(t, version(a.browser)["go"])
}
