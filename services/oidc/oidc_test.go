package oidc

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

const (
	eventually = 20 * time.Second
	tick       = 20 * time.Millisecond
)

func TestSignIn(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	require.Equal(t, "S256", q.Get("code_challenge_method"))
	require.NotContains(t, address, a.Verifier)
	require.Equal(t, []string{"code", "openid profile groups", a.State, a.Nonce},
		[]string{q.Get("response_type"), q.Get("scope"), q.Get("state"), q.Get("nonce")})

	who, err := c.Finish(t.Context(), a, m.visit(t, a, address))
	require.NoError(t, err)
	require.NotEmpty(t, who.IDToken)
	who.IDToken = ""
	require.Equal(t, Person{
		Issuer: m.Issuer(), Subject: "1234567890", Name: "jane.doe", Groups: []string{"engineering", "design"},
	}, who)
	require.False(t, c.Down())
}

// No two attempts have a secret in common.
func TestBegin_secretsAreNew(t *testing.T) {
	c := startMock(t).newClient(t)
	seen := map[string]bool{}
	for range 20 {
		a, _, err := c.Begin(t.Context())
		require.NoError(t, err)
		for _, secret := range []string{a.State, a.Nonce, a.Verifier} {
			require.GreaterOrEqual(t, len(secret), 26)
			require.False(t, seen[secret])
			seen[secret] = true
		}
	}
}

func TestFinish_wrongToken(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }
	for name, tt := range map[string]struct {
		change func(claims map[string]any)
		want   string
	}{
		"another nonce":     {func(claims map[string]any) { claims["nonce"] = "x" }, "error_oidc_invalid"},
		"no nonce":          {func(claims map[string]any) { delete(claims, "nonce") }, "error_oidc_invalid"},
		"another audience":  {func(claims map[string]any) { claims["aud"] = "x" }, "error_oidc_invalid"},
		"no audience":       {func(claims map[string]any) { delete(claims, "aud") }, "error_oidc_invalid"},
		"another issuer":    {func(claims map[string]any) { claims["iss"] = "https://id.example.com" }, "error_oidc_invalid"},
		"for another party": {func(claims map[string]any) { claims["azp"] = "x" }, "error_oidc_invalid"},
		"for us and others": {
			func(claims map[string]any) { claims["aud"] = []string{m.ClientID, "x"} }, "error_oidc_invalid",
		},
		"no subject":          {func(claims map[string]any) { delete(claims, "sub") }, "error_oidc_invalid"},
		"another access hash": {func(claims map[string]any) { claims["at_hash"] = "x" }, "error_oidc_invalid"},
		"not yet valid":       {func(claims map[string]any) { claims["nbf"] = hour(1) }, "error_oidc_clock"},
		"expired":             {func(claims map[string]any) { claims["exp"] = hour(-1) }, "error_oidc_clock"},
		"never expires":       {func(claims map[string]any) { delete(claims, "exp") }, "error_oidc_clock"},
		"from the future":     {func(claims map[string]any) { claims["iat"] = hour(1) }, "error_oidc_clock"},
		"no name":             {func(claims map[string]any) { delete(claims, "preferred_username") }, "error_oidc_name"},
		"a name that is none": {func(claims map[string]any) { claims["preferred_username"] = 1 }, "error_oidc_name"},
	} {
		t.Run(name, func(t *testing.T) {
			m.queue(tt.change)
			who, err := m.signIn(t, c)
			require.Error(t, err)
			require.Equal(t, tt.want, textOf(err), "%v", err)
			require.Zero(t, who)
		})
	}
}

func TestFinish_rightToken(t *testing.T) {
	m := startMock(t)
	for name, tt := range map[string]struct {
		change func(claims map[string]any)
		claim  string
		groups []string
	}{
		"for us, by name": {func(claims map[string]any) {
			claims["azp"] = m.ClientID
			claims["aud"] = []string{"x", m.ClientID}
		}, "groups", []string{"engineering", "design"}},
		"nested groups": {func(claims map[string]any) {
			claims["realm_access"] = map[string]any{"roles": []string{"a", "b"}}
		}, "realm_access.roles", []string{"a", "b"}},
		"a claim with dots in its name": {func(claims map[string]any) {
			claims["https://example.com/groups"] = []any{"a", 1, nil}
		}, "https://example.com/groups", []string{"a"}},
		"one group":  {func(claims map[string]any) { claims["groups"] = "a" }, "groups", []string{"a"}},
		"no groups":  {func(claims map[string]any) { delete(claims, "groups") }, "groups", nil},
		"odd groups": {func(claims map[string]any) { claims["groups"] = map[string]any{"a": 1} }, "groups.a.b", nil},
		"an unverified mail address": {
			func(claims map[string]any) { claims["email_verified"] = false }, "groups", []string{"engineering", "design"},
		},
		"half a minute too old": {func(claims map[string]any) {
			claims["exp"] = time.Now().Add(-maxSkew / 2).Unix()
		}, "groups", []string{"engineering", "design"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := m.newClient(t, func(c *Config) { c.GroupsClaim = tt.claim })
			m.queue(tt.change)
			who, err := m.signIn(t, c)
			require.NoError(t, err)
			require.Equal(t, tt.groups, who.Groups)
		})
	}
}

func TestFinish_clock(t *testing.T) {
	m := startMock(t)
	m.FastForward(time.Hour)
	_, err := m.signIn(t, m.newClient(t))
	require.Equal(t, "error_oidc_clock", textOf(err))
	m.FastForward(-2 * time.Hour)
	_, err = m.signIn(t, m.newClient(t))
	require.Equal(t, "error_oidc_clock", textOf(err))
}

func TestFinish_answers(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	a, _, err := c.Begin(t.Context())
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		got  Answer
		want string
	}{
		"the person declined":    {Answer{Error: "access_denied"}, "error_oidc_denied"},
		"the provider declined":  {Answer{Error: "temporarily_unavailable"}, "error_oidc_declined"},
		"a text for the page":    {Answer{Error: "<b>call 555 1234</b>"}, "error_oidc_invalid"},
		"nothing":                {Answer{}, "error_oidc_invalid"},
		"a code of nobody":       {Answer{Code: "x"}, "error_oidc_invalid"},
		"an answer of another":   {Answer{Code: "x", Issuer: "https://id.example.com"}, "error_oidc_invalid"},
		"a refusal of another":   {Answer{Error: "access_denied", Issuer: "https://id.example.com"}, "error_oidc_invalid"},
		"a refusal by this one":  {Answer{Error: "access_denied", Issuer: m.Issuer()}, "error_oidc_denied"},
		"an error and a code":    {Answer{Code: "x", Error: "access_denied"}, "error_oidc_denied"},
		"an error that is a URL": {Answer{Error: "https://evil.example"}, "error_oidc_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Finish(t.Context(), a, tt.got)
			require.Error(t, err)
			require.Equal(t, tt.want, textOf(err), "%v", err)
		})
	}
}

// A provider that says that it names itself in every answer must do so.
func TestFinish_issuerIsMissing(t *testing.T) {
	m := startMock(t)
	m.answerWith(mockoidc.DiscoveryEndpoint, m.document(t, func(d map[string]any) {
		d["authorization_response_iss_parameter_supported"] = true
	}))
	_, err := m.signIn(t, m.newClient(t))
	require.Equal(t, "error_oidc_invalid", textOf(err))
	require.ErrorContains(t, err, "issuer")
}

// document returns a handler of the discovery document with other values.
func (m *mock) document(t *testing.T, change func(document map[string]any)) http.HandlerFunc {
	t.Helper()
	w := httptest.NewRecorder()
	m.Discovery(w, nil)
	var document map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	change(document)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
	}
}

func TestFinish_twice(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	got := m.visit(t, a, address)
	_, err = c.Finish(t.Context(), a, got)
	require.NoError(t, err)
	_, err = c.Finish(t.Context(), a, got)
	require.Equal(t, "error_oidc_invalid", textOf(err))
}

// A code works only together with the secrets of the attempt that it belongs to.
func TestFinish_codeOfAnotherAttempt(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	mine, _, err := c.Begin(t.Context())
	require.NoError(t, err)
	theirs, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	code := m.visit(t, theirs, address)
	_, err = c.Finish(t.Context(), mine, code)
	require.Equal(t, "error_oidc_invalid", textOf(err), "another verifier")

	theirs, address, err = c.Begin(t.Context())
	require.NoError(t, err)
	code = m.visit(t, theirs, address)
	mine.Verifier = theirs.Verifier
	_, err = c.Finish(t.Context(), mine, code)
	require.Equal(t, "error_oidc_invalid", textOf(err), "another nonce")
}

func TestFinish_late(t *testing.T) {
	m := startMock(t)
	var offset atomic.Int64
	c := m.newClient(t, func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	})
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	got := m.visit(t, a, address)
	offset.Store(int64(MaxAttempt + time.Second))
	_, err = c.Finish(t.Context(), a, got)
	require.Equal(t, "error_oidc_expired", textOf(err))
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
}

func TestFinish_keyRotation(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	_, err := m.signIn(t, c)
	require.NoError(t, err)
	m.Keypair, err = mockoidc.RandomKeypair(2048)
	require.NoError(t, err)
	m.Keypair.Kid = "another"
	_, err = m.signIn(t, c)
	require.NoError(t, err, "the new key is read")
}

// A token that was signed with a key which the provider does not publish is refused.
func TestFinish_foreignKey(t *testing.T) {
	m := startMock(t)
	published, err := m.Keypair.JWKS()
	require.NoError(t, err)
	m.answerWith(mockoidc.JWKSEndpoint, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(published) })
	m.Keypair, err = mockoidc.RandomKeypair(2048)
	require.NoError(t, err)
	_, err = m.signIn(t, m.newClient(t))
	require.Equal(t, "error_oidc_invalid", textOf(err))
}

func TestFinish_unsigned(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	got := m.visit(t, a, address)
	m.answerWith(mockoidc.TokenEndpoint, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// {"alg":"none"} and {"sub":"x"}
		_, _ = w.Write([]byte(`{"access_token":"x","token_type":"bearer","id_token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."}`))
	})
	_, err = c.Finish(t.Context(), a, got)
	require.Equal(t, "error_oidc_invalid", textOf(err))
}

func TestFinish_tokenEndpoint(t *testing.T) {
	m := startMock(t)
	const secret = "body-with-a-token"
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       string
		down       bool
	}{
		"our secret is wrong": {401, "application/json", `{"error":"invalid_client"}`, "error_oidc_client", false},
		"another redirect":    {400, "application/json", `{"error":"unauthorized_client"}`, "error_oidc_client", false},
		"not found":           {404, "text/plain", secret, "error_oidc_client", false},
		"a redirect":          {307, "text/plain", secret, "error_oidc_client", false},
		"broken":              {500, "text/plain", secret, "error_oidc_unavailable", true},
		"a proxy's page":      {503, "text/html", secret, "error_oidc_unavailable", true},
		"not JSON":            {200, "application/json", secret, "error_oidc_unavailable", true},
		"no id_token": {
			200, "application/json", `{"access_token":"x","token_type":"bearer"}`, "error_oidc_invalid", false,
		},
		"endless": {200, "application/json", `{"x":"` + strings.Repeat("x", maxResponse), "error_oidc_unavailable", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := m.newClient(t)
			a, address, err := c.Begin(t.Context())
			require.NoError(t, err)
			got := m.visit(t, a, address)
			m.answerWith(mockoidc.TokenEndpoint, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			})
			defer m.recover()
			_, err = c.Finish(t.Context(), a, got)
			require.Error(t, err)
			require.Equal(t, tt.want, textOf(err), "%v", err)
			require.NotContains(t, err.Error(), secret)
			require.NotContains(t, err.Error(), m.ClientSecret)
			require.Equal(t, tt.down, c.Down())
		})
	}
}

func TestFinish_keysCannotBeRead(t *testing.T) {
	m := startMock(t)
	m.answerWith(mockoidc.JWKSEndpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	_, err := m.signIn(t, m.newClient(t))
	require.Equal(t, "error_oidc_unavailable", textOf(err), "%v", err)
}

func TestSignOutURL(t *testing.T) {
	m := startMock(t)
	c := m.newClient(t)
	_, err := m.signIn(t, c)
	require.NoError(t, err)
	require.Empty(t, c.SignOutURL("token"), "the provider has no such address")
	m.answerWith(mockoidc.DiscoveryEndpoint, m.document(t, func(d map[string]any) {
		d["end_session_endpoint"] = m.Issuer() + "/end?x=1"
	}))
	c = m.newClient(t)
	_, err = m.signIn(t, c)
	require.NoError(t, err)
	u, err := url.Parse(c.SignOutURL("token"))
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"x": {"1"}, "id_token_hint": {"token"}, "client_id": {m.ClientID},
		"post_logout_redirect_uri": {"http://127.0.0.1/login"},
	}, u.Query())
}

// Whatever fails, no secret is logged.
func TestLog_noSecrets(t *testing.T) {
	m := startMock(t)
	var log lockedBuffer
	c := m.newClient(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	a, address, err := c.Begin(t.Context())
	require.NoError(t, err)
	got := m.visit(t, a, address)
	m.answerWith(mockoidc.TokenEndpoint, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.WriteHeader(500)
		_, _ = w.Write([]byte(r.Form.Encode()))
	})
	_, err = c.Finish(t.Context(), a, got)
	require.Error(t, err)
	require.Contains(t, log.String(), "500")
	for _, secret := range []string{m.ClientSecret, a.State, a.Nonce, a.Verifier, got.Code} {
		require.NotContains(t, log.String()+err.Error(), secret)
	}
}
