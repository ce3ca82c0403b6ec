package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store"
)

// apiServer answers the calls of a connection test and nothing else.
func apiServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("Authorization") != "Bearer the-secret-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/version":
			_, _ = w.Write([]byte(`{"gitVersion":"v1.37.2"}`))
		case r.URL.Path == "/api/v1/nodes":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
		default:
			_, _ = w.Write([]byte(
				`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false}}`))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func importedConfig(server, user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {%s}}]
contexts:
- {name: one, context: {cluster: c, user: u}}
- {name: two, context: {cluster: c, user: u}}
`, server, user)
}

// onLoopback lets imported clusters be on this machine.
func onLoopback(o *Options) { o.ClusterNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

const secretToken = `token: the-secret-token`

// An administrator imports a cluster with several contexts. The kubeconfig is sent once
// and never comes back, whatever goes wrong.
func TestClusters_import(t *testing.T) {
	a := signedIn(t, onLoopback)
	form := url.Values{"kubeconfig": {importedConfig(apiServer(t), secretToken)}, "name": {"Production"}}
	got := a.post("/clusters/new", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.NotContains(t, got.body, "the-secret-token")
	doc := got.page(t)
	require.Equal(t, "two", doc.Find("#f-context option").Last().AttrOr("value", ""))
	require.Equal(t, "Production", doc.Find("#f-name").AttrOr("value", ""))
	draft := doc.Find("input[name=draft]").AttrOr("value", "")
	require.NotEmpty(t, draft)

	form = url.Values{"draft": {draft}, "context": {"two"}, "name": {"Production"}, "labels": {"env=prod\nteam=a"}}
	got = a.post("/clusters/new", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Equal(t, 1, got.page(t).Find("#f-insecure").Length(), "the certificate would not be verified")
	form.Set("insecure", "1")
	form.Set("test", "1")
	got = a.post("/clusters/new", form)
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.page(t).Find("#test-result").Text(), "v1.37.2")
	require.NotContains(t, a.get("/clusters").body, "Production", "a test stores nothing")
	form.Del("test")
	got = a.post("/clusters/new", form)
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/clusters/Production/access", got.location())
	doc = a.get("/clusters/Production/access").page(t)
	require.Contains(t, doc.Find("#test-result").Text(), "10 permissions are denied")
	require.Contains(t, a.get("/clusters").body, "env=prod")

	got = a.get("/clusters/Production/nodes")
	require.Equal(t, http.StatusForbidden, got.status, "nodes that cannot be listed are no empty list")
	require.Equal(t, 1, got.page(t).Find(`.problem a[href="/clusters/Production/access"]`).Length())
}

// What a script sees of the same routes.
func TestClusters_json(t *testing.T) {
	a := signedIn(t, onLoopback)
	asJSON := []string{"Accept", "application/json"}
	text := importedConfig(apiServer(t), secretToken)
	got := a.post("/clusters/new", url.Values{"kubeconfig": {text}, "context": {"one"}, "insecure": {"1"}}, asJSON...)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	require.Equal(t, "/clusters/one", got.header.Get("Location"))
	require.Contains(t, got.body, `"source":"imported"`)
	got = a.get("/clusters/one/access", asJSON...)
	require.Contains(t, got.body, `"version":"v1.37.2"`)
	require.Contains(t, got.body, `{"need":"evict","call":"create pods/eviction","allowed":false}`)

	got = a.post("/clusters/one/edit", url.Values{"name": {"live"}, "colour": {"pink"}}, asJSON...)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.body, `"colour"`)
	got = a.post("/clusters/one/edit", url.Values{"name": {"live"}, "colour": {"red"}}, asJSON...)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, http.StatusNotFound, a.get("/clusters/one", asJSON...).status)
	require.Equal(t, http.StatusOK, a.post("/clusters/live/disable", nil, asJSON...).status)
	require.Contains(t, a.get("/clusters/live", asJSON...).body, `"disabled":true`)
	require.Equal(t, http.StatusConflict, a.get("/clusters/live/nodes", asJSON...).status)
	require.Equal(t, http.StatusOK, a.post("/clusters/live/enable", nil, asJSON...).status)
	replaced := url.Values{"kubeconfig": {text}, "context": {"two"}, "insecure": {"1"}}
	require.Equal(t, http.StatusOK, a.post("/clusters/live/credentials", replaced, asJSON...).status)
	require.Equal(t, http.StatusOK, a.post("/clusters/live/delete", nil, asJSON...).status)
	require.Equal(t, http.StatusNotFound, a.get("/clusters/live", asJSON...).status)
	require.Equal(t, http.StatusConflict, a.post("/clusters/prod%2Feu/delete", nil, asJSON...).status)

	log := a.get("/audit", asJSON...).body
	for _, action := range []string{"import", "rename", "disable", "enable", "credentials", "delete"} {
		require.Contains(t, log, `"cluster.`+action+`"`)
	}
	require.NotContains(t, log, "the-secret-token")
}

// Only administrators import and change clusters.
func TestClusters_permissions(t *testing.T) {
	a := signedIn(t)
	for _, role := range []string{"viewer", "user"} {
		headers := []string{"Authorization", "Bearer " + a.addUser(t, role, role), "Accept", "application/json"}
		other := a.another()
		for _, path := range []string{"new", "prod%2Feu/edit", "prod%2Feu/credentials", "prod%2Feu/delete"} {
			require.Equal(t, http.StatusForbidden, other.get("/clusters/"+path, headers...).status, path)
			require.Equal(t, http.StatusForbidden, other.post("/clusters/"+path, nil, headers...).status, path)
		}
		for _, path := range []string{"prod%2Feu/disable", "prod%2Feu/enable"} {
			require.Equal(t, http.StatusForbidden, other.post("/clusters/"+path, nil, headers...).status, path)
		}
		require.Equal(t, http.StatusOK, other.get("/clusters/prod%2Feu/access", headers...).status)
	}
}

// Every forbidden part is named on the page.
func TestClusters_refusals(t *testing.T) {
	a := signedIn(t)
	form := url.Values{"kubeconfig": {importedConfig("https://169.254.169.254", "exec: {command: x}")}, "context": {"one"}}
	got := a.post("/clusters/new", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	text := got.page(t).Find("[role=alert]").Text()
	require.Contains(t, text, "users[0].user.exec would run a program")
	require.Contains(t, text, "clusters[0].cluster.server: connections to https://169.254.169.254 are not allowed")
	got = a.post("/clusters/new", url.Values{"draft": {"gone"}})
	require.Contains(t, got.page(t).Find("[role=alert]").Text(), "no longer kept")
	require.Equal(t, http.StatusOK, a.get("/clusters/new").status)
}

// After a rotation the server needs the new key; with the old one it starts and says so.
func TestClusters_rotateKey(t *testing.T) {
	o := testOptions(t)
	same := func(to *Options) {
		to.Data, to.ClusterNetworks = o.Data, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	a := signedIn(t, same)
	_, codes := a.addFactor(t)
	token := a.addUser(t, "root", "admin")
	headers := []string{"Authorization", "Bearer " + token, "Accept", "application/json"}
	form := url.Values{"kubeconfig": {importedConfig(apiServer(t), secretToken)}, "context": {"one"}, "insecure": {"1"}}
	require.Equal(t, http.StatusCreated, a.post("/clusters/new", form, headers...).status)
	next := filepath.Join(t.TempDir(), "next")
	a.admin(t, func(ad *Admin) {
		_, err := ad.RotateKey(t.Context(), "", "", o.Data, next)
		require.ErrorContains(t, err, "another server", "the server runs")
	})
	require.NoError(t, a.Stop(t.Context()))
	a.admin(t, func(ad *Admin) {
		n, err := ad.RotateKey(t.Context(), "", "", o.Data, next)
		require.NoError(t, err)
		require.Equal(t, store.Rewrapped{Clusters: 1, Factors: 1}, n)
	})

	b := startApp(t, same)
	halfway := func(b *testApp) answer {
		require.Equal(t, "/login/code", b.post("/login", credentials(testUser, testPassword)).location())
		return b.post("/login/code", url.Values{"code": {codes[0]}})
	}
	require.Contains(t, halfway(b).body, "does not have the key")
	require.Contains(t, b.get("/clusters/one/access", headers...).body, "The credentials were encrypted with key")
	require.NoError(t, b.Stop(t.Context()))
	c := startApp(t, same, func(to *Options) { to.KeyFile = next })
	require.Contains(t, c.get("/clusters/one/access", headers...).body, `"reachable":true`)
	require.Equal(t, "/", halfway(c).location())
	requireNoSecret(t, o.Data)
}

// requireNoSecret checks that no file of the data directory has the token in clear.
func requireNoSecret(t *testing.T, data string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			require.False(t, strings.Contains(string(content), "the-secret-token"), file)
		}
	}
}
