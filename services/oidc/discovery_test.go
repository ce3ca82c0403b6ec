package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
)

// The client starts while the provider is down, says so, and finds it when it is there.
func TestRun_providerIsDownAtStart(t *testing.T) {
	m := startMock(t)
	m.answerWith(mockoidc.DiscoveryEndpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	var log lockedBuffer
	c := m.newClient(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	run(t, c)
	require.Eventually(t, c.Down, eventually, tick)
	_, _, err := c.Begin(t.Context())
	require.Equal(t, "error_oidc_unavailable", textOf(err))
	require.Empty(t, c.SignOutURL("x"))
	m.recover()
	require.Eventually(t, func() bool { return !c.Down() }, eventually, tick)
	_, err = m.signIn(t, c)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(log.String(), "Cannot reach the identity provider"), "once, and not at every try")
	require.Contains(t, log.String(), "Reached the identity provider again")
}

// A slow provider keeps neither Down nor another sign-in waiting, and a person who goes
// away does not make it look down.
func TestBegin_slowProvider(t *testing.T) {
	m := startMock(t)
	asked, release := make(chan struct{}, 10), make(chan struct{})
	m.answerWith(mockoidc.DiscoveryEndpoint, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	c := m.newClient(t)
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := c.Begin(ctx)
		failed <- err
	}()
	<-asked
	require.False(t, c.Down())
	leave()
	require.Error(t, <-failed)
	require.False(t, c.Down())
	m.recover()
	_, err := m.signIn(t, c)
	require.NoError(t, err)
}

func TestDiscovery_wrong(t *testing.T) {
	m := startMock(t)
	for name, change := range map[string]func(d map[string]any){
		"another issuer":    func(d map[string]any) { d["issuer"] = "https://id.example.com" },
		"a path more":       func(d map[string]any) { d["issuer"] = m.Issuer() + "/" },
		"no token address":  func(d map[string]any) { delete(d, "token_endpoint") },
		"no keys":           func(d map[string]any) { delete(d, "jwks_uri") },
		"a script":          func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"no address":        func(d map[string]any) { d["authorization_endpoint"] = "" },
		"a script to leave": func(d map[string]any) { d["end_session_endpoint"] = "javascript:alert(1)" },
	} {
		t.Run(name, func(t *testing.T) {
			m.answerWith(mockoidc.DiscoveryEndpoint, m.document(t, change))
			_, _, err := m.newClient(t).Begin(t.Context())
			require.Equal(t, "error_oidc_unavailable", textOf(err))
		})
	}
}

// A response in an error does not fill the log.
func TestDiscovery_longResponse(t *testing.T) {
	m := startMock(t)
	m.answerWith(mockoidc.DiscoveryEndpoint, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		_, _ = w.Write([]byte(strings.Repeat("é", 5000)))
	})
	_, _, err := m.newClient(t).Begin(t.Context())
	require.ErrorContains(t, err, "500 Internal Server Error")
	require.Less(t, len(err.Error()), 500)
}

// An issuer with https has no endpoint without.
func TestDiscovery_plainEndpoint(t *testing.T) {
	c := Client{config: Config{Issuer: "https://id.example.com"}}
	require.NoError(t, c.checkEndpoints([]string{"https://id.example.com/token", "https://keys.example.com/"}))
	require.Error(t, c.checkEndpoints([]string{"https://id.example.com/token", "http://id.example.com/keys"}))
}

// The program reaches the provider at another address than browsers do.
func TestInternalIssuer(t *testing.T) {
	m := startMock(t)
	target, err := url.Parse("http://" + m.Server.Addr)
	require.NoError(t, err)
	var backend atomic.Int32
	internal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.Add(1)
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/idp")
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(internal.Close)
	c := m.newClient(t, func(c *Config) { c.Internal = internal.URL + "/idp/oidc" })
	_, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(address, m.Issuer()), "the browser goes to %s", address)
	_, err = m.signIn(t, c)
	require.NoError(t, err)
	require.GreaterOrEqual(t, int(backend.Load()), 3, "the document, the token and the keys")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // of the reverse proxy
}

func TestMoved(t *testing.T) {
	from, to := "https://id.example.com/realms/a/", "http://idp.svc:8080/auth/realms/a"
	for address, want := range map[string]string{
		"https://id.example.com/realms/a/token?x=1": "http://idp.svc:8080/auth/realms/a/token?x=1",
		"https://id.example.com/realms/a":           "http://idp.svc:8080/auth/realms/a",
		"https://id.example.com/realms/abc":         "https://id.example.com/realms/abc",
		"https://id.example.com/other":              "https://id.example.com/other",
		"https://keys.example.com/realms/a/keys":    "https://keys.example.com/realms/a/keys",
		"http://id.example.com/realms/a/token":      "http://id.example.com/realms/a/token",
	} {
		parse := func(s string) *url.URL {
			u, err := url.Parse(s)
			require.NoError(t, err)
			return u
		}
		require.Equal(t, want, moved(parse(address), parse(from), parse(to)).String())
	}
}
