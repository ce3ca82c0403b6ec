package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
)

// code returns what the app of a secret shows, late or early by some codes: the same code
// does not work twice.
func code(t *testing.T, secret string, later int) url.Values {
	t.Helper()
	shown, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(later)*30*time.Second))
	require.NoError(t, err)
	return url.Values{"code": {shown}}
}

// addFactor sets up a second factor in the browser, with the code before the present one.
func (b *browser) addFactor(t *testing.T) (secret string, codes []string) {
	t.Helper()
	got := b.post("/profile/factor", url.Values{"current": {testPassword}})
	require.Equal(t, "/profile/factor", got.location(), got.body)
	page := b.get("/profile/factor").page(t)
	secret = strings.ReplaceAll(page.Find(".secret").Text(), " ", "")
	require.Len(t, secret, 32)
	got = b.post("/profile/factor/add", code(t, secret, -1))
	require.Equal(t, http.StatusOK, got.status, got.body)
	for _, line := range got.page(t).Find(".codes code").EachIter() {
		codes = append(codes, line.Text())
	}
	require.Len(t, codes, 10)
	return secret, codes
}

func TestFactor_page(t *testing.T) {
	a := signedIn(t)
	other := a.another()
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword)).status)
	got := a.post("/profile/factor", url.Values{"current": {"wrong"}})
	require.Contains(t, got.page(t).Find("#e-current").Text(), "not your present password")
	got = a.post("/profile/factor/add", url.Values{"code": {"123456"}})
	require.Equal(t, http.StatusConflict, got.status, "without a secret")
	secret, codes := a.addFactor(t)
	require.NotContains(t, a.get("/profile/factor").body, codes[0], "they are shown once")
	require.NotContains(t, a.get("/profile/factor").body, secret)
	require.True(t, isSignedIn(a.browser), "the session that added it goes on")
	require.False(t, isSignedIn(other))
	require.Contains(t, a.get("/users").body, "second factor")

	got = a.post("/profile/factor/codes", url.Values{"code": {"nonsense"}})
	require.Contains(t, got.page(t).Find("#e-code").Text(), "wrong, has expired")
	got = a.post("/profile/factor/codes", url.Values{"code": {codes[0]}})
	require.Equal(t, 10, got.page(t).Find(".codes code").Length())
	got = a.post("/profile/factor/remove", url.Values{"code": {codes[1]}})
	require.Equal(t, http.StatusUnprocessableEntity, got.status, "it was replaced")
	got = a.post("/profile/factor/remove", code(t, secret, 0))
	require.Equal(t, "/profile/factor", got.location(), got.body)
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, "/", a.another().post("/login", credentials(testUser, testPassword)).location())
}

func TestFactor_signIn(t *testing.T) {
	a := signedIn(t)
	secret, codes := a.addFactor(t)
	b := a.another()
	require.Equal(t, "/login", b.get("/login/code").location(), "before the password")
	form := credentials(testUser, testPassword)
	form.Set("next", "/clusters")
	got := b.post("/login", form)
	require.Equal(t, "/login/code", got.location())
	require.False(t, isSignedIn(b))
	require.Contains(t, b.get("/login/code").page(t).Find("form").Text(), testUser)
	got = b.post("/login/code", url.Values{"code": {"000000"}})
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.page(t).Find(".note.bad").Text(), "wrong, has expired")
	require.False(t, isSignedIn(b))
	got = b.post("/login/code", code(t, secret, 0))
	require.Equal(t, "/clusters", got.location())
	require.True(t, isSignedIn(b))
	require.Equal(t, "/login", b.get("/login/code").location(), "the half is used up")

	c := a.another()
	require.Equal(t, "/login/code", c.post("/login", credentials(testUser, testPassword)).location())
	require.Equal(t, "/", c.post("/login/code", url.Values{"code": {codes[7]}}).location())
	entries := a.audit("?q=recovery")
	require.Len(t, entries.Items, 1)
	require.Contains(t, a.get("/metrics").body, `login_total{result="halfway"} 2`)
}

// Half a sign-in does not wait for ever, and ends when the account changes.
func TestFactor_halfwayEnds(t *testing.T) {
	var clock testClock
	a := signedIn(t, clock.option)
	_, codes := a.addFactor(t)
	b := a.another()
	password := func() {
		require.Equal(t, "/login/code", b.post("/login", credentials(testUser, testPassword)).location())
	}
	refused := func() {
		got := b.post("/login/code", url.Values{"code": {codes[0]}})
		require.Equal(t, http.StatusConflict, got.status)
		require.Contains(t, got.page(t).Find(".note.bad").Text(), "Sign in again with your password")
		require.Equal(t, 1, got.page(t).Find("#f-password").Length())
		require.False(t, isSignedIn(b))
	}
	password()
	require.Equal(t, http.StatusSeeOther, a.post("/profile/signout", nil).status)
	refused()
	password()
	clock.add(6 * time.Minute)
	refused()
	password()
	require.Equal(t, "/", b.post("/login/code", url.Values{"code": {codes[0]}}).location())
}

func TestFactor_due(t *testing.T) {
	a := signedIn(t, func(o *Options) { o.SecondFactor = factorAdmins })
	token := a.addUser(t, "grace", "user")
	for _, path := range []string{"/", "/clusters", "/profile", "/users", "/events?cluster=x"} {
		require.Equal(t, "/profile/factor", a.get(path).location(), path)
	}
	got := a.get("/clusters", "Accept", asJSON)
	require.Equal(t, http.StatusForbidden, got.status)
	require.Contains(t, got.body, "needs a second factor")
	require.Equal(t, "/profile/factor", a.post("/profile/tokens", url.Values{"label": {"x"}}).location())
	page := a.get("/profile/factor").page(t)
	require.Zero(t, page.Find("nav").Length(), "nothing of the program is shown")
	require.Equal(t, 1, page.Find(`form[action="/logout"]`).Length())
	a.addFactor(t)
	require.Equal(t, http.StatusOK, a.get("/clusters").status)

	grace := a.another()
	require.Equal(t, http.StatusSeeOther, grace.post("/login", credentials("grace", testPassword)).status)
	require.Equal(t, http.StatusOK, grace.get("/clusters").status, "no administrator")
	require.Equal(t, http.StatusOK, a.another().get("/clusters", "Authorization", "Bearer "+token).status)
}

func TestSecondFactor_due(t *testing.T) {
	admin, user := account.User{Role: services.RoleAdmin}, account.User{Role: services.RoleUser}
	atProvider := account.User{Role: services.RoleAdmin, Provider: true}
	withFactor := account.User{Role: services.RoleAdmin, Factor: true}
	for rule, want := range map[secondFactor][]bool{
		factorOptional: {false, false, false, false}, factorAdmins: {true, false, false, false},
		factorEverybody: {true, true, false, false},
	} {
		var got []bool
		for _, u := range []account.User{admin, user, atProvider, withFactor} {
			got = append(got, rule.due(u))
		}
		require.Equal(t, want, got, rule)
	}
}

func TestFactor_removedByAnAdministrator(t *testing.T) {
	a := signedIn(t)
	a.addUser(t, "grace", "user")
	grace := a.another()
	require.Equal(t, http.StatusSeeOther, grace.post("/login", credentials("grace", testPassword)).status)
	grace.addFactor(t)
	require.Equal(t, "true", field(t, a.get("/users/grace", "Accept", asJSON).body, "secondFactor"))
	require.Equal(t, http.StatusForbidden, grace.post("/users/grace/remove-factor", nil).status)
	require.Equal(t, "/users/grace", a.post("/users/grace/remove-factor", nil).location())
	require.False(t, isSignedIn(grace))
	require.Equal(t, http.StatusSeeOther, grace.post("/login", credentials("grace", testPassword)).status)
	require.True(t, isSignedIn(grace))
	require.Equal(t, http.StatusConflict, a.post("/users/grace/remove-factor", nil).status)
}
