package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/account"
)

// terminal is a program that wants a token.
type terminal struct{ verifier, redirect, state string }

var plugin = terminal{
	verifier: strings.Repeat("secret-", 7), redirect: "http://127.0.0.1:4711/callback", state: "a&b",
}

// request returns its request, with some other values.
func (p terminal) request(change ...string) url.Values {
	sum := sha256.Sum256([]byte(p.verifier))
	v := url.Values{
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
		"redirect_uri": {p.redirect}, "state": {p.state}, "host": {"laptop<&>"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

// ask returns the page of a request.
func (p terminal) ask(b *browser, change ...string) answer {
	b.t.Helper()
	return b.get("/authorize?" + p.request(change...).Encode())
}

// decide sends the form of the page as it is, with some other values.
func (p terminal) decide(b *browser, page answer, change ...string) answer {
	b.t.Helper()
	require.Equal(b.t, http.StatusOK, page.status, page.body)
	form := url.Values{}
	for _, field := range page.page(b.t).Find("form.terminal input:not([type=checkbox])").EachIter() {
		form.Set(field.AttrOr("name", ""), field.AttrOr("value", ""))
	}
	form.Set("expires", page.page(b.t).Find("select[name=expires] option[selected]").AttrOr("value", ""))
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return b.post("/authorize", form)
}

// allow returns the values with which the browser comes back.
func (p terminal) allow(b *browser, page answer, change ...string) url.Values {
	b.t.Helper()
	got := p.decide(b, page, append([]string{"decision", "allow"}, change...)...)
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	address, found := strings.CutPrefix(got.header.Get("Refresh"), "0; url="+p.redirect+"?")
	require.True(b.t, found, got.header)
	values, err := url.ParseQuery(address)
	require.NoError(b.t, err)
	require.Equal(b.t, p.state, values.Get("state"))
	require.Equal(b.t, p.redirect+"?"+address, got.page(b.t).Find("a.btn.primary").AttrOr("href", ""))
	return values
}

// redeem asks for the token of a code.
func redeem(b *browser, code, verifier string) answer {
	b.t.Helper()
	form := url.Values{"code": {code}, "code_verifier": {verifier}}
	return b.post("/authorize/token", form, "Accept", "application/json")
}

type redeemed struct {
	Token, User, Label string
	ExpiresAt          time.Time
}

func (p terminal) token(b *browser, code string) redeemed {
	b.t.Helper()
	got := redeem(b, code, p.verifier)
	require.Equal(b.t, http.StatusCreated, got.status, got.body)
	var made redeemed
	require.NoError(b.t, json.Unmarshal([]byte(got.body), &made))
	return made
}

// From a browser that is not signed in to a token that works, is listed, and ends itself.
func TestAuthorize(t *testing.T) {
	a := signedIn(t)
	require.Equal(t, http.StatusCreated, a.post("/profile/tokens", url.Values{"label": {"script"}}).status)
	b := a.another()
	got := plugin.ask(b)
	require.True(t, leadsToSignIn(got))
	back, err := url.Parse(got.location())
	require.NoError(t, err)
	form := credentials(testUser, testPassword)
	form.Set("next", back.Query().Get("next"))
	page := b.get(b.post("/login", form).location())
	require.Equal(t, "Let kubectl on laptop<&> act as you?", page.page(t).Find("h1").Text())
	require.Contains(t, page.page(t).Find(".terminal p").Text(), testUser)
	require.Equal(t, "30", page.page(t).Find("select[name=expires] option[selected]").AttrOr("value", ""))
	require.Equal(t, 0, page.page(t).Find("select[name=expires] option[value=never]").Length(), "it expires")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")

	returned := plugin.allow(b, page, "label", "my laptop", "expires", "7", "read_only", "1")
	require.Empty(t, returned.Get("error"))
	own := a.another() // the terminal has no cookies
	made := plugin.token(own, returned.Get("code"))
	require.Equal(t, testUser, made.User)
	require.Equal(t, "my laptop", made.Label)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 7), made.ExpiresAt, time.Hour)
	bearer := []string{"Authorization", "Bearer " + made.Token, "Accept", "application/json"}
	require.Equal(t, http.StatusOK, own.get("/clusters", bearer...).status)
	require.Equal(t, http.StatusForbidden, own.get("/users", bearer...).status, "read only")
	require.Contains(t, a.get("/profile").page(t).Find("#tokens li").Text(), "my laptop")
	entry := a.audit("?action=token.create").Items[0]
	require.Equal(t, testUser, entry.Actor)
	require.Equal(t, "my laptop", entry.Object)
	require.NotEmpty(t, entry.After["expires"])

	done := b.get("/authorize/done")
	require.Equal(t, "kubectl is signed in", done.page(t).Find("h1").Text())
	require.Equal(t, http.StatusForbidden, own.post("/profile/tokens/1/revoke", nil, bearer...).status, "another one")
	require.Equal(t, http.StatusOK, own.post("/profile/tokens/this/revoke", nil, bearer...).status)
	require.Equal(t, http.StatusUnauthorized, own.get("/clusters", bearer...).status)
	require.Equal(t, "my laptop", a.audit("?action=token.revoke").Items[0].Object)
	require.Equal(t, http.StatusNotFound, a.post("/profile/tokens/this/revoke", nil).status, "a session is no token")
}

// A code goes to programs on the same machine only, and only for a request that is whole.
func TestAuthorize_refusals(t *testing.T) {
	a := signedIn(t)
	for _, address := range []string{
		"https://evil.example", "http://evil.example:80/", "http://127.0.0.1.evil.example:80/", "http://localhost:4711/",
		"http://127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:4711@evil.example/",
		"http://user@127.0.0.1:4711/", "https://127.0.0.1:4711/", "http://127.0.0.1:4711/?x=1", "http://127.0.0.1:4711/#x",
		"//127.0.0.1:4711", "javascript:alert(1)", "http://127.0.0.2:4711/", "http://[::2]:4711/",
		"http://127.0.0.1:4711/\r\nX: y", "http://127.0.0.1:4711/" + strings.Repeat("a", 100), "http://127.1:4711/",
	} {
		got := plugin.ask(a.browser, "redirect_uri", address)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, address)
		require.Contains(t, got.body, "--no-browser", address)
		require.Empty(t, got.header.Get("Refresh"))
		require.Empty(t, got.location())
		got = a.post("/authorize", plugin.request("redirect_uri", address, "decision", "allow", "label", "x"))
		require.Equal(t, http.StatusUnprocessableEntity, got.status, address)
		require.Empty(t, got.header.Get("Refresh"))
	}
	for field, value := range map[string]string{
		"code_challenge": "x", "code_challenge_method": "plain", "state": strings.Repeat("x", 257),
	} {
		require.Equal(t, http.StatusUnprocessableEntity, plugin.ask(a.browser, field, value).status, field)
	}
	page := plugin.ask(a.browser)
	require.Equal(t, http.StatusUnprocessableEntity, plugin.decide(a.browser, page).status, "nothing was decided")
	for field, value := range map[string]string{"label": "", "expires": "never"} {
		got := plugin.decide(a.browser, page, "decision", "allow", field, value)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, field)
		require.Equal(t, 1, got.page(t).Find("#e-"+field).Length(), "the form is shown again")
		require.Equal(t, plugin.redirect, got.page(t).Find("input[name=redirect_uri]").AttrOr("value", ""))
	}
	require.Empty(t, a.audit("?action=token.create").Items)
	ipv6 := plugin
	ipv6.redirect = "http://[::1]:1/"
	ipv6.token(a.another(), ipv6.allow(a.browser, ipv6.ask(a.browser)).Get("code"))
}

// Another site can show a person the request, but neither inside itself nor decide for them.
func TestAuthorize_otherSites(t *testing.T) {
	a := signedIn(t)
	require.Contains(t, plugin.ask(a.browser).header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	form := plugin.request("decision", "allow", "label", "x", "expires", "30")
	got := a.post("/authorize", form, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, got.status)
	require.Empty(t, got.header.Get("Refresh"))
	require.Equal(t, http.StatusForbidden, a.post("/authorize", form, "Origin", "http://127.0.0.1:4711").status)
	got = a.get("/authorize?" + form.Encode())
	require.Equal(t, http.StatusOK, got.status)
	require.Empty(t, got.header.Get("Refresh"), "an address decides nothing")
}

// A code works once, for the program that asked, and not for long.
func TestAuthorize_codes(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	code := func() string {
		t.Helper()
		return plugin.allow(a.browser, plugin.ask(a.browser)).Get("code")
	}
	refused := func(code, verifier, field string) {
		t.Helper()
		got := redeem(a.another(), code, verifier)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, got.body)
		require.Contains(t, got.body, `"`+field+`":`)
	}
	used := code()
	plugin.token(a.another(), used)
	refused(used, plugin.verifier, "code")
	stolen := code()
	refused(stolen, strings.Repeat("another", 7), "code_verifier")
	refused(stolen, plugin.verifier, "code")
	late := code()
	c.add(account.TerminalCodeLife)
	refused(late, plugin.verifier, "code")
	refused("", "", "code")
	require.Len(t, a.audit("?action=token.create").Items, 1)
}

// Guesses are limited for each client.
func TestAuthorize_guesses(t *testing.T) {
	a := signedIn(t)
	b := a.another()
	for range loginsPerClient {
		require.Equal(t, http.StatusUnprocessableEntity, redeem(b, "x", "y").status)
	}
	require.Equal(t, http.StatusTooManyRequests, redeem(b, "x", "y").status)
}

// For a terminal on another machine the page shows a code.
func TestAuthorize_code(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	page := plugin.ask(a.browser, "redirect_uri", "")
	require.Contains(t, page.page(t).Find(".note").Text(), "did not send you this link")
	got := plugin.decide(a.browser, page, "decision", "allow")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Empty(t, got.header.Get("Refresh"))
	code := got.page(t).Find("code.secret").Text()
	require.Regexp(t, regexp.MustCompile(`^[A-Z2-7-]{23}$`), code)
	c.add(2 * account.TerminalCodeLife) // people need time
	made := plugin.token(a.another(), " "+strings.ToLower(strings.ReplaceAll(code, "-", ""))+"\n")
	require.Equal(t, "kubectl on laptop<&>", made.Label)
	got = plugin.decide(a.browser, page, "decision", "deny")
	require.Equal(t, "Not allowed", got.page(t).Find("h1").Text())
}

func TestAuthorize_denied(t *testing.T) {
	a := signedIn(t)
	got := plugin.decide(a.browser, plugin.ask(a.browser), "decision", "deny", "label", "")
	require.Equal(t, "0; url="+plugin.redirect+"?error=access_denied&state=a%26b", got.header.Get("Refresh"))
	require.Empty(t, a.audit("?action=token.create").Items)
	require.Equal(t, "未允许", a.get("/authorize/done?denied=1", "Cookie", "lang=zh-CN").page(t).Find("h1").Text())
}

// What the server asks of a sign-in holds: the second factor, and the way to sign in.
func TestAuthorize_signIns(t *testing.T) {
	a := signedIn(t, func(o *Options) { o.SecondFactor = factorAdmins })
	require.Equal(t, "/profile/factor", plugin.ask(a.browser).location(), "the factor comes first")

	p := startIDP(t, map[string][]string{"grace": {"dev"}, "root": {"platform"}})
	a = startApp(t, p.option)
	require.Equal(t, "/", p.signIn(a.another(), "root", "").location())
	next := "/authorize?" + plugin.request().Encode()
	got := p.signIn(a.browser, "grace", next)
	require.Equal(t, next, got.location(), "back from the provider")
	made := plugin.token(a.another(), plugin.allow(a.browser, a.get(got.location())).Get("code"))
	require.Equal(t, "grace", made.User)
}

// Below a path the page, its form and the way back work too.
func TestAuthorize_below(t *testing.T) {
	a := signedIn(t, below(testBase))
	got := a.get(testBase+"/authorize?"+plugin.request().Encode(), "Cookie", a.loginCookie())
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, testBase+"/authorize", got.page(t).Find("form.terminal").AttrOr("action", ""))
	form := plugin.request("decision", "allow", "label", "x", "expires", "1")
	got = a.post(testBase+"/authorize", form, "Cookie", a.loginCookie(), "Origin", "https://ops.example")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Contains(t, got.header.Get("Refresh"), "url="+plugin.redirect+"?code=")
	require.Contains(t, got.page(t).Find("a.btn.primary").AttrOr("href", ""), plugin.redirect+"?code=")
}
