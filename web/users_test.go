package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

const asJSON = "application/json"

func TestUsers_addAndChange(t *testing.T) {
	a := signedIn(t)
	form := url.Values{
		"name": {"grace"}, "password": {"short"}, "role": {"viewer"},
		"grant_about": {testCluster, "", "env=lab"}, "grant_role": {"user", "viewer", "none"},
	}
	got := a.post("/users/new", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	page := got.page(t)
	require.Contains(t, page.Find("#e-password").Text(), "at least 12")
	require.Equal(t, testCluster, page.Find("[name=grant_about]").First().AttrOr("value", ""), "the input is kept")
	require.Equal(t, "user", page.Find("[name=grant_role] [selected]").First().AttrOr("value", ""))

	form.Set("password", testPassword)
	got = a.post("/users/new", form)
	require.Equal(t, "/users/grace", got.location(), got.body)
	require.JSONEq(t, `{"items":[{"label":"env=lab","role":"none"},{"cluster":"prod/eu","role":"user"}]}`,
		`{"items":`+field(t, a.get("/users/grace", "Accept", asJSON).body, "grants")+`}`)

	got = a.post("/users/grace/access", url.Values{"role": {"user"}, "grant": {"prod"}})
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.page(t).Find(".wrong").Text(), "not a grant")
	require.Equal(t, "/users/grace", a.post("/users/grace/access", url.Values{"role": {"none"}}).location())
	require.Equal(t, "[]", field(t, a.get("/users/grace", "Accept", asJSON).body, "grants"), "all of them are replaced")

	got = a.post("/users/"+testUser+"/access", url.Values{"role": {"viewer"}})
	require.Equal(t, http.StatusConflict, got.status)
	require.Contains(t, got.page(t).Find(".note").Text(), "last administrator", "on the page of the user")
	require.Equal(t, 1, a.get("/users?q=grace+none").page(t).Find("#users tbody tr").Length())
	require.Contains(t, a.get("/users?q=nobody").body, "No user matches")
}

// Disabling a user, resetting the password and ending the sessions take effect at once.
func TestUsers_accessEndsAtOnce(t *testing.T) {
	a := signedIn(t)
	a.addUser(t, "grace", "user")
	grace := a.another()
	signIn := func(password string) {
		require.Equal(t, http.StatusSeeOther, grace.post("/login", credentials("grace", password)).status)
		require.True(t, isSignedIn(grace))
	}
	signIn(testPassword)
	for _, verb := range []string{"signout", "disable"} {
		require.Equal(t, "/users/grace", a.post("/users/grace/"+verb, nil).location())
		require.False(t, isSignedIn(grace), verb)
		a.post("/users/grace/enable", nil)
		signIn(testPassword)
	}
	got := a.post("/users/grace/password", url.Values{"password": {"short"}})
	require.Contains(t, got.page(t).Find("#e-password").Text(), "at least 12")
	require.True(t, isSignedIn(grace))
	got = a.post("/users/grace/password", url.Values{"password": {"another long one"}})
	require.Equal(t, "/users/grace", got.location())
	require.False(t, isSignedIn(grace))
	signIn("another long one")

	require.Contains(t, a.get("/users/grace/delete").body, "Delete grace?")
	require.Equal(t, "/users", a.post("/users/grace/delete", nil).location())
	require.False(t, isSignedIn(grace))
	require.Equal(t, http.StatusNotFound, a.get("/users/grace").status)
}

func TestUsers_tokens(t *testing.T) {
	a := signedIn(t)
	a.addUser(t, "grace", "user")
	got := a.post("/users/grace/tokens", url.Values{"label": {""}, "expires": {"30"}, "cluster": {testCluster}})
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Equal(t, 1, got.page(t).Find(`[name=cluster][checked]`).Length(), "the input is kept")
	got = a.post("/users/grace/tokens", url.Values{"label": {"nightly"}, "read_only": {"1"}})
	require.Equal(t, http.StatusCreated, got.status)
	token := got.page(t).Find(".secret").Text()
	require.NotContains(t, a.get("/users/grace").body, token, "it is shown once")
	bearer := []string{"Authorization", "Bearer " + token, "Accept", asJSON}
	require.Equal(t, http.StatusOK, a.another().get("/clusters", bearer...).status)
	got = a.another().post("/profile/tokens", url.Values{"label": {"x"}}, bearer...)
	require.Equal(t, http.StatusForbidden, got.status, "a token makes no tokens: %s", got.body)

	revoke := a.get("/users/grace").page(t).Find(`form[action$="/revoke"]`).Last().AttrOr("action", "")
	require.Equal(t, "/users/grace", a.post(revoke, nil).location())
	require.Equal(t, http.StatusUnauthorized, a.another().get("/clusters", bearer...).status)
}

func TestProfile_password(t *testing.T) {
	a := signedIn(t)
	other := a.another()
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword)).status)
	form := url.Values{"current": {"wrong"}, "password": {"another long one"}, "password2": {"another long one"}}
	require.Contains(t, a.post("/profile/password", form).page(t).Find("#e-current").Text(), "not your present password")
	form.Set("current", testPassword)
	form.Set("password2", "differs")
	require.Contains(t, a.post("/profile/password", form).page(t).Find("#e-password2").Text(), "do not match")
	form.Set("password2", "another long one")
	got := a.post("/profile/password", form)
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, "Your password was changed")
	require.True(t, isSignedIn(a.browser), "the session that changed it goes on")
	require.False(t, isSignedIn(other))
}

func TestProfile_sessions(t *testing.T) {
	a := signedIn(t)
	other := a.another()
	got := other.do(http.MethodPost, "/login", nil)
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword),
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").status)
	page := a.get("/profile").page(t)
	require.Contains(t, page.Text(), "Firefox, Linux")
	require.Contains(t, page.Text(), " · this session")
	ends := page.Find(`form[action$="/end"]`)
	require.Equal(t, 1, ends.Length(), "only of the other session")
	require.Equal(t, http.StatusNotFound, a.post("/profile/sessions/x/end", nil).status)
	require.Equal(t, "/profile", a.post(ends.AttrOr("action", ""), nil).location())
	require.False(t, isSignedIn(other))
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, "/login", a.post("/profile/signout", nil).location())
	require.False(t, isSignedIn(a.browser))
}

// Language and theme follow a user to another browser.
func TestProfile_taste(t *testing.T) {
	a := signedIn(t)
	a.post("/preferences", url.Values{"lang": {"zh-CN"}})
	a.post("/preferences", url.Values{"theme": {"dark"}})
	other := a.another()
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword)).status)
	html := other.get("/clusters").page(t).Find("html")
	require.Equal(t, "zh-CN", html.AttrOr("lang", ""))
	require.Equal(t, "dark", html.AttrOr("data-theme", ""))
	a.post("/preferences", url.Values{"theme": {""}})
	third := a.another()
	require.Equal(t, http.StatusSeeOther, third.post("/login", credentials(testUser, testPassword)).status)
	_, themed := third.get("/clusters").page(t).Find("html").Attr("data-theme")
	require.False(t, themed)
}

// Somebody with a grant sees its cluster and no other, wherever clusters are listed.
func TestGrants_seeOnlyTheirClusters(t *testing.T) {
	a := signedIn(t)
	a.addBatch(t, "a-cordon", "cordon")
	hidden := a.asSession(t, "hidden", "viewer", testCluster+": none")
	here := a.asSession(t, "here", "none", testCluster+": user")
	for path, shows := range map[string]string{
		"/clusters": "prod/eu", "/batches": "a-cordon", "/profile": "prod/eu",
	} {
		require.Contains(t, here(http.MethodGet, path, "").body, shows, path)
		if path != "/profile" { // which says what is hidden
			require.NotContains(t, hidden(http.MethodGet, path, "").body, shows, path)
		}
	}
	got := hidden(http.MethodGet, "/batches?cluster=prod%2Feu", "")
	require.Equal(t, http.StatusForbidden, got.status, "not an empty list")
	require.Contains(t, hidden(http.MethodGet, "/clusters/prod%2Feu/nodes", "").body, "You have no access to the cluster")
}

// field returns a field of a JSON object as it was sent.
func field(t *testing.T, object, name string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &fields), object)
	return string(fields[name])
}
