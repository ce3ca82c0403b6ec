package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/account"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

// sessionTest is the login sessions without the rest of the program.
type sessionTest struct {
	*sessions
	t       *testing.T
	store   *store.Store
	clock   testClock
	handler http.Handler
	waits   chan struct{} // gets a value when a request to /slow has read its login session
	slow    chan struct{} // the request waits for a value before it goes on
}

// someUser is a userReader with one user.
type someUser struct{}

func (someUser) ByID(context.Context, int64) (account.User, error) {
	return account.User{ID: 1, Name: testUser, Role: services.RoleUser, Epoch: 1}, nil
}

func newSessionTest(t *testing.T) *sessionTest {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := storetest.Open(t, t.Context(), t.TempDir(), log)
	require.NoError(t, err)
	x := &sessionTest{t: t, store: st, slow: make(chan struct{}), waits: make(chan struct{})}
	o := testOptions(t)
	x.clock.option(&o)
	fail := func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) }
	x.sessions = newSessions(t.Context(), st, &o, log, fail)
	t.Cleanup(func() {
		require.NoError(t, x.stop(t.Context()))
		require.NoError(t, st.Close(context.WithoutCancel(t.Context())))
	})
	x.handler = x.manager.LoadAndSave(http.HandlerFunc(x.answer))
	return x
}

// answer does with the login session of the request what its path says.
func (x *sessionTest) answer(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.URL.Path {
	case "/in":
		err = x.SignIn(r.Context(), account.User{ID: 1, Epoch: 1})
	case "/out":
		err = x.SignOut(r.Context())
	case "/slow", "/slow/in":
		x.waits <- struct{}{}
		<-x.slow
		if r.URL.Path == "/slow/in" {
			x.manager.Put(r.Context(), "more", "data")
		}
		_, err = x.user(r.Context(), someUser{}, true)
	default:
		var u account.User
		u, err = x.user(r.Context(), someUser{}, true)
		if err == nil && u.ID == 0 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	if err != nil {
		x.t.Error(err)
	}
}

// ask sends a request with a token. It returns the response, and the token that the browser
// has after it.
func (x *sessionTest) ask(path, token string) (*http.Response, string) {
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(x.t.Context(), http.MethodGet, path, nil)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: "knm", Value: token})
	}
	x.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		token = c.Value
	}
	return w.Result(), token
}

// valid reports whether the token is that of a login session.
func (x *sessionTest) valid(token string) bool {
	res, _ := x.ask("/", token)
	return res.StatusCode == http.StatusOK
}

func (x *sessionTest) rows() (n int) {
	require.NoError(x.t, x.store.Writer().QueryRowContext(x.t.Context(), `SELECT count(*) FROM sessions`).Scan(&n))
	return n
}

// A request that has read the login session before it was ended, and ends after that, does
// not bring it back: neither by updating the time of the last request nor by storing
// other data, and neither after a sign-out nor after a new sign-in.
func TestSession_endsDuringARequest(t *testing.T) {
	for _, slow := range []string{"/slow", "/slow/in"} {
		for _, end := range []string{"/out", "/in"} {
			t.Run(slow+end, func(t *testing.T) {
				x := newSessionTest(t)
				_, token := x.ask("/in", "")
				require.True(t, x.valid(token))
				x.clock.add(10 * time.Minute) // so that the slow request has something to store
				done := make(chan struct{})
				go func() {
					defer close(done)
					x.ask(slow, token)
				}()
				<-x.waits
				_, after := x.ask(end, token)
				x.slow <- struct{}{}
				<-done
				require.False(t, x.valid(token), "the old token is void")
				require.Equal(t, end == "/in", x.valid(after))
				require.Equal(t, map[string]int{"/out": 0, "/in": 1}[end], x.rows())
			})
		}
	}
}

// A request that updates the time of the last request sets no cookie. If its response
// arrived after that of a new sign-in, it would replace the new cookie.
func TestSession_touchSetsNoCookie(t *testing.T) {
	x := newSessionTest(t)
	_, token := x.ask("/in", "")
	for range 5 {
		x.clock.add(20 * time.Minute)
		res, _ := x.ask("/", token)
		require.Equal(t, http.StatusOK, res.StatusCode, "each request restarts the idle time")
		require.Empty(t, res.Header.Get("Set-Cookie"))
	}
}

func TestSession_unknownTokensInsertNoRow(t *testing.T) {
	x := newSessionTest(t)
	for _, token := range []string{"planted", strings.Repeat("x", 10_000), "'; DROP TABLE sessions; --", "\x00"} {
		require.False(t, x.valid(token))
		x.ask("/out", token)
	}
	require.Zero(t, x.rows())
}

func TestSession_expiredRowsAreDeleted(t *testing.T) {
	x := newSessionTest(t)
	_, token := x.ask("/in", "")
	_, err := x.store.Writer().ExecContext(t.Context(), `UPDATE sessions SET expiry = 0`)
	require.NoError(t, err)
	require.False(t, x.valid(token))
	require.Equal(t, 1, x.rows())
	require.NoError(t, x.store.DeleteExpiredSessions(t.Context()))
	require.Zero(t, x.rows())
}

// Who has signed in can read on when the database cannot be written, and the session lasts
// as soon as it can be again.
func TestSession_databaseCannotBeWritten(t *testing.T) {
	x := newSessionTest(t)
	_, token := x.ask("/in", "")
	forbid := func(on int) {
		_, err := x.store.Writer().ExecContext(t.Context(), fmt.Sprintf("PRAGMA query_only = %d", on))
		require.NoError(t, err)
	}
	forbid(1)
	x.clock.add(20 * time.Minute)
	require.True(t, x.valid(token))
	require.True(t, x.valid(token))
	forbid(0)
	x.clock.add(5 * time.Minute)
	require.True(t, x.valid(token))
	x.clock.add(20 * time.Minute)
	require.True(t, x.valid(token), "the time of the last request was stored")
}

// Requests that a page sends by itself do not restart the idle time. Those that change
// something always do.
func TestSession_backgroundRequests(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	background := []func(){
		func() { a.get("/clusters", "X-Background", "1", "HX-Request", "true") },
		func() { a.get("/batches/x?background=1") },
		func() { a.do(http.MethodHead, "/clusters?background=1", nil) },
	}
	for _, load := range background {
		require.Equal(t, http.StatusSeeOther, a.post("/login", credentials(testUser, testPassword)).status)
		for range 3 {
			c.add(11 * time.Minute)
			load()
		}
		require.False(t, isSignedIn(a.browser))
	}
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials(testUser, testPassword)).status)
	for range 3 {
		c.add(20 * time.Minute)
		a.post("/batches/x/cancel?background=1", nil, "X-Background", "1")
	}
	require.True(t, isSignedIn(a.browser))
}

// If the session has ended when a form is submitted, the sign-in page says so and that
// nothing was changed, and leads back to the page. This needs no JavaScript.
func TestSession_endsBeforeASubmit(t *testing.T) {
	var c testClock
	a := signedIn(t, c.option)
	c.add(time.Hour)
	const from = "/clusters/prod%2Feu/nodes?q=web"
	cordon := url.Values{"operation": {"cordon"}, "node": {"n"}}
	got := a.post("/clusters/prod%2Feu/batches", cordon, "Referer", a.base+from)
	require.Equal(t, http.StatusSeeOther, got.status)
	require.Equal(t, "/login?ended=refused&next="+url.QueryEscape(from), got.location())

	page := a.get(got.location()).page(t)
	require.Equal(t, "Your session has ended.", page.Find(".note b").Text())
	require.Contains(t, page.Find(".note").Text(), "nothing was changed")
	noticed := a.another().get("/login?ended=noticed").page(t).Find(".note").Text()
	require.Contains(t, noticed, "Your session has ended.")
	require.NotContains(t, noticed, "nothing was changed", "earlier requests may have changed something")
	for _, odd := range []string{"", "1", "<script>", strings.Repeat("x", 5000)} {
		require.Zero(t, a.another().get("/login?ended="+url.QueryEscape(odd)).page(t).Find(".note").Length())
	}
	chinese := a.another().get(got.location(), "Accept-Language", "zh-CN").page(t)
	require.Equal(t, "您的会话已结束。", chinese.Find(".note b").Text())

	form := credentials(testUser, "wrong")
	page.Find("form.card input[type=hidden]").Each(func(_ int, s *goquery.Selection) {
		form.Set(s.AttrOr("name", ""), s.AttrOr("value", ""))
	})
	again := a.post("/login", form).page(t)
	require.Equal(t, "Your session has ended.", again.Find(".note:not(.bad) b").Text(),
		"it still says so after a wrong password")
	form.Set("password", testPassword)
	require.Equal(t, from, a.post("/login", form).location())
	page = a.another().get("/login").page(t)
	require.Zero(t, page.Find(".note").Length(), "without an earlier session, there is no such note")
}

// openStream opens an event stream of the test's cluster. The channel is closed when the
// stream ends.
func (b *browser) openStream(headers ...string) (ended chan struct{}) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+"/events?cluster=prod%2Feu", nil)
	require.NoError(b.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.client.Do(req)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, res.StatusCode)
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 1024)
		for {
			if _, err := res.Body.Read(buffer); err != nil {
				_ = res.Body.Close()
				return
			}
		}
	}()
	b.t.Cleanup(func() {
		_ = res.Body.Close()
		<-ended
	})
	return ended
}

// recheck makes every stream check its login, like its next heartbeat does. It ends a login
// session, which has that effect.
func (a *testApp) recheck(t *testing.T) {
	t.Helper()
	b := a.another()
	require.Equal(t, http.StatusSeeOther, b.post("/login", credentials(testUser, testPassword)).status)
	require.Equal(t, http.StatusSeeOther, b.post("/logout", nil).status)
}

// soon is much shorter than a heartbeat.
const soon = heartbeat / 3

func requireEnds(t *testing.T, ended chan struct{}, within time.Duration, what string) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(within):
		require.Fail(t, "the stream is still open", what)
	}
}

func requireOpen(t *testing.T, ended chan struct{}) {
	t.Helper()
	select {
	case <-ended:
		require.Fail(t, "the stream has ended")
	default:
	}
}

func TestStream_endsWithTheSignOut(t *testing.T) {
	a := signedIn(t)
	other := a.another()
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword)).status)
	mine, second, others := a.openStream(), a.openStream(), other.openStream()
	require.Equal(t, "/login", a.post("/logout", nil).location())
	requireEnds(t, mine, soon, "signed out")
	requireEnds(t, second, soon, "signed out in another tab")
	requireOpen(t, others) // the same person in another browser
	require.Equal(t, http.StatusSeeOther, other.post("/login", credentials(testUser, testPassword)).status)
	requireEnds(t, others, soon, "a new login session")
}

func TestStream_endsWithItsLogin(t *testing.T) {
	tests := map[string]func(t *testing.T, ad *Admin){
		"password": func(t *testing.T, ad *Admin) {
			_, err := ad.SetPassword(t.Context(), "bob", "another password")
			require.NoError(t, err)
		},
		"disabled": func(t *testing.T, ad *Admin) {
			_, err := ad.store.Writer().ExecContext(t.Context(), "UPDATE users SET disabled = TRUE WHERE name = 'bob'")
			require.NoError(t, err)
		},
		"deleted": func(t *testing.T, ad *Admin) {
			_, err := ad.store.Writer().ExecContext(t.Context(), "DELETE FROM users WHERE name = 'bob'")
			require.NoError(t, err)
		},
		"role": func(t *testing.T, ad *Admin) {
			_, err := ad.store.Writer().ExecContext(t.Context(), "UPDATE users SET role = 'viewer' WHERE name = 'bob'")
			require.NoError(t, err)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := signedIn(t)
			a.addUser(t, "bob", "user")
			b := a.another()
			require.Equal(t, http.StatusSeeOther, b.post("/login", credentials("bob", testPassword)).status)
			mine, bobs := a.openStream(), b.openStream()
			a.admin(t, func(ad *Admin) { change(t, ad) })
			a.recheck(t)
			requireEnds(t, bobs, soon, name)
			requireOpen(t, mine)
		})
	}
}

func TestStream_endsWithItsToken(t *testing.T) {
	a := signedIn(t)
	token := a.addUser(t, "robot", "viewer")
	stream := a.another().openStream("Authorization", "Bearer "+token)
	a.recheck(t)
	requireOpen(t, stream)
	a.admin(t, func(ad *Admin) {
		_, err := ad.store.Writer().ExecContext(t.Context(), "DELETE FROM tokens")
		require.NoError(t, err)
	})
	a.recheck(t)
	requireEnds(t, stream, soon, "revoked")
}
