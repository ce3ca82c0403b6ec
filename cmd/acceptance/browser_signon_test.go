package acceptance

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// identityProvider is the example provider of github.com/zitadel/oidc, with its
// example users.
type identityProvider struct {
	*storage.Storage
	client   *storage.Client
	public   string       // the address of the program
	signOuts atomic.Int32 // that have reached the provider
}

const (
	providerSecret   = "a-client-secret-for-tests"
	providerUser     = "test-user2"
	providerPassword = "verysecure"
)

// startProvider starts the provider for a program at an address, and returns the
// options for the program.
func startProvider(t *testing.T, listen string) (p *identityProvider, options []string) {
	t.Helper()
	public := "http://" + listen
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	client := storage.WebClient("knm", providerSecret, public+"/login/oidc/callback")
	p = &identityProvider{
		Storage: storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{"knm": client}),
		client:  client, public: public,
	}
	server.Config.Handler = exampleop.SetupServer(issuer, p, nil, false)
	server.Start()
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte(providerSecret), 0o600))
	return p, []string{
		"--listen", listen, "--public-url", public, "--oidc-issuer", issuer, "--oidc-client-id", "knm",
		"--oidc-client-secret-file", secret, "--oidc-user-claim", "sub", "--oidc-name", "Example ID",
		"--group-roles", "*=admin",
	}
}

// TerminateSession signs somebody out.
func (p *identityProvider) TerminateSession(ctx context.Context, user, client string) error {
	p.signOuts.Add(1)
	return p.Storage.TerminateSession(ctx, user, client)
}

// GetClientByClientID returns the program.
func (p *identityProvider) GetClientByClientID(context.Context, string) (op.Client, error) {
	return signedOutClient{p.client, p.public + "/login"}, nil
}

// signedOutClient is a client that has registered an address to return to after the sign-out.
type signedOutClient struct {
	*storage.Client
	after string
}

func (c signedOutClient) PostLogoutRedirectURIs() []string { return []string{c.after} }

// noClusters is a kubeconfig with a cluster that cannot be reached.
func noClusters(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(file, []byte(`{"apiVersion":"v1","kind":"Config",
		"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],
		"users":[{"name":"u","user":{"token":"x"}}],
		"contexts":[{"name":"prod","context":{"cluster":"c","user":"u"}}]}`), 0o600))
	return file
}

// signInAtProvider signs in on the page of the provider.
func (x *tab) signInAtProvider() {
	x.t.Helper()
	x.until(`document.querySelector("input[name=username]")`)
	x.fill("input[name=username]", providerUser)
	x.fill("input[name=password]", providerPassword)
	x.press("button")
}

// A person signs in at the provider and out again, in a real browser: no step runs against
// the content policy, and all of them work without scripts.
func TestBrowser_signOn(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			listen := freeAddress(t)
			provider, options := startProvider(t, listen)
			p := startProgram(t, noClusters(t), options...)
			x := startBrowser(t).tab(p)
			x.expect("favicon.ico") // of the provider
			if !scripts {
				x.withoutScripts()
			}
			x.open("/audit?action=login")
			x.press(`form.card a.btn`)
			x.signInAtProvider()
			x.until(`location.pathname === "/audit" && document.readyState === "complete"`)
			require.Equal(t, "?action=login", value[string](x, `location.search`))
			require.Contains(t, value[string](x, `document.querySelector("#main").innerText`), "id2")

			x.press(`form[action="/logout"] button`)
			x.until(`location.pathname === "/login" && document.readyState === "complete"`)
			require.Equal(t, int32(1), provider.signOuts.Load())
			x.open("/audit")
			require.Equal(t, "/login", value[string](x, `location.pathname`), "signed out")
		})
	}
}
