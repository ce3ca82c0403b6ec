package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// managed is a registry with a database.
type managed struct {
	*Registry
	store   *store.Store
	file    string   // its kubeconfig
	changed []string // the names that Changed was told
}

const twoContexts = `apiVersion: v1
kind: Config
current-context: b
clusters: [{name: c, cluster: {server: "https://192.0.2.1"}}]
users:
- {name: u, user: {token: abc}}
- name: p
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never}}
contexts:
- {name: a, context: {cluster: c, user: p}}
- {name: b, context: {cluster: c, user: u}}
`

func newManaged(t *testing.T, key seal.Key) *managed {
	t.Helper()
	m := &managed{file: filepath.Join(t.TempDir(), "config")}
	require.NoError(t, os.WriteFile(m.file, []byte(twoContexts), 0o600))
	log := slog.New(slog.DiscardHandler)
	st, err := storetest.Open(t, t.Context(), t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.Close(context.Background()) })
	m.store = st
	m.use(t, key)
	return m
}

// use starts anew with the same database, as another process would.
func (m *managed) use(t *testing.T, key seal.Key) {
	t.Helper()
	r, err := Load(Source{Kubeconfig: m.file, UserAgent: "test"})
	require.NoError(t, err)
	t.Cleanup(r.Close)
	require.NoError(t, r.Use(t.Context(), Storage{
		Store: m.store, Log: slog.New(slog.DiscardHandler), Key: key,
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Changed:  func(name string) { m.changed = append(m.changed, name) },
	}))
	m.Registry = r
}

func as(t *testing.T, role services.Role) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{ID: 1, Name: "ada", Role: role})
}

func names(r *Registry) (all []string) {
	for _, c := range r.List() {
		all = append(all, c.Name)
	}
	return all
}

// apiServer is a server with the calls of a connection test; it denies to delete pods.
func apiServer(t *testing.T, token string) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/version" {
			_, _ = w.Write([]byte(`{"gitVersion":"v1.37.2"}`))
			return
		}
		body := make([]byte, 4096)
		n, _ := r.Body.Read(body)
		allowed := !strings.Contains(string(body[:n]), "delete")
		_, _ = fmt.Fprintf(w,
			`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":%t}}`,
			allowed)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func upload(address, token string) Upload {
	return Upload{Insecure: true, Text: fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %q}}]
contexts: [{name: "prod/eu", context: {cluster: c, user: u}}]
`, address, token)}
}

func TestImport(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	address, asked := apiServer(t, "secret-token")
	ctx := as(t, services.RoleAdmin)
	c, err := m.Import(ctx, upload(address, "secret-token"), Properties{Labels: map[string]string{"env": "prod"}})
	require.NoError(t, err)
	require.Equal(t, []any{"prod/eu", FromImport, address, "token", true},
		[]any{c.Name, c.Source, c.Server, c.Credentials, c.Insecure})
	require.Equal(t, []string{"b", "a", "prod/eu"}, names(m.Registry))
	require.Zero(t, asked.Load(), "an import calls nobody")

	test, err := m.Test(ctx, "prod/eu")
	require.NoError(t, err)
	require.NoError(t, test.Err)
	require.Equal(t, "v1.37.2", test.Version)
	require.Len(t, test.Permissions, len(Needs()))
	require.Equal(t, "delete pods", test.Refused()[0].Call.String())
	_, err = m.Import(ctx, upload(address, "x"), Properties{})
	require.Equal(t, "error_cluster_name_taken", services.AsError(err).Fields[0].Text)
	_, err = m.Import(ctx, upload(address, "x"), Properties{Name: "b"})
	require.Equal(t, "error_cluster_name_taken", services.AsError(err).Fields[0].Text, "a context has the name")

	rows, err := m.store.Clusters(t.Context())
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(rows), "secret-token")
	require.NotContains(t, string(rows[0].Secret), "secret-token")
}

func TestTry(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	address, _ := apiServer(t, "right")
	ctx := as(t, services.RoleAdmin)
	test, err := m.Try(ctx, upload(address, "right"))
	require.NoError(t, err)
	require.Equal(t, "v1.37.2", test.Version)
	test, err = m.Try(ctx, upload(address, "wrong"))
	require.NoError(t, err)
	require.Equal(t, "error_cluster_credentials", services.AsError(test.Err).Text)
	require.Equal(t, []string{"b", "a"}, names(m.Registry), "nothing is stored")
}

// Only administrators change clusters.
func TestManage_permissions(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	for _, role := range []services.Role{"", services.RoleViewer, services.RoleUser} {
		ctx := as(t, role)
		u := upload("https://127.0.0.1:1", "x")
		for name, try := range map[string]func() error{
			"import":   func() error { _, err := m.Import(ctx, u, Properties{}); return err },
			"try":      func() error { _, err := m.Try(ctx, u); return err },
			"contexts": func() error { _, err := m.Contexts(ctx, u.Text); return err },
			"replace":  func() error { _, err := m.Replace(ctx, "b", u); return err },
			"edit":     func() error { _, err := m.Edit(ctx, "b", Properties{}); return err },
			"disable":  func() error { _, err := m.SetDisabled(ctx, "b", true); return err },
			"delete":   func() error { _, err := m.Delete(ctx, "b"); return err },
		} {
			require.Equal(t, services.CodeForbidden, services.CodeOf(try()), "%s as %s", name, role)
		}
	}
}

// What changes a cluster closes its client and tells that its cache is out of date;
// what changes only its looks does neither.
func TestManage_clients(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	address, _ := apiServer(t, "one")
	ctx := as(t, services.RoleAdmin)
	_, err := m.Import(ctx, upload(address, "one"), Properties{Name: "prod"})
	require.NoError(t, err)
	first, err := m.Client("prod")
	require.NoError(t, err)

	_, err = m.Edit(ctx, "prod", Properties{Name: "prod", Colour: "red", Position: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"prod", "b", "a"}, names(m.Registry))
	same, err := m.Client("prod")
	require.NoError(t, err)
	require.Same(t, first, same)
	require.Empty(t, m.changed)

	_, err = m.Replace(ctx, "prod", upload(address, "two"))
	require.NoError(t, err)
	second, err := m.Client("prod")
	require.NoError(t, err)
	require.NotSame(t, first, second)
	require.Equal(t, []string{"prod"}, m.changed)

	_, err = m.SetDisabled(ctx, "prod", true)
	require.NoError(t, err)
	_, err = m.Client("prod")
	require.Equal(t, "error_cluster_disabled", services.AsError(err).Text)
	_, err = m.SetDisabled(ctx, "prod", false)
	require.NoError(t, err)
	_, err = m.Edit(ctx, "prod", Properties{Name: "live"})
	require.NoError(t, err)
	_, err = m.Client("prod")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	_, err = m.Client("live")
	require.NoError(t, err)
	_, err = m.Delete(ctx, "live")
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a"}, names(m.Registry))
	require.Equal(t, []string{"prod", "prod", "prod", "prod", "live"}, m.changed)
}

// The looks of a context can be changed; its name and existence belong to the file.
func TestEdit_ofAContext(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	ctx := as(t, services.RoleAdmin)
	c, err := m.Edit(ctx, "a", Properties{Labels: map[string]string{"env": "dev"}, Position: 1})
	require.NoError(t, err)
	require.Equal(t, []any{FromKubeconfig, "dev"}, []any{c.Source, c.Labels["env"]})
	require.Equal(t, []string{"a", "b"}, names(m.Registry))
	_, err = m.Edit(ctx, "a", Properties{Name: "z"})
	require.Equal(t, "error_cluster_context_name", services.AsError(err).Fields[0].Text)
	_, err = m.Delete(ctx, "a")
	require.Equal(t, "error_cluster_not_imported", services.AsError(err).Text)
	_, err = m.Replace(ctx, "a", upload("https://127.0.0.1:1", "x"))
	require.Equal(t, "error_cluster_not_imported", services.AsError(err).Text)
	_, err = m.Edit(ctx, "none", Properties{})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	m.use(t, seal.NewKey())
	require.Equal(t, []string{"a", "b"}, names(m.Registry), "it is stored")
}

// Changes are made in the name of their user where an administrator has chosen so, also
// after a rename, and where an option says so.
func TestActsAsUser(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	address, _ := apiServer(t, "one")
	ctx := as(t, services.RoleAdmin)
	_, err := m.Import(ctx, upload(address, "one"), Properties{Name: "prod", ActAs: true})
	require.NoError(t, err)
	acting := func(want ...string) {
		t.Helper()
		var got []string
		for _, name := range append(names(m.Registry), "none") {
			if m.ActsAsUser(name) {
				got = append(got, name)
			}
		}
		require.ElementsMatch(t, want, got)
	}
	acting("prod")
	_, err = m.Edit(ctx, "prod", Properties{Name: "live", ActAs: true})
	require.NoError(t, err)
	_, err = m.Edit(ctx, "a", Properties{ActAs: true})
	require.NoError(t, err)
	acting("a", "live")
	_, err = m.Edit(ctx, "live", Properties{})
	require.NoError(t, err)
	acting("a")
	require.NoError(t, m.Use(t.Context(), Storage{Store: m.store, Log: m.log, Key: m.key, ActAs: []string{"live"}}))
	acting("a", "live")
	_, err = m.Edit(ctx, "a", Properties{})
	require.NoError(t, err)
	require.NoError(t, m.Use(t.Context(), Storage{Store: m.store, Log: m.log, Key: m.key, ActAs: []string{AllClusters}}))
	acting("a", "b", "live")
	c, err := m.Edit(ctx, "b", Properties{Colour: "red"})
	require.NoError(t, err)
	require.True(t, c.ActAs && c.ActAsSet)
}

func TestEdit_namesEveryWrongField(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	_, err := m.Edit(as(t, services.RoleAdmin), "a", Properties{
		Colour: "pink", Position: -1, Labels: map[string]string{"a b": "c"},
	})
	var fields []string
	for _, f := range services.AsError(err).Fields {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"colour", "position", "labels"}, fields)
	for _, name := range []string{"new", " a", "a\u202Eb", "a\n", "..", strings.Repeat("x", 101)} {
		_, err := m.Import(as(t, services.RoleAdmin), upload("https://127.0.0.1:1", "x"), Properties{Name: name})
		require.Equal(t, "name", services.AsError(err).Fields[0].Field, "%q", name)
	}
}

// With another key the program starts, and the clusters say what is wrong.
func TestUse_withAnotherKey(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	address, asked := apiServer(t, "x")
	_, err := m.Import(as(t, services.RoleAdmin), upload(address, "x"), Properties{Name: "prod"})
	require.NoError(t, err)
	for text, key := range map[string]seal.Key{"error_seal_other_key": seal.NewKey(), "error_seal_no_key": {}} {
		m.use(t, key)
		_, err = m.Client("prod")
		require.Equal(t, text, services.AsError(err).Text)
		require.Equal(t, text, services.AsError(m.Status("prod").Err).Text)
	}
	m.use(t, seal.Key{})
	_, err = m.Import(as(t, services.RoleAdmin), upload(address, "x"), Properties{Name: "other"})
	require.Equal(t, "error_seal_none", services.AsError(err).Text)
	require.Zero(t, asked.Load())
}

func TestRewrap(t *testing.T) {
	old, next := seal.NewKey(), seal.NewKey()
	m := newManaged(t, old)
	address, _ := apiServer(t, "x")
	_, err := m.Import(as(t, services.RoleAdmin), upload(address, "x"), Properties{Name: "prod"})
	require.NoError(t, err)
	_, err = m.store.RewrapSecrets(t.Context(), Rewrap(next, seal.NewKey()), nil, nil)
	require.ErrorContains(t, err, "prod")
	n, err := m.store.RewrapSecrets(t.Context(), Rewrap(old, next), nil, nil)
	require.NoError(t, err)
	require.Equal(t, store.Rewrapped{Clusters: 1}, n)
	m.use(t, next)
	test, err := m.Test(as(t, services.RoleViewer), "prod")
	require.NoError(t, err)
	require.NoError(t, test.Err)
}

// Changes of the files are seen; files that cannot be used change nothing.
func TestReload(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	log := slog.New(slog.DiscardHandler)
	write := func(text string) {
		before := m.source.digest()
		require.NoError(t, os.WriteFile(m.file, []byte(text), 0o600))
		require.NotEqual(t, before, m.source.digest())
		m.reload(t.Context(), log)
	}
	kept, err := m.Client("b")
	require.NoError(t, err)
	write(strings.Replace(twoContexts, "name: a,", "name: z,", 1))
	require.Equal(t, []string{"b", "z"}, names(m.Registry))
	same, err := m.Client("b")
	require.NoError(t, err)
	require.Same(t, kept, same, "its configuration is the same")
	require.Equal(t, []string{"a"}, m.changed)

	write(strings.Replace(twoContexts, "token: abc", "token: def", 1))
	other, err := m.Client("b")
	require.NoError(t, err)
	require.NotSame(t, kept, other)
	write("apiVersion: [")
	require.Equal(t, []string{"b", "a"}, names(m.Registry))
}

// A plugin that is not installed is named, and nothing is started.
func TestClient_missingPlugin(t *testing.T) {
	m := newManaged(t, seal.NewKey())
	_, err := m.Client("a")
	require.Equal(t, "error_cluster_plugin", services.AsError(err).Text)
	require.Equal(t, "no-such-plugin", services.AsError(err).Args["Command"])
}

// A cluster is known to be down when a probe has failed too, until it answers.
func TestDown(t *testing.T) {
	r := registryOf("prod")
	e, err := r.find("prod")
	require.NoError(t, err)
	at := r.now()
	e.record(at, at, errDown)
	require.NoError(t, r.Down("prod"), "it was one call")
	require.True(t, e.soon, "but a probe finds out")
	e.failed = 1
	require.Equal(t, errDown, r.Down("prod"))
	e.record(r.now(), r.now(), nil)
	require.NoError(t, r.Down("prod"))
	require.NoError(t, r.Down("none"))
}
