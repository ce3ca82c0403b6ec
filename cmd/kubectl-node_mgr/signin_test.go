package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// An authority stands in for the server: it has a code for the request of a page, and the
// tokens that it has given.
type authority struct {
	*httptest.Server
	mu      sync.Mutex
	page    url.Values // of the last request
	code    string
	made    int
	revoked []string
	down    bool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	s := &authority{code: "AAAAA-BBBBB"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/authorize/token":
		s.redeem(w, r)
	case r.URL.Path == "/profile/tokens/this/revoke":
		s.revoked = append(s.revoked, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		_, _ = io.WriteString(w, `{}`)
	case r.URL.Path == "/version":
		_, _ = io.WriteString(w, `{}`)
	case r.URL.Path == "/profile":
		_, _ = io.WriteString(w, `{"user":{"name":"ada"}}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *authority) redeem(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	fits := base64.RawURLEncoding.EncodeToString(sum[:]) == s.page.Get("code_challenge")
	if !fits || r.PostFormValue("code") != s.code || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"error":{"code":"invalid","message":"no","fields":{"code":"This code is unknown."}}}`)
		return
	}
	s.made++
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"token": "knm_" + strings.Repeat("x", s.made), "user": "ada", "expiresAt": "2030-01-02T03:04:05Z",
	})
}

// took keeps the request of a page.
func (s *authority) took(t *testing.T, page string) url.Values {
	t.Helper()
	u, err := url.Parse(page)
	require.NoError(t, err)
	require.Equal(t, "/authorize", u.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = u.Query()
	return s.page
}

// A desk is a person with a terminal and a browser.
type desk struct {
	home string
	// in is what the person types, and open what the browser does with a page.
	in   string
	open func(page string) error
	out  bytes.Buffer
	errs bytes.Buffer
	// browser is what the browser still does; it is another process.
	browser sync.WaitGroup
}

func (d *desk) run(t *testing.T, args ...string) int {
	t.Helper()
	d.out.Reset()
	d.errs.Reset()
	defer d.browser.Wait()
	env := map[string]string{"XDG_CONFIG_HOME": d.home}
	return run(t.Context(), args, streams{
		in: strings.NewReader(d.in), out: &d.out, err: &d.errs, asks: true, open: d.open,
		env: func(name string) string { return env[name] }, width: func() int { return 80 },
	})
}

func (d *desk) stored(t *testing.T) store {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.home, "kubectl-node_mgr", "config.json"))
	require.NoError(t, err)
	var s store
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}

// comeBack does what the browser does at the end.
func comeBack(t *testing.T, address string, values url.Values, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"?"+values.Encode(), nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

func TestLogin_inTheBrowser(t *testing.T) {
	s := newAuthority(t)
	d := &desk{home: t.TempDir()}
	d.open = func(page string) error {
		q := s.took(t, page)
		require.Equal(t, "S256", q.Get("code_challenge_method"))
		require.Equal(t, "7", q.Get("expires"))
		require.NotEmpty(t, q.Get("host"))
		require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback$`, q.Get("redirect_uri"))
		d.browser.Go(func() {
			back, right := q.Get("redirect_uri"), url.Values{"state": {q.Get("state")}, "code": {s.code}}
			wrong := url.Values{"state": {"another"}, "code": {"stolen"}}
			require.Equal(t, http.StatusBadRequest, comeBack(t, back, wrong, nil).StatusCode)
			require.Equal(t, http.StatusBadRequest, comeBack(t, back, url.Values{"code": {s.code}}, nil).StatusCode)
			got := comeBack(t, back, right, func(r *http.Request) { r.Host = "evil.example" })
			require.Equal(t, http.StatusBadRequest, got.StatusCode, "a name that leads here")
			got = comeBack(t, back, right, func(r *http.Request) { r.Method = http.MethodPost })
			require.Equal(t, http.StatusBadRequest, got.StatusCode)
			other := strings.TrimSuffix(back, callbackPath) + "/x"
			require.Equal(t, http.StatusNotFound, comeBack(t, other, right, nil).StatusCode)
			got = comeBack(t, back, right, nil)
			require.Equal(t, http.StatusSeeOther, got.StatusCode)
			require.Equal(t, s.URL+"/authorize/done", got.Header.Get("Location"))
		})
		return nil
	}
	require.Equal(t, exitDone, d.run(t, "login", s.URL, "--days", "7", "--cluster", "prod"), d.errs.String())
	require.Contains(t, d.out.String(), "Signed in to "+s.URL+" as ada until 2030-01-0")
	require.NotContains(t, d.out.String()+d.errs.String(), "knm_")
	path := filepath.Join(d.home, "kubectl-node_mgr", "config.json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, "knm_x", d.stored(t).Tokens[s.URL])
	require.Equal(t, "prod", d.stored(t).Cluster)

	require.Equal(t, exitDone, d.run(t, "login", "--days", "7"), d.errs.String())
	require.Equal(t, "knm_xx", d.stored(t).Tokens[s.URL])
	require.Equal(t, []string{"knm_x"}, s.revoked, "the token that the new one replaces")

	require.Equal(t, exitDone, d.run(t, "logout"), d.errs.String())
	require.Equal(t, []string{"knm_x", "knm_xx"}, s.revoked)
	require.Empty(t, d.stored(t).Tokens)
	require.Empty(t, d.stored(t).Expires)
}

func TestLogin_denied(t *testing.T) {
	s := newAuthority(t)
	d := &desk{home: t.TempDir()}
	d.open = func(page string) error {
		q := s.took(t, page)
		d.browser.Go(func() {
			values := url.Values{"state": {q.Get("state")}, "error": {"access_denied"}}
			got := comeBack(t, q.Get("redirect_uri"), values, nil)
			require.Equal(t, s.URL+"/authorize/done?denied=1", got.Header.Get("Location"))
		})
		return nil
	}
	require.Equal(t, exitRefused, d.run(t, "login", s.URL))
	require.Contains(t, d.errs.String(), "was not allowed in the browser")
	require.NoFileExists(t, filepath.Join(d.home, "kubectl-node_mgr", "config.json"))

	d.open = func(page string) error {
		q := s.took(t, page)
		d.browser.Go(func() {
			values := url.Values{"state": {q.Get("state")}, "code": {"late"}}
			require.Equal(t, http.StatusBadGateway, comeBack(t, q.Get("redirect_uri"), values, nil).StatusCode)
		})
		return nil
	}
	require.Equal(t, exitRefused, d.run(t, "login", s.URL))
	require.Contains(t, d.errs.String(), "This code is unknown.")
}

// typist types a code after the page is shown in the terminal.
type typist struct {
	d     *desk
	took  func(page string)
	lines []string
}

func (p *typist) Read(b []byte) (int, error) {
	if len(p.lines) == 0 {
		return 0, io.EOF
	}
	for line := range strings.Lines(p.d.errs.String()) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "/authorize?") {
			p.took(line)
		}
	}
	n := copy(b, p.lines[0]+"\n")
	p.lines = p.lines[1:]
	return n, nil
}

// Without a browser the page shows a code, which can be mistyped twice.
func TestLogin_withACode(t *testing.T) {
	s := newAuthority(t)
	for name, args := range map[string][]string{"asked for": {"--no-browser"}, "no browser": nil} {
		d := &desk{home: t.TempDir()}
		d.open = func(string) error { return errNoBrowser }
		typed := &typist{d: d, lines: []string{"AAAAA", "AAAAA-BBBBC", "AAAAA-BBBBB"}, took: func(page string) {
			require.False(t, s.took(t, page).Has("redirect_uri"), name)
		}}
		env := map[string]string{"XDG_CONFIG_HOME": d.home}
		code := run(t.Context(), append([]string{"login", s.URL}, args...), streams{
			in: typed, out: &d.out, err: &d.errs, asks: true, open: d.open,
			env: func(name string) string { return env[name] }, width: func() int { return 80 },
		})
		require.Equal(t, exitDone, code, d.errs.String())
		require.Equal(t, 2, strings.Count(d.errs.String(), "This code is unknown."), name)
		require.Contains(t, d.out.String(), "as ada until")
	}
	d := &desk{home: t.TempDir(), in: "a\nb\nc\nd\n"}
	require.Equal(t, exitRefused, d.run(t, "login", s.URL, "--no-browser"))
	require.Equal(t, 3, strings.Count(d.errs.String(), "Code: "))
	d.in = ""
	require.Equal(t, exitRefused, d.run(t, "login", s.URL, "--no-browser"))
	require.Contains(t, d.errs.String(), "no code was given")
	require.NoFileExists(t, filepath.Join(d.home, "kubectl-node_mgr", "config.json"))
}

// A token is removed here only when it is revoked there, or when that is asked for.
func TestLogout(t *testing.T) {
	s := newAuthority(t)
	d := &desk{home: t.TempDir(), in: "knm_pasted\n"}
	require.Equal(t, exitDone, d.run(t, "login", s.URL, "--with-token"), d.errs.String())
	require.Empty(t, d.stored(t).Expires)
	s.down = true
	require.Equal(t, exitUnreachable, d.run(t, "logout"))
	require.Contains(t, d.errs.String(), "--local")
	require.Equal(t, "knm_pasted", d.stored(t).Tokens[s.URL])
	require.Equal(t, exitDone, d.run(t, "logout", s.URL, "--local"), d.errs.String())
	require.Empty(t, d.stored(t).Tokens)
	require.Empty(t, s.revoked)

	require.Equal(t, exitUnreachable, d.run(t, "login", s.URL, "--no-browser"))
	require.NotContains(t, d.errs.String(), "/authorize", "nobody is sent to a server that does not answer")
	s.down = false
	require.Equal(t, exitDone, d.run(t, "login", s.URL, "--with-token"))
	require.Equal(t, exitDone, d.run(t, "login", s.URL, "--with-token"))
	require.Empty(t, s.revoked, "a token that was made by hand may be used elsewhere too")
	require.Equal(t, exitRefused, d.run(t, "logout", "nodes.example.com"))
	require.Contains(t, d.errs.String(), `"https://nodes.example.com"`)
	require.Equal(t, exitRefused, d.run(t, "logout", s.URL, "--server", "https://nodes.example.com"))
	require.Equal(t, exitRefused, d.run(t, "login", s.URL, "--browser", "--no-browser"))
}

func TestBrowserCommand(t *testing.T) {
	for name, tt := range map[string]struct {
		system string
		env    map[string]string
		want   string
	}{
		"screen":       {"linux", map[string]string{"DISPLAY": ":0"}, "xdg-open"},
		"wayland":      {"linux", map[string]string{"WAYLAND_DISPLAY": "w"}, "xdg-open"},
		"no screen":    {"linux", nil, ""},
		"named":        {"linux", map[string]string{"BROWSER": "/bin/helper --open %s:firefox"}, "/bin/helper --open"},
		"Mac":          {"darwin", nil, "open"},
		"Windows":      {"windows", map[string]string{"BROWSER": "x"}, "rundll32 url.dll,FileProtocolHandler"},
		"over the net": {"freebsd", nil, ""},
	} {
		got := browserCommand(tt.system, func(name string) string { return tt.env[name] })
		require.Equal(t, tt.want, strings.Join(got, " "), name)
	}
	none := func(string) string { return "" }
	require.ErrorIs(t, openBrowser("linux", none, "http://127.0.0.1"), errNoBrowser)
	missing := func(name string) string { return map[string]string{"BROWSER": "/nonexistent/browser"}[name] }
	require.True(t, errors.Is(openBrowser("linux", missing, "http://127.0.0.1"), os.ErrNotExist))
}
