package acceptance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"kube-node-manager/services/kube/kubetest"
)

// What is secret is in no file of the program, not in its log at the finest level, and
// not in what the browser keeps for scripts: passwords, also mistyped ones and those of
// the wrong field, tokens, login sessions, the set-up code, and the credentials of
// clusters.
func TestSecrets_areKeptNowhere(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	imported := c.User(t, kubetest.ReadingRules()...)
	p := emptyProgram(t, releaseBuild.binary(t), c.Kubeconfig, "--log-level", "debug", onLoopback)
	p.start(t)
	_, code, _ := strings.Cut(p.said.line(t, 1), "code: ")
	secrets := map[string]string{
		"set-up code": code, "password": adminPassword, "new password": "another very long one",
		"mistyped password": "correct horse batteryy", "password in the field of the name": "my-secret-instead-of-a-name",
		"initial password": gracePassword, "credential of the cluster": credentialOf(t, c.Kubeconfig),
		"credential of the imported cluster": imported.BearerToken,
	}

	x := startBrowser(t).tab(p)
	x.expect("401", "422")
	x.open("/setup")
	x.fill("#f-code", code)
	x.fill("#f-name", adminName)
	x.fill("#f-password", adminPassword)
	x.fill("#f-password2", adminPassword)
	x.press("form.card button.primary")
	x.until(`location.pathname !== "/setup" && document.readyState === "complete"`)
	secrets["first session"] = x.session()
	x.openNodes(c.Name, "")
	x.tick(names[0])
	x.operate("cordon")
	x.untilBatch("succeeded")
	x.importCluster("imported", imported, false)
	certificate := certified(t)
	x.importCluster("certified", certificate, false)
	// The body of the key, as it is between the lines of PEM.
	secrets["private key"] = strings.Split(string(certificate.KeyData), "\n")[1]
	secrets["private key in the kubeconfig"] = base64.StdEncoding.EncodeToString(certificate.KeyData)
	x.open("/users/new")
	x.fill("#f-name", "grace")
	x.fill("#f-password", gracePassword)
	x.press("form.two button.primary")
	x.until(`location.pathname === "/users/grace" && document.readyState === "complete"`)
	x.press("details.more summary")
	x.fill("#f-label", "nightly")
	x.press("details.more form button")
	x.until(`document.querySelector(".secret")`)
	secrets["token"] = value[string](x, `document.querySelector(".secret").textContent`)
	p.Token = secrets["token"]
	p.request(t, http.MethodGet, "/clusters", nil, nil)
	x.open("/profile")
	x.fill("#f-current", adminPassword)
	x.fill("#f-password", secrets["new password"])
	x.fill("#f-password2", secrets["new password"])
	x.press("form[action='/profile/password'] button")
	x.until(`document.querySelector(".note.ok")`)
	secrets["second session"] = x.session()
	require.NotEqual(t, secrets["first session"], secrets["second session"])
	secrets["secret of the app"], secrets["recovery code"] = x.addFactor(secrets["new password"])
	secrets["third session"] = x.session()
	kept := value[string](x, `JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])`)
	for _, form := range []url.Values{
		{"name": {adminName}, "password": {secrets["mistyped password"]}},
		{"name": {secrets["password in the field of the name"]}, "password": {"x"}},
	} {
		require.Equal(t, http.StatusUnauthorized, p.request(t, http.MethodPost, "/login", form, nil).StatusCode)
	}
	p.Token = "knm_made-up-and-wrong"
	secrets["wrong token"] = p.Token
	require.Equal(t, http.StatusUnauthorized, p.request(t, http.MethodGet, "/clusters", nil, nil).StatusCode)
	p.run(t, "", "backup", filepath.Join(p.Data, "copy.db"), "--data", p.Data)
	p.end(t, syscall.SIGTERM)

	files := 0
	require.NoError(t, filepath.WalkDir(p.Data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		files++
		requireNoSecrets(t, path, content, secrets)
		return nil
	}))
	require.GreaterOrEqual(t, files, 4, "the database, its copy, the log and the errors")
	requireNoSecrets(t, "the storage of the browser", []byte(kept), secrets)
}

// addFactor sets up a second factor, and returns its secret and a recovery code.
func (x *tab) addFactor(password string) (secret, recovery string) {
	x.t.Helper()
	x.open("/profile/factor")
	x.fill("#f-current", password)
	x.press("#main form button.primary")
	x.until(`document.querySelector("#f-code")`)
	secret = strings.ReplaceAll(value[string](x, `document.querySelector(".secret").textContent`), " ", "")
	code, err := totp.GenerateCode(secret, time.Now())
	require.NoError(x.t, err)
	x.fill("#f-code", code)
	x.press("#main form button.primary")
	x.until(`document.querySelector(".codes code")`)
	return secret, value[string](x, `document.querySelector(".codes code").textContent`)
}

// certified returns a configuration with a client certificate that no API server knows.
func certified(t *testing.T) *rest.Config {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return &rest.Config{Host: "https://127.0.0.1:1", TLSClientConfig: rest.TLSClientConfig{
		CertData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		KeyData:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
}

// requireNoSecrets requires that a text has none of the secrets, as they are or encoded.
func requireNoSecrets(t *testing.T, where string, content []byte, secrets map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		require.NotEmpty(t, secret, what)
		for _, form := range []string{
			secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
			hex.EncodeToString([]byte(secret)), url.QueryEscape(secret), strings.ReplaceAll(secret, "-", ""),
		} {
			require.False(t, bytes.Contains(content, []byte(form)), "%s has the %s", where, what)
		}
	}
}

// session returns the token of the browser's login session.
func (x *tab) session() string {
	x.t.Helper()
	found, err := chromedp.Call(x.ctx, network.GetCookies, network.GetCookiesParams{})
	require.NoError(x.t, err)
	for _, cookie := range found.Cookies {
		if cookie.Name == "knm" {
			return cookie.Value
		}
	}
	require.Fail(x.t, "there is no login session")
	return ""
}

// credentialOf returns the token of a kubeconfig.
func credentialOf(t *testing.T, kubeconfig string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	require.NoError(t, err)
	for _, user := range config.AuthInfos {
		return user.Token
	}
	return ""
}
