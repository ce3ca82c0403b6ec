package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func credentials(name, password string) url.Values {
	return url.Values{"name": {name}, "password": {password}}
}

// leadsToSignIn reports whether a response redirects to the sign-in page.
func leadsToSignIn(got answer) bool {
	return got.status == http.StatusSeeOther && strings.HasPrefix(got.location(), "/login")
}

func TestSetup_allPagesRedirectToIt(t *testing.T) {
	a := startApp(t)
	for _, path := range []string{"/", "/login", "/clusters", "/batches", "/clusters/x/nodes"} {
		got := a.get(path)
		require.Equal(t, http.StatusSeeOther, got.status, path)
		require.Equal(t, "/setup", got.location(), path)
	}
	require.Equal(t, "/setup", a.post("/login", credentials("a", "b")).location())
	got := a.get("/clusters", "HX-Request", "true")
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Equal(t, "/setup", got.header.Get("HX-Redirect"))
	got = a.get("/clusters", "Accept", "application/json")
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.body, "first administrator")

	got = a.get("/setup")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, 1, got.page(t).Find(`form[action="/setup"] input[name=code]`).Length())
	require.NotContains(t, got.body, a.SetupCode())
}

func TestSetup_wrongInput(t *testing.T) {
	a := startApp(t)
	form := url.Values{"code": {"AAAAA-BBBBB-CCCCC-DDDDD"}, "name": {"grace"}, "password": {testPassword}}
	got := a.post("/setup", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	page := got.page(t)
	require.Contains(t, page.Find("#e-code").Text(), "not the setup code")
	require.Equal(t, "grace", page.Find("input[name=name]").AttrOr("value", ""), "the input is kept")

	form.Set("code", a.SetupCode())
	form.Set("password2", "another")
	require.Contains(t, a.post("/setup", form).page(t).Find("#e-password2").Text(), "do not match")
	form.Set("password", "short")
	form.Del("password2")
	require.Contains(t, a.post("/setup", form).page(t).Find("#e-password").Text(), "at least 12")

	got = a.post("/setup", form, "Accept", "application/json")
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.JSONEq(t, `{"error":{"code":"invalid","message":"Some of the input is not valid.",
		"fields":{"password":"Use at least 12 characters."},
		"requestId":"`+got.header.Get("X-Request-Id")+`"}}`, got.body)
}

func TestSetup_onlyOnce(t *testing.T) {
	a := signedIn(t)
	require.Equal(t, http.StatusOK, a.get("/clusters").status, "the new administrator is signed in")
	other := a.another()
	got := other.post("/setup", url.Values{"code": {a.SetupCode()}, "name": {"eve"}, "password": {testPassword}})
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "/login", other.get("/setup").location())
	require.Equal(t, "/login", other.get("/clusters").location()[:6])
}

func TestSetup_adminAddedOnTheCommandLine(t *testing.T) {
	a := startApp(t)
	a.addUser(t, "bob", "admin")
	require.True(t, leadsToSignIn(a.get("/clusters")), "without a restart")
}

// An attacker with many addresses does not stop others from signing in.
func TestLogin_manyClients(t *testing.T) {
	a := signedIn(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	var group sync.WaitGroup
	for client := range 11 {
		group.Go(func() {
			name, b := "nobody"+strconv.Itoa(client), a.another()
			for range 29 {
				b.post("/login", credentials(name, "wrong"), "X-Forwarded-For", "198.51.100."+strconv.Itoa(client))
			}
		})
	}
	group.Wait()
	got := a.another().post("/login", credentials(testUser, testPassword), "X-Forwarded-For", "203.0.113.9")
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
}

// Other users can sign in before there is an administrator, and the set-up stays open.
func TestSetup_staysOpenUntilThereIsAnAdministrator(t *testing.T) {
	a := startApp(t)
	token := a.addUser(t, "bob", "viewer")
	require.Equal(t, "/setup", a.get("/clusters").location())
	require.Equal(t, 1, a.get("/setup").page(t).Find(`form[action="/setup"] a[href="/login"]`).Length())
	require.Equal(t, http.StatusOK, a.get("/clusters", "Authorization", "Bearer "+token).status)
	bob := a.another()
	require.Equal(t, http.StatusOK, bob.get("/login").status)
	require.Equal(t, http.StatusSeeOther, bob.post("/login", credentials("bob", testPassword)).status)
	require.True(t, isSignedIn(bob))

	form := url.Values{"code": {a.SetupCode()}, "name": {"Bob"}, "password": {testPassword}}
	got := a.post("/setup", form)
	require.Contains(t, got.page(t).Find("#e-name").Text(), "already exists")
	form.Set("name", testUser)
	require.Equal(t, http.StatusSeeOther, a.post("/setup", form).status)
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, "/login", a.another().get("/setup").location())
}

func TestSetup_codeExpires(t *testing.T) {
	var c testClock
	a := startApp(t, c.option)
	c.add(time.Hour)
	form := a.setupForm()
	text := a.post("/setup", form).page(t).Find("#e-code").Text()
	require.Equal(t, "This setup code has expired. Restart Kube Node Manager to get a new one.",
		strings.TrimSpace(text))
}

// The page says where the code is: on standard output, and not in the log.
func TestSetup_saysWhereTheCodeIs(t *testing.T) {
	a := startApp(t)
	for language, words := range map[string][]string{
		"en": {"standard output", "not to the log", "hour"}, "zh-CN": {"标准输出", "不会写入日志", "一小时"},
	} {
		help := a.get("/setup", "Accept-Language", language).page(t).Find("#h-code").Text()
		for _, word := range words {
			require.Contains(t, help, word)
		}
	}
}

func TestLogin(t *testing.T) {
	a := signedIn(t)
	b := a.another()
	got := b.get("/clusters/prod%2Feu/nodes?q=x")
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/login?next=%2Fclusters%2Fprod%252Feu%2Fnodes%3Fq%3Dx", got.location())
	page := b.get(got.location()).page(t)
	next := page.Find("input[name=next]").AttrOr("value", "")
	require.Equal(t, "/clusters/prod%2Feu/nodes?q=x", next)

	got = b.post("/login", url.Values{"name": {testUser}, "password": {"wrong"}, "next": {next}})
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.body, "The user name or password is wrong.")
	require.Equal(t, next, got.page(t).Find("input[name=next]").AttrOr("value", ""))
	require.Equal(t, testUser, got.page(t).Find("input[name=name]").AttrOr("value", ""))
	require.NotContains(t, got.body, `value="wrong"`, "the password is not sent back")

	got = b.post("/login", url.Values{"name": {testUser}, "password": {testPassword}, "next": {next}})
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, next, got.location())
	require.Equal(t, "/", b.get("/login").location(), "already signed in")
	require.Equal(t, http.StatusOK, b.get("/clusters").status)
}

func TestLogin_nextIsOnThisSite(t *testing.T) {
	a := signedIn(t)
	for _, next := range []string{
		"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/%2Fevil.example",
	} {
		form := credentials(testUser, testPassword)
		form.Set("next", next)
		require.Equal(t, "/", a.another().post("/login", form).location(), next)
	}
}

func TestLogin_renewsTheToken(t *testing.T) {
	a := signedIn(t)
	before := sessionToken(t, a.browser)
	got := a.post("/login", credentials(testUser, testPassword))
	require.Equal(t, http.StatusSeeOther, got.status)
	after := sessionToken(t, a.browser)
	require.NotEqual(t, before, after)

	old := a.another()
	require.True(t, leadsToSignIn(old.get("/clusters", "Cookie", "knm="+before)), "the old token is void")
	require.Equal(t, http.StatusOK, old.get("/clusters", "Cookie", "knm="+after).status)
	require.True(t, leadsToSignIn(old.get("/clusters", "Cookie", "knm=planted")))
}

// sessionToken returns the token of the login session of a browser.
func sessionToken(t *testing.T, b *browser) string {
	t.Helper()
	u, err := url.Parse(b.base)
	require.NoError(t, err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "knm" {
			return c.Value
		}
	}
	require.Fail(t, "there is no login session")
	return ""
}

func TestLogin_tokenIsStoredAsHash(t *testing.T) {
	a := signedIn(t)
	var n int
	a.admin(t, func(ad *Admin) {
		require.NoError(t, ad.store.Writer().QueryRowContext(t.Context(),
			"SELECT count(*) FROM sessions WHERE token = $1", sessionToken(t, a.browser)).Scan(&n))
	})
	require.Zero(t, n)
}

func TestLogin_cookie(t *testing.T) {
	a := signedIn(t)
	got := a.another().post("/login", credentials(testUser, testPassword))
	require.Regexp(t, `^knm=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`, got.header.Get("Set-Cookie"))

	secure := startApp(t, func(o *Options) { o.PublicURL = "https://nodes.example.com" })
	got = secure.post("/setup", secure.setupForm())
	require.Regexp(t, `^__Host-knm=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`, got.header.Get("Set-Cookie"))
}

func TestLogin_backOff(t *testing.T) {
	a := signedIn(t)
	b := a.another()
	// The tests of package account check the number of tries and the waits, with a clock.
	got := b.untilThrottled(credentials(testUser, "wrong"))
	require.Equal(t, http.StatusTooManyRequests, got.status)
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, seconds)
	require.Equal(t, 1, got.page(t).Find(`form[action="/login"]`).Length(), "the form is kept")
	require.Equal(t, http.StatusOK, a.get("/clusters").status, "a signed-in user stays signed in")
}

func TestLogin_limitedPerClient(t *testing.T) {
	a := signedIn(t)
	b := a.another()
	var got answer
	for i := range 3 * loginsPerClient {
		// Each name is tried once, because unknown names must wait too.
		got = b.post("/login", credentials(strconv.Itoa(i), "wrong"), "Accept", "application/json")
		if got.status != http.StatusUnauthorized {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.Equal(t, "60", got.header.Get("Retry-After"))
	require.Contains(t, got.body, `"throttled"`)
	require.Contains(t, a.get("/metrics").body, `login_total{result="limited"} 1`)
	page := b.untilThrottled(credentials("nobody", testPassword))
	require.Equal(t, http.StatusTooManyRequests, page.status)
	require.Equal(t, 1, page.page(t).Find("h1").Length())
}

// untilThrottled tries to sign in until a limit refuses it. The number of tries varies: on
// a slow machine, the period of the limit or a wait may end meanwhile.
func (b *browser) untilThrottled(form url.Values, headers ...string) answer {
	b.t.Helper()
	for range 3 * loginsPerClient {
		got := b.post("/login", form, headers...)
		if got.status != http.StatusUnauthorized && got.status != http.StatusUnprocessableEntity {
			return got
		}
	}
	require.Fail(b.t, "no try was refused")
	return answer{}
}

func TestLogout(t *testing.T) {
	a := signedIn(t)
	token := sessionToken(t, a.browser)
	got := a.post("/logout", nil)
	require.Equal(t, "/login", got.location())
	require.True(t, leadsToSignIn(a.get("/clusters")))
	require.True(t, leadsToSignIn(a.another().get("/clusters", "Cookie", "knm="+token)), "the server has ended it")
	require.Equal(t, "/login", a.post("/logout", nil).location(), "a second sign-out does nothing")
	require.Equal(t, http.StatusMethodNotAllowed, a.get("/logout").status)
}

// testClock is a clock that a test sets forward.
type testClock struct{ offset atomic.Int64 }

func (c *testClock) now() time.Time      { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *testClock) add(d time.Duration) { c.offset.Add(int64(d)) }
func (c *testClock) option(o *Options)   { o.now = c.now }

func isSignedIn(b *browser) bool { return b.get("/clusters").status == http.StatusOK }

func TestSession_idle(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	for range 5 {
		c.add(20 * time.Minute)
		require.True(t, isSignedIn(a.browser), "each request restarts the idle time")
	}
	c.add(31 * time.Minute)
	require.False(t, isSignedIn(a.browser))
	c.add(-31 * time.Minute)
	require.False(t, isSignedIn(a.browser), "a session that has ended does not come back")
}

func TestSession_shortIdle(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option, func(o *Options) { o.SessionIdle = 20 * time.Second })
	for range 5 {
		c.add(15 * time.Second)
		require.True(t, isSignedIn(a.browser))
	}
	c.add(25 * time.Second)
	require.False(t, isSignedIn(a.browser))
}

func TestSession_streamsDoNotKeepItAlive(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	c.add(20 * time.Minute)
	require.Equal(t, http.StatusUnprocessableEntity, a.get("/events").status, "a stream of nothing")
	c.add(20 * time.Minute)
	require.False(t, isSignedIn(a.browser))
}

func TestSession_lifetime(t *testing.T) {
	a := signedIn(t, func(o *Options) { o.SessionLifetime = time.Millisecond })
	require.Eventually(t, func() bool { return !isSignedIn(a.browser) }, eventually, tick)
}

func TestSession_readsDoNotWrite(t *testing.T) {
	a := signedIn(t)
	for range 20 {
		require.Empty(t, a.get("/clusters").header.Get("Set-Cookie"))
	}
}

func TestSession_endsWithThePassword(t *testing.T) {
	a := signedIn(t)
	a.admin(t, func(ad *Admin) { changePassword(t, ad) })
	require.False(t, isSignedIn(a.browser))
	require.Equal(t, http.StatusUnauthorized, a.post("/login", credentials(testUser, testPassword)).status)
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials(testUser, "another password")).status)
	require.True(t, isSignedIn(a.browser))
}

func TestSession_endsWithTheUser(t *testing.T) {
	a := signedIn(t)
	a.addUser(t, "bob", "user")
	b := a.another()
	require.Equal(t, http.StatusSeeOther, b.post("/login", credentials("bob", testPassword)).status)
	require.True(t, isSignedIn(b))
	a.admin(t, func(ad *Admin) {
		_, err := ad.DisableUser(t.Context(), "bob")
		require.NoError(t, err)
	})
	require.False(t, isSignedIn(b))
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("bob", testPassword)).status)
	a.admin(t, func(ad *Admin) {
		_, err := ad.EnableUser(t.Context(), "bob")
		require.NoError(t, err)
	})
	require.False(t, isSignedIn(b), "a session that has ended does not come back")
	require.Equal(t, http.StatusSeeOther, b.post("/login", credentials("bob", testPassword)).status)
}

// The session and token of a deleted user are void, even if there is a new user with the
// same name.
func TestSession_endsWithTheDeletedUser(t *testing.T) {
	a := signedIn(t)
	token := a.addUser(t, "bob", "user")
	b := a.another()
	require.Equal(t, http.StatusSeeOther, b.post("/login", credentials("bob", testPassword)).status)
	a.admin(t, func(ad *Admin) {
		_, err := ad.DeleteUser(t.Context(), "bob")
		require.NoError(t, err)
		var sessions int
		row := ad.store.Writer().QueryRowContext(t.Context(), "SELECT count(*) FROM sessions")
		require.NoError(t, row.Scan(&sessions))
		require.Equal(t, 1, sessions, "the administrator's")
	})
	require.Equal(t, http.StatusUnauthorized, b.post("/login", credentials("bob", testPassword)).status)
	a.addUser(t, "bob", "admin")
	require.False(t, isSignedIn(b))
	require.Equal(t, http.StatusUnauthorized, a.another().get("/clusters", "Authorization", "Bearer "+token).status)
	require.True(t, isSignedIn(a.browser))
}

func TestRole_changesWithTheNextRequest(t *testing.T) {
	a := signedIn(t)
	token := a.addUser(t, "bob", "user")
	headers := []string{"Authorization", "Bearer " + token, "Accept", "application/json"}
	form := url.Values{"operation": {"cordon"}, "node": {"n1"}}
	got := a.another().post("/clusters/prod%2Feu/batches/preview", form, headers...)
	require.NotEqual(t, http.StatusForbidden, got.status)
	a.admin(t, func(ad *Admin) {
		_, err := ad.SetRole(t.Context(), "bob", "viewer")
		require.NoError(t, err)
	})
	got = a.another().post("/clusters/prod%2Feu/batches/preview", form, headers...)
	require.Equal(t, http.StatusForbidden, got.status)
}

func changePassword(t *testing.T, ad *Admin) {
	t.Helper()
	_, err := ad.SetPassword(t.Context(), testUser, "another password")
	require.NoError(t, err)
}

func TestBearer(t *testing.T) {
	a := signedIn(t)
	token := a.addUser(t, "robot", "viewer")
	b := a.another()
	got := b.get("/clusters", "Authorization", "Bearer "+token, "Accept", "application/json")
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, `"prod/eu"`)
	require.Empty(t, got.header.Get("Set-Cookie"))
	require.Equal(t, http.StatusOK, b.get("/clusters", "Authorization", "bearer "+token).status)

	for _, header := range []string{
		"Bearer", "Bearer ", "Bearer knm_WRONG", "Bearer " + token + "x", "Bearer " + strings.ToLower(token),
	} {
		got := b.get("/clusters", "Authorization", header, "Accept", "application/json")
		require.Equal(t, http.StatusUnauthorized, got.status, header)
		require.Equal(t, "Bearer", got.header.Get("WWW-Authenticate"))
		require.Contains(t, got.body, `"unauthenticated"`)
	}
	got = a.get("/clusters", "Authorization", "Bearer knm_WRONG")
	require.Equal(t, http.StatusUnauthorized, got.status, "a wrong token is an error even with a session")
	got = a.get("/clusters", "Authorization", "Basic eDp5")
	require.Equal(t, http.StatusOK, got.status, "other schemes are ignored")
}

func TestRoles_viewerCannotChangeAnything(t *testing.T) {
	a := signedIn(t)
	token := a.addUser(t, "eye", "viewer")
	form := url.Values{"operation": {"cordon"}, "node": {"n1"}, "reason": {"test"}}
	headers := []string{"Authorization", "Bearer " + token, "Accept", "application/json"}
	for _, path := range []string{"/clusters/prod%2Feu/batches", "/batches/none/cancel", "/batches/none/resume"} {
		got := a.another().post(path, form, headers...)
		require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, got.status, path+got.body)
	}
	got := a.another().post("/clusters/prod%2Feu/batches", form, headers...)
	require.Equal(t, http.StatusForbidden, got.status, got.body)
	require.Contains(t, got.body, "viewer, does not include")
}
