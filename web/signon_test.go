package web

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// From the first start to the sign-out, without a password that is kept here.
func TestOIDC(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform", "everybody"}})
	a := startApp(t, p.option)
	require.Equal(t, "/setup", a.get("/clusters").location(), "the set-up is open")
	require.Equal(t, 1, a.get("/setup").page(t).Find(`a[href="/login"]`).Length())

	got := p.signIn(a.browser, "grace", "/clusters?q=1")
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Equal(t, "/clusters?q=1", got.location())
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, "/", a.get("/login/oidc").location(), "already signed in")
	require.Equal(t, "/login", a.another().get("/setup").location(), "there is an administrator")
	logins := a.audit("?action=login").Items
	require.Len(t, logins, 1)
	require.Equal(t, "grace", logins[0].Actor)
	require.Equal(t, p.URL, logins[0].After["provider"])

	got = a.post("/logout", nil)
	require.Equal(t, http.StatusOK, got.status)
	require.False(t, isSignedIn(a.browser))
	leave := got.page(t).Find("a.btn.primary").AttrOr("href", "")
	require.Equal(t, "0; url="+leave, got.header.Get("Refresh"))
	require.True(t, strings.HasPrefix(leave, p.URL+"/end_session?"), leave)
	require.Equal(t, p.public+"/login", newBrowser(t, "").get(leave).location(), "the provider knows the session")
}

// The role is that of the groups, at each sign-in.
func TestOIDC_roles(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"dev"}, "root": {"platform"}})
	a := startApp(t, p.option)
	require.Equal(t, "/", p.signIn(a.browser, "root", "").location())
	b := a.another()
	require.Equal(t, "/", p.signIn(b, "grace", "").location())
	require.Equal(t, http.StatusForbidden, b.get("/templates/labels/new").status, "a viewer")
	p.groups["grace"] = []string{"dev", "ops"}
	again := a.another()
	require.Equal(t, "/", p.signIn(again, "grace", "").location())
	require.Equal(t, http.StatusOK, again.get("/templates/labels/new").status, "a user")
	p.groups["grace"] = []string{"another"}
	got := p.signIn(a.another(), "grace", "/clusters")
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Equal(t, "None of your groups has access to Kube Node Manager.", problemOf(t, got))
	require.Equal(t, "/login/oidc?next=%2Fclusters", got.page(t).Find("form.card a.btn").AttrOr("href", ""))
	require.Equal(t, "access", a.audit("?action=login.failed").Items[0].After["why"])
	require.NotContains(t, got.body, "another", "the groups are in the log only")
}

// A group can give access to single clusters only.
func TestOIDC_grants(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"night"}, "dave": {"other"}, "root": {"platform"}})
	a := startApp(t, p.option, func(o *Options) {
		o.GroupRoles = append(o.GroupRoles, "night=viewer@"+testCluster, "other=user@another")
	})
	require.Equal(t, "/", p.signIn(a.another(), "root", "").location())
	require.Equal(t, "/", p.signIn(a.browser, "grace", "").location())
	require.Contains(t, a.get("/clusters", "Accept", "application/json").body, testCluster)
	dave := a.another()
	require.Equal(t, "/", p.signIn(dave, "dave", "").location())
	got := dave.get("/clusters", "Accept", "application/json")
	require.Equal(t, http.StatusOK, got.status)
	require.NotContains(t, got.body, testCluster)
	p.groups["grace"] = nil
	require.Contains(t, problemOf(t, p.signIn(a.another(), "grace", "")), "None of your groups")
}

// An answer is accepted from the browser that began, and once.
func TestOIDC_answers(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option)
	const expired = "This sign-in has expired, or it was started in another browser."
	refused := func(got answer) {
		t.Helper()
		require.Equal(t, http.StatusConflict, got.status, got.body)
		require.Equal(t, expired, problemOf(t, got))
	}
	begin := func(b *browser, next string) string {
		return p.authorize(b.get("/login/oidc?next="+url.QueryEscape(next)).location(), "grace")
	}
	refused(a.get("/login/oidc/callback"))
	refused(a.get("/login/oidc/callback?code=x&state="))
	refused(a.get("/login/oidc/callback?error=access_denied&state=x"))

	attacker, victim := a.another(), a.another()
	back := begin(attacker, "")
	refused(victim.get(back))
	require.False(t, isSignedIn(victim))
	begin(victim, "")
	refused(victim.get(back)) // with a session of its own
	require.False(t, isSignedIn(victim))
	require.Equal(t, "/", attacker.get(back).location())
	refused(a.another().get(back))
	attacker.post("/logout", nil)
	refused(attacker.get(back))

	// In several tabs.
	b := a.another()
	first, second := begin(b, "/batches"), begin(b, "/audit")
	require.Equal(t, "/batches", b.get(first).location())
	require.True(t, isSignedIn(b))
	refused(b.get(second)) // the session is a new one
	require.True(t, isSignedIn(b))

	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)"} {
		b := a.another()
		require.Equal(t, "/", b.get(begin(b, next)).location(), next)
	}
}

func TestOIDC_denied(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option)
	u, err := url.Parse(a.get("/login/oidc?next=/batches").location())
	require.NoError(t, err)
	got := a.get("/login/oidc/callback?error=access_denied&state=" + u.Query().Get("state"))
	require.Equal(t, http.StatusForbidden, got.status)
	require.Contains(t, problemOf(t, got), "You declined the sign-in")
	require.Equal(t, "/login/oidc?next=%2Fbatches", got.page(t).Find("form.card a.btn").AttrOr("href", ""))
	require.Equal(t, "/", p.signIn(a.browser, "grace", "").location(), "another try")
	failed := a.audit("?action=login.failed").Items
	require.Equal(t, "provider", failed[0].After["why"])
	require.Equal(t, "refused", failed[0].Result)
	require.Contains(t, a.get("/metrics").body, `login_total{result="refused"} 1`)
}

func TestOIDC_renewsTheToken(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option)
	link := a.get("/login/oidc")
	require.Contains(t, link.header.Get("Set-Cookie"), "knm=")
	before := sessionToken(t, a.browser)
	require.Equal(t, "/", a.get(p.authorize(link.location(), "grace")).location())
	require.NotEqual(t, before, sessionToken(t, a.browser))
	require.True(t, leadsToSignIn(a.another().get("/clusters", "Cookie", "knm="+before)))
}

// A copy of the database reveals neither the secrets of an attempt nor the id_token.
// The session of an attempt ends with it.
func TestOIDC_sessionsKeepNoSecret(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option)
	address := a.get("/login/oidc").location()
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	rows := func() (data string, hours float64) {
		a.admin(t, func(ad *Admin) {
			row := ad.store.Writer().QueryRowContext(t.Context(),
				"SELECT data, expiry FROM sessions ORDER BY expiry DESC LIMIT 1")
			var expiry int64
			require.NoError(t, row.Scan(&data, &expiry))
			hours = time.Until(time.UnixMilli(expiry)).Hours()
		})
		return data, hours
	}
	data, hours := rows()
	require.Less(t, hours, 0.2)
	require.NotContains(t, data, q.Get("state"))
	require.NotContains(t, data, q.Get("nonce"))
	require.Equal(t, "/", a.get(p.authorize(address, "grace")).location())
	data, hours = rows()
	require.Greater(t, hours, 11.0, "a login session lives as long as all others")
	require.Contains(t, data, "id_token")
	require.NotContains(t, data, "eyJ", "no token is readable")
}

// Signing in with a password afterwards forgets the id_token of the session before.
func TestOIDC_otherSignOut(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option)
	a.addUser(t, "bob", "admin")
	require.Equal(t, "/", p.signIn(a.browser, "grace", "").location())
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials("bob", testPassword)).status)
	require.Equal(t, "/login", a.post("/logout", nil).location())
}

func TestOIDC_nameOfALocalUser(t *testing.T) {
	p := startIDP(t, map[string][]string{"bob": {"platform"}})
	a := startApp(t, p.option)
	a.addUser(t, "bob", "admin")
	got := p.signIn(a.browser, "bob", "")
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "There is already another user named bob.", problemOf(t, got))
}

func TestOIDC_disabledUser(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"dev"}})
	a := startApp(t, p.option)
	b := a.another()
	require.Equal(t, "/", p.signIn(b, "grace", "").location())
	a.admin(t, func(ad *Admin) {
		_, err := ad.DisableUser(t.Context(), "grace")
		require.NoError(t, err)
	})
	require.False(t, isSignedIn(b))
	require.Equal(t, "Your account is disabled.", problemOf(t, p.signIn(b, "grace", "")))
	require.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("grace", "")).status, "no password works")
}

// A provider that is down stops neither the start nor a sign-in with a password.
func TestOIDC_providerIsDown(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	p.Close()
	a := startApp(t, p.option)
	a.addUser(t, testUser, "admin")
	const down = "The identity provider cannot be reached at the moment."
	require.Eventually(t, func() bool {
		return a.get("/login").page(t).Find(".note.warn b").Text() == down
	}, eventually, tick)
	got := a.get("/login/oidc?next=/batches")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, down, problemOf(t, got))
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials(testUser, testPassword)).status)
	require.True(t, isSignedIn(a.browser))
}

func TestOIDC_buttonNamesTheProvider(t *testing.T) {
	p := startIDP(t, nil)
	a := startApp(t, p.option, func(o *Options) { o.OIDCName = "Example <b>ID</b>" })
	for language, text := range map[string]string{
		"en": "Continue with Example <b>ID</b>", "zh-CN": "使用 Example <b>ID</b> 登录",
	} {
		link := a.get("/login", "Accept-Language", language).page(t).Find("form.card a.btn")
		require.Equal(t, text, strings.TrimSpace(link.Text()))
	}
}

func TestOIDC_limitedPerClient(t *testing.T) {
	p := startIDP(t, nil)
	a := startApp(t, p.option)
	var got answer
	for range 3 * loginsPerClient {
		got = a.get("/login/oidc")
		if got.status != http.StatusSeeOther {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, got.status)
}

func TestLocalLogin_off(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	off := func(o *Options) { o.LocalLogin = false }
	a := startApp(t, p.option, off)
	require.Empty(t, a.SetupCode())
	require.Equal(t, "/login", a.get("/setup").location())
	require.Equal(t, "/login", a.post("/setup", url.Values{"code": {"x"}}).location())
	require.True(t, leadsToSignIn(a.get("/clusters")), "there is nothing to set up")
	page := a.get("/login").page(t)
	require.Zero(t, page.Find("input[type=password]").Length())
	require.Equal(t, 1, page.Find(`form.card a.btn.primary[href="/login/oidc"]`).Length())

	a.addUser(t, "bob", "admin")
	got := a.post("/login", credentials("bob", testPassword))
	require.Equal(t, http.StatusForbidden, got.status)
	require.Contains(t, problemOf(t, got), "keeps no passwords")
	require.False(t, isSignedIn(a.browser))
	require.Equal(t, "/", p.signIn(a.browser, "grace", "").location())
	require.True(t, isSignedIn(a.browser))
}

// A session that began with a password ends where passwords no longer count.
func TestLocalLogin_turnedOff(t *testing.T) {
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := signedIn(t, p.option)
	require.True(t, isSignedIn(a.browser))
	require.NoError(t, a.Stop(t.Context()))
	same := func(o *Options) { o.Data, o.LocalLogin = a.options.Data, false }
	again := startApp(t, p.option, same)
	again.client = a.client
	require.True(t, leadsToSignIn(again.get("/clusters")))
}

func TestOptions_signOn(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("x"), 0o600))
	both := func(o *Options) {
		o.PublicURL, o.GroupRoles = "https://nodes.example.com", []string{"a=admin"}
		o.OIDCIssuer, o.OIDCClientID, o.OIDCClient.File = "https://id.example.com", "knm", secret
		o.LDAPServers, o.LDAPUserBase = []string{"ldaps://dc1.example.com"}, "dc=example,dc=com"
	}
	none := func(*Options) {}
	for name, tt := range map[string]struct {
		from, change func(o *Options)
		wrong        string
	}{
		"nothing":         {none, none, ""},
		"both":            {both, none, ""},
		"both, no local":  {both, func(o *Options) { o.LocalLogin = false }, ""},
		"no way to login": {none, func(o *Options) { o.LocalLogin = false }, "--local-login=false: nobody could sign in"},
		"no groups":       {both, func(o *Options) { o.GroupRoles = nil }, "--group-roles: needed"},
		"wrong groups":    {both, func(o *Options) { o.GroupRoles = []string{"a=king"} }, `--group-roles: "a=king"`},
		"no public URL":   {both, func(o *Options) { o.PublicURL = "" }, "--public-url: needed for --oidc-issuer"},
		"no client":       {both, func(o *Options) { o.OIDCClientID = "" }, "--oidc-client-id: needed"},
		"no secret":       {both, func(o *Options) { o.OIDCClient.File = "" }, "--oidc-client-secret-file: needed"},
		"two secrets":     {both, func(o *Options) { o.OIDCClient.Text = "x" }, "set only one of them"},
		"no issuer":       {both, func(o *Options) { o.OIDCIssuer = "" }, "--oidc-issuer: needed"},
		"plain issuer":    {both, func(o *Options) { o.OIDCIssuer = "http://id.example.com" }, "--oidc-issuer: \"http"},
		"odd issuer":      {both, func(o *Options) { o.OIDCIssuer = "id.example.com" }, "--oidc-issuer"},
		"plain internal":  {both, func(o *Options) { o.OIDCInternal = "http://id.svc" }, "--oidc-internal-issuer"},
		"no claim":        {both, func(o *Options) { o.OIDCUser = "" }, "--oidc-user-claim"},
		"plain LDAP": {
			both, func(o *Options) { o.LDAPServers = []string{"ldap://dc1.example.com"} }, "--ldap-url: passwords would be sent",
		},
		"StartTLS": {both, func(o *Options) {
			o.LDAPServers, o.LDAPStartTLS = []string{"ldap://dc1.example.com"}, true
		}, ""},
		"not LDAP":      {both, func(o *Options) { o.LDAPServers = []string{"https://dc1.example.com"} }, "--ldap-url"},
		"no LDAP":       {both, func(o *Options) { o.LDAPServers = nil }, "--ldap-url: needed"},
		"no base":       {both, func(o *Options) { o.LDAPUserBase = "" }, "--ldap-user-base: needed"},
		"odd base":      {both, func(o *Options) { o.LDAPUserBase = "people" }, "--ldap-user-base"},
		"odd filter":    {both, func(o *Options) { o.LDAPUserFilter = "(uid={name}" }, "--ldap-user-filter"},
		"filter of all": {both, func(o *Options) { o.LDAPUserFilter = "(uid=*)" }, "--ldap-user-filter"},
		"odd groups": {both, func(o *Options) {
			o.LDAPGroupBase, o.LDAPGroupFilter = "dc=example,dc=com", "(cn=*)"
		}, "--ldap-group-filter"},
		"no password":   {both, func(o *Options) { o.LDAPBindDN = "cn=knm" }, "--ldap-bind-secret-file"},
		"only password": {both, func(o *Options) { o.LDAPBind.File = secret }, "--ldap-bind-dn"},
	} {
		t.Run(name, func(t *testing.T) {
			o := DefaultOptions()
			tt.from(&o)
			tt.change(&o)
			err := o.Validate()
			if tt.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.wrong)
		})
	}
}

// Files are read at the start, whose error names the option.
func TestOptions_signOnFiles(t *testing.T) {
	p := startIDP(t, nil)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, change := range map[string]func(o *Options){
		"--oidc-client-secret-file": func(o *Options) { o.OIDCClient.File = empty + "x" },
		"--oidc-ca-file":            func(o *Options) { o.OIDCCAFile = empty },
		"--ldap-ca-file": func(o *Options) {
			o.LDAPServers, o.LDAPUserBase, o.LDAPCAFile = []string{"ldaps://127.0.0.1:1"}, "dc=example,dc=com", empty
		},
	} {
		o := testOptions(t)
		p.option(&o)
		change(&o)
		a, err := New(o)
		require.NoError(t, err)
		require.ErrorContains(t, a.Start(t.Context()), want)
	}
}

// An attempt ends after ten minutes, whatever the session does.
func TestOIDC_late(t *testing.T) {
	var c testClock
	p := startIDP(t, map[string][]string{"grace": {"platform"}})
	a := startApp(t, p.option, c.option)
	back := p.authorize(a.get("/login/oidc").location(), "grace")
	c.add(11 * time.Minute)
	got := a.get(back)
	require.Equal(t, http.StatusConflict, got.status)
	require.False(t, isSignedIn(a.browser))
}
