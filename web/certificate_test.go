package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keyPair is a certificate with its key, as files have them.
type keyPair struct {
	number    int64
	cert, key []byte
}

// newKeyPair makes a certificate for 127.0.0.1 that has signed itself.
func newKeyPair(t *testing.T, number int64, until time.Time) keyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "test"},
		NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"ops.example"},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return keyPair{
		number: number, cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func validKeyPair(t *testing.T, number int64) keyPair {
	t.Helper()
	return newKeyPair(t, number, time.Now().Add(300*24*time.Hour))
}

// tlsFiles are the files of a certificate.
type tlsFiles struct{ cert, key string }

func newTLSFiles(t *testing.T, p keyPair) tlsFiles {
	t.Helper()
	dir := t.TempDir()
	f := tlsFiles{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	f.write(t, p.cert, p.key)
	return f
}

func (f tlsFiles) write(t *testing.T, cert, key []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.cert, cert, 0o600))
	require.NoError(t, os.WriteFile(f.key, key, 0o600))
}

func (f tlsFiles) option(o *Options) {
	o.TLSCert, o.TLSKey, o.certificateEvery = f.cert, f.key, time.Millisecond
}

// tlsBrowser returns a browser that trusts the certificates.
func tlsBrowser(t *testing.T, address string, trusted ...keyPair) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(trusted...)}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, base: "https://" + address, client: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func pool(trusted ...keyPair) *x509.CertPool {
	roots := x509.NewCertPool()
	for _, p := range trusted {
		roots.AppendCertsFromPEM(p.cert)
	}
	return roots
}

// served returns the number of the certificate that a new connection gets.
func served(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func startTLS(t *testing.T, p keyPair, change ...func(*Options)) (*testApp, tlsFiles) {
	t.Helper()
	files := newTLSFiles(t, p)
	a := startApp(t, append([]func(*Options){files.option}, change...)...)
	a.browser = tlsBrowser(t, a.Addr(), p)
	return a, files
}

func TestTLS(t *testing.T) {
	pair := validKeyPair(t, 1)
	a, _ := startTLS(t, pair)
	require.Equal(t, "https://"+a.Addr(), a.URL())
	got := a.post("/setup", a.setupForm())
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Regexp(t, `^__Host-knm=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`, got.header.Get("Set-Cookie"))
	require.True(t, isSignedIn(a.browser))
	require.Empty(t, a.get("/clusters").header.Get("Strict-Transport-Security"),
		"it would hold for everything on localhost")

	response, err := a.client.Get(a.base + "/readyz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "HTTP/2.0", response.Proto)

	plain := newBrowser(t, "http://"+a.Addr()).get("/clusters")
	require.Equal(t, http.StatusBadRequest, plain.status)
	require.Contains(t, plain.body, "HTTP request to an HTTPS server")
}

func TestTLS_versions(t *testing.T) {
	a, _ := startTLS(t, validKeyPair(t, 1))
	for version, accepted := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		conn, err := tls.Dial("tcp", a.Addr(), &tls.Config{
			InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
		})
		require.Equal(t, accepted, err == nil, "%x: %v", version, err)
		if err == nil {
			require.NoError(t, conn.Close())
		}
	}
}

// With a certificate, other machines may connect.
func TestTLS_otherMachines(t *testing.T) {
	a, _ := startTLS(t, validKeyPair(t, 1), func(o *Options) {
		o.Listen, o.PublicURL = "0.0.0.0:0", "https://ops.example"
	})
	b := tlsBrowser(t, "127.0.0.1:"+portOf(t, a.Addr()))
	b.client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
	require.Equal(t, "max-age=31536000", b.get("/setup").header.Get("Strict-Transport-Security"))
}

// The certificate changes while connections are open: they go on, an event stream among
// them, and new ones get the new certificate. Files that cannot be used change nothing.
func TestTLS_newCertificate(t *testing.T) {
	var log logBuffer
	first, second, third := validKeyPair(t, 1), validKeyPair(t, 2), validKeyPair(t, 3)
	a, files := startTLS(t, first, logTo(&log))
	a.post("/setup", a.setupForm())
	stream := a.openStream()
	require.EqualValues(t, 1, served(t, a.Addr()))

	files.write(t, second.cert, second.key)
	require.Eventually(t, func() bool { return served(t, a.Addr()) == 2 }, eventually, tick)
	require.True(t, a.reuses(t), "the open connection is still used")

	old := newKeyPair(t, 4, time.Now().Add(-time.Hour))
	unusable := map[string][2][]byte{
		"another key":  {third.cert, second.key},
		"no PEM":       {[]byte("x"), second.key},
		"half a file":  {third.cert[:len(third.cert)/2], second.key},
		"empty":        {{}, {}},
		"has expired":  {old.cert, old.key},
		"a key, twice": {second.key, second.key},
	}
	for name, content := range unusable {
		before := strings.Count(log.String(), "keeping the old one")
		files.write(t, content[0], content[1])
		require.Eventually(t, func() bool {
			return strings.Count(log.String(), "keeping the old one") > before
		}, eventually, tick, name)
		require.EqualValues(t, 2, served(t, a.Addr()), name)
	}
	require.NoError(t, os.Remove(files.key))
	require.EqualValues(t, 2, served(t, a.Addr()))
	files.write(t, third.cert, third.key)
	require.Eventually(t, func() bool { return served(t, a.Addr()) == 3 }, eventually, tick)

	requireOpen(t, stream)
	a.post("/logout", nil)
	requireEnds(t, stream, soon, "the login session has ended")
	require.NotContains(t, log.String(), "PRIVATE KEY")
}

// reuses sends a request and reports whether it used an open connection.
func (b *browser) reuses(t *testing.T) (reused bool) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/healthz", nil)
	require.NoError(t, err)
	response, err := b.client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return reused
}

// A file that does not change is reported once, however often it is read.
func TestCertificate_unusableIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	pair := validKeyPair(t, 1)
	files := newTLSFiles(t, pair)
	o := DefaultOptions()
	files.option(&o)
	c, err := loadCertificate(&o, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	files.write(t, pair.cert, []byte("x"))
	c.reload()
	c.reload()
	require.Equal(t, 1, strings.Count(log.String(), "keeping the old one"))
	require.NoError(t, os.Remove(files.cert))
	c.reload()
	c.reload()
	require.Equal(t, 2, strings.Count(log.String(), "keeping the old one"))
}

func TestCertificate_endIsNear(t *testing.T) {
	var log bytes.Buffer
	o := DefaultOptions()
	newTLSFiles(t, newKeyPair(t, 1, time.Now().Add(3*24*time.Hour))).option(&o)
	_, err := loadCertificate(&o, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), "expires soon")
}

func TestTLS_startWithoutFiles(t *testing.T) {
	files := newTLSFiles(t, validKeyPair(t, 1))
	for name, change := range map[string]func(){
		"--tls-cert and --tls-key": func() { require.NoError(t, os.WriteFile(files.key, []byte("secret"), 0o600)) },
		"--tls-key":                func() { require.NoError(t, os.Remove(files.key)) },
	} {
		change()
		o := testOptions(t)
		files.option(&o)
		a, err := New(o)
		require.NoError(t, err)
		err = a.Start(t.Context())
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
		files.write(t, validKeyPair(t, 1).cert, nil)
	}
}

func TestOptions_tls(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"set both or neither":       func(o *Options) { o.TLSKey = "" },
		"must begin with https":     func(o *Options) { o.PublicURL = "http://ops.example" },
		"--redirect-addr: needs":    func(o *Options) { o.RedirectAddr = ":80" },
		`"80" is not HOST:PORT`:     func(o *Options) { o.RedirectAddr, o.PublicURL = "80", "https://ops.example" },
		"--tls-cert and --tls-key:": func(o *Options) { o.TLSCert = "" },
	} {
		o := DefaultOptions()
		o.TLSCert, o.TLSKey = "a", "b"
		require.NoError(t, o.Validate())
		change(&o)
		require.ErrorContains(t, o.Validate(), want)
	}
	o := DefaultOptions()
	o.Listen, o.TLSCert, o.TLSKey = "0.0.0.0:8080", "a", "b"
	require.NoError(t, o.Validate())
}

func TestRedirectAddr(t *testing.T) {
	var log logBuffer
	startTLS(t, validKeyPair(t, 1), logTo(&log), func(o *Options) {
		o.RedirectAddr, o.PublicURL = "127.0.0.1:0", "https://ops.example/nodes"
	})
	b := newBrowser(t, "http://"+secondAddress(t, &log, "redirect server"))
	got := b.get("/nodes/clusters?q=a%2Fb", "Host", "evil.example")
	require.Equal(t, http.StatusTemporaryRedirect, got.status)
	require.Equal(t, "https://ops.example/nodes/clusters?q=a%2Fb", got.location())
	require.Equal(t, "https://ops.example/", b.get("//evil.example/x").location())
	for _, got := range []answer{
		b.post("/nodes/login", url.Values{"name": {"a"}}), b.get("/nodes/clusters", "Authorization", "Bearer x"),
	} {
		require.Equal(t, http.StatusForbidden, got.status)
		require.Empty(t, got.location())
	}
}
