package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services/kube/kubetest"
)

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, func() error { return goleak.Find() }))
}

const (
	testUser     = "ada"
	testPassword = "correct horse battery"
	testCluster  = "prod/eu" // must be escaped in a path; it cannot be reached
)

// kubeconfig has one cluster, whose port refuses connections.
const kubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"prod/eu",
"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],
"users":[{"name":"u","user":{"token":"x"}}],
"contexts":[{"name":"prod/eu","context":{"cluster":"c","user":"u"}}]}`

// testOptions returns options for a program with a free port and its own directory.
func testOptions(t *testing.T) Options {
	t.Helper()
	o := DefaultOptions()
	o.Listen = "127.0.0.1:0"
	o.Data = t.TempDir()
	o.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(o.Kubeconfig, []byte(kubeconfig), 0o600))
	o.Version = "test"
	o.UserRate = 0 // tests send more requests than the limit allows
	o.Log = slog.New(slog.DiscardHandler)
	return o
}

// testApp is a running program with one browser.
type testApp struct {
	*App
	*browser
}

// startApp starts the program with the test options, which each change may change.
func startApp(t *testing.T, change ...func(*Options)) *testApp {
	t.Helper()
	o := testOptions(t)
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, a.Stop(context.WithoutCancel(t.Context()))) })
	return &testApp{App: a, browser: newBrowser(t, "http://"+a.Addr())}
}

// signedIn starts the program and creates the first administrator, who is signed in.
func signedIn(t *testing.T, change ...func(*Options)) *testApp {
	t.Helper()
	a := startApp(t, change...)
	got := a.post("/setup", a.setupForm())
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	return a
}

// setupForm returns the form that creates the first administrator.
func (a *testApp) setupForm() url.Values {
	form := credentials(testUser, testPassword)
	form.Set("code", a.SetupCode())
	return form
}

// addUser adds a user while the program is running, like the command line.
func (a *testApp) addUser(t *testing.T, name, role string) (token string) {
	t.Helper()
	a.admin(t, func(ad *Admin) {
		require.NoError(t, ad.AddUser(t.Context(), name, testPassword, role, nil))
		var err error
		token, err = ad.CreateToken(t.Context(), name, NewToken{Label: "test", Life: time.Hour})
		require.NoError(t, err)
	})
	return token
}

func (a *testApp) admin(t *testing.T, fn func(*Admin)) {
	t.Helper()
	ad, err := OpenAdmin(t.Context(), a.options.Database, a.options.Data, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	fn(ad)
	require.NoError(t, ad.Close(t.Context()))
}

// browser keeps cookies and does not follow redirects.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, base: base, client: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// another returns a new browser, without the cookies of b.
func (b *browser) another() *browser { return newBrowser(b.t, b.base) }

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// page returns the body as a document.
func (a answer) page(t *testing.T) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	require.NoError(t, err)
	return doc
}

func (a answer) location() string { return a.header.Get("Location") }

// get sends a GET request; headers are pairs of a name and a value.
func (b *browser) get(path string, headers ...string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, headers...)
}

// post sends a form.
func (b *browser) post(path string, form url.Values, headers ...string) answer {
	b.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return b.do(http.MethodPost, path, strings.NewReader(form.Encode()), headers...)
}

func (b *browser) do(method, path string, body io.Reader, headers ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	require.NoError(b.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.client.Do(req)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	got := answer{status: res.StatusCode, header: res.Header, body: string(text)}
	requireDocumented(b.t, method, path, got)
	return got
}

// logBuffer collects the log of a program.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// logTo is an option to log everything to l.
func logTo(l io.Writer) func(*Options) {
	return func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}
