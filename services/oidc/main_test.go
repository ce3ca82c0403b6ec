package oidc

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mock is a provider whose answers a test can change.
type mock struct {
	*mockoidc.MockOIDC
	client *http.Client
	change atomic.Pointer[func(http.Handler) http.Handler]
}

// startMock starts a provider that does not ask who somebody is.
func startMock(t *testing.T) *mock {
	t.Helper()
	server, err := mockoidc.NewServer(nil)
	require.NoError(t, err)
	m := &mock{MockOIDC: server, client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	require.NoError(t, server.AddMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if change := m.change.Load(); change != nil {
				(*change)(next).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	l := httptest.NewUnstartedServer(nil).Listener
	require.NoError(t, server.Start(l, nil))
	t.Cleanup(func() {
		m.client.CloseIdleConnections()
		require.NoError(t, server.Server.Close())
	})
	return m
}

// answerWith makes the provider answer a path in another way.
func (m *mock) answerWith(path string, h http.HandlerFunc) {
	change := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				h(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	m.change.Store(&change)
}

// recover makes the provider answer as it should.
func (m *mock) recover() { m.change.Store(nil) }

// testConfig returns the configuration of a client of the provider.
func (m *mock) testConfig() Config {
	return Config{
		Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: m.ClientSecret,
		Callback: "http://127.0.0.1/callback", SignedOut: "http://127.0.0.1/login",
		Scopes: []string{"profile", "groups"}, NameClaim: "preferred_username", GroupsClaim: "groups",
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// newClient returns a client of the provider.
func (m *mock) newClient(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	config := m.testConfig()
	for _, c := range change {
		c(&config)
	}
	c, err := New(config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// visit follows the address of an attempt as a browser does, and returns what the
// provider lets it bring back.
func (m *mock) visit(t *testing.T, a Attempt, address string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	res, err := m.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusFound, res.StatusCode)
	back, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, a.State, back.Query().Get("state"))
	return Answer{Code: back.Query().Get("code"), Issuer: back.Query().Get("iss")}
}

// signIn signs somebody in.
func (m *mock) signIn(t *testing.T, c *Client) (Person, error) {
	t.Helper()
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	return c.Finish(t.Context(), a, m.visit(t, a, address))
}

// textOf returns the message of an error.
func textOf(err error) string { return services.AsError(err).Text }

// oddUser is a user whose id_token has other claims.
type oddUser struct {
	*mockoidc.MockUser
	change func(claims map[string]any)
}

func (u oddUser) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims{
		"iss": base.Issuer, "sub": base.Subject, "aud": base.Audience[0], "nonce": base.Nonce,
		"iat": base.IssuedAt.Unix(), "exp": base.ExpiresAt.Unix(),
		"preferred_username": u.PreferredUsername, "groups": u.Groups,
	}
	u.change(claims)
	return claims, nil
}

// queue makes the provider let somebody sign in next, with other claims.
func (m *mock) queue(change func(claims map[string]any)) {
	m.QueueUser(oddUser{mockoidc.DefaultUser(), change})
}

// run runs the background part of a client until the test ends.
func run(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// lockedBuffer collects a log.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
