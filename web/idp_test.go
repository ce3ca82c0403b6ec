package web

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	idpClient   = "knm"
	idpSecret   = "a-client-secret-for-tests"
	idpPassword = "a password at the provider"
)

// idp is an identity provider: the example of github.com/zitadel/oidc, with groups.
type idp struct {
	*httptest.Server
	t      *testing.T
	groups map[string][]string // of each user
	public string              // address of the program
}

// idpStorage is the storage of the example. It puts the groups of a person into the
// id_token, and knows the addresses of the program.
type idpStorage struct {
	*storage.Storage
	p *idp
}

func (s idpStorage) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	if _, err := s.Storage.GetClientByClientID(ctx, id); err != nil {
		return nil, err
	}
	return idpClientOf{storage.WebClient(idpClient, idpSecret, s.p.public+"/login/oidc/callback"), s.p}, nil
}

func (s idpStorage) SetUserinfoFromRequest(
	ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string,
) error {
	info.AppendClaims("groups", s.p.groups[token.GetSubject()])
	return s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

type idpClientOf struct {
	*storage.Client
	p *idp
}

func (idpClientOf) IDTokenUserinfoClaimsAssertion() bool { return true }

func (c idpClientOf) PostLogoutRedirectURIs() []string { return []string{c.p.public + "/login"} }

// GetUserByID implements storage.UserStore: everybody with groups is a user.
func (p *idp) GetUserByID(id string) *storage.User {
	if _, ok := p.groups[id]; !ok {
		return nil
	}
	return &storage.User{ID: id, Username: id, Password: idpPassword}
}

// GetUserByUsername implements storage.UserStore.
func (p *idp) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

// ExampleClientID implements storage.UserStore.
func (*idp) ExampleClientID() string { return storage.ServiceUserID }

// startIDP starts a provider with users, each with their groups.
func startIDP(t *testing.T, groups map[string][]string) *idp {
	t.Helper()
	p := &idp{t: t, groups: groups, public: "http://" + freeAddress(t)}
	p.Server = httptest.NewUnstartedServer(nil)
	client := storage.WebClient(idpClient, idpSecret, p.public+"/login/oidc/callback")
	stored := idpStorage{storage.NewStorageWithClients(p, map[string]*storage.Client{idpClient: client}), p}
	p.Config.Handler = exampleop.SetupServer("http://"+p.Listener.Addr().String(), stored, nil, false)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

// freeAddress returns an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// option makes the program use the provider.
func (p *idp) option(o *Options) {
	u, err := url.Parse(p.public)
	require.NoError(p.t, err)
	o.Listen, o.PublicURL = u.Host, p.public
	o.OIDCIssuer, o.OIDCClientID = p.URL, idpClient
	o.OIDCClient.File = filepath.Join(p.t.TempDir(), "secret")
	require.NoError(p.t, os.WriteFile(o.OIDCClient.File, []byte(idpSecret+"\n"), 0o600))
	o.GroupRoles = []string{"platform=admin", "ops=user", "dev=viewer"}
}

// authorize signs somebody in at the provider, at the address to which the program has
// sent the browser. It returns the path on the program to which the provider sends it back.
func (p *idp) authorize(address, name string) string {
	p.t.Helper()
	b := newBrowser(p.t, "")
	form := b.get(p.absolute(b.get(address).location()))
	require.Equal(p.t, http.StatusOK, form.status, form.body)
	got := b.post(p.URL+"/login/username", url.Values{
		"id": {form.page(p.t).Find("input[name=id]").AttrOr("value", "")}, "username": {name}, "password": {idpPassword},
	})
	back := b.get(p.absolute(got.location())).location()
	require.Contains(p.t, back, p.public+"/login/oidc/callback?")
	return back[len(p.public):]
}

func (p *idp) absolute(location string) string {
	p.t.Helper()
	base, err := url.Parse(p.URL)
	require.NoError(p.t, err)
	u, err := base.Parse(location)
	require.NoError(p.t, err)
	require.Equal(p.t, base.Host, u.Host)
	return u.String()
}

// signIn signs somebody in, from the sign-in page to the page after it.
func (p *idp) signIn(b *browser, name, next string) answer {
	p.t.Helper()
	page := b.get("/login?" + url.Values{"next": {next}}.Encode()).page(p.t)
	link := page.Find("form.card a.btn").AttrOr("href", "")
	got := b.get(link)
	require.Equal(p.t, http.StatusSeeOther, got.status, got.body)
	return b.get(p.authorize(got.location(), name))
}

// problemOf returns the text of the problem on a page.
func problemOf(t *testing.T, got answer) string {
	t.Helper()
	return got.page(t).Find(".note.bad b").FilterFunction(func(_ int, s *goquery.Selection) bool {
		return s.Text() != ""
	}).Text()
}
