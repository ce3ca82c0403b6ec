package kubeconfig_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/kubeconfig"
)

// several is a kubeconfig with a context that can be used and one that cannot.
const several = `apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: cloud
clusters:
- name: one
  cluster:
    server: https://kube.example.com:6443/k8s/clusters/c-1/
    tls-server-name: api.internal
    extensions: [{name: x, extension: {a: [1]}}]
- name: two
  cluster: {server: "https://192.0.2.1"}
users:
- name: robot
  user: {token: abc.def-123}
- name: person
  user: {exec: {command: gke-gcloud-auth-plugin}}
contexts:
- {name: prod/eu, context: {cluster: one, user: robot, namespace: default}}
- {name: cloud, context: {cluster: two, user: person}}
`

func TestRead(t *testing.T) {
	f, err := kubeconfig.Read(several)
	require.NoError(t, err)
	require.Equal(t, "cloud", f.Current)
	require.Equal(t, []string{"prod/eu", "cloud"}, f.Names())
	_, err = f.Choose("")
	require.Equal(t, "context", services.AsError(err).Fields[0].Field)
	_, err = f.Choose("none")
	require.Equal(t, "error_kubeconfig_context", services.AsError(err).Fields[0].Text)

	c, err := f.Choose("prod/eu")
	require.NoError(t, err)
	a, err := f.Access(c, kubeconfig.Terms{})
	require.NoError(t, err)
	want := kubeconfig.Access{
		Server: "https://kube.example.com:6443/k8s/clusters/c-1", ServerName: "api.internal", CA: []byte{},
		Token: "abc.def-123", Cert: []byte{}, Key: []byte{},
	}
	require.Equal(t, want, a)
	c, err = f.Choose("cloud")
	require.NoError(t, err)
	_, err = f.Access(c, kubeconfig.Terms{})
	require.Equal(t, "users[1].user.exec", services.AsError(err).Fields[0].Field)
}

// Everything that is wrong is named at once.
func TestAccess_namesEverything(t *testing.T) {
	text := document{
		cluster: "server: 'http://a', proxy-url: x, certificate-authority: y", user: "exec: {}, tokenFile: z",
	}.String()
	var fields []string
	for _, f := range services.AsError(read(text)).Fields {
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{
		inCluster + "proxy-url", inCluster + "certificate-authority", inCluster + "server", inUser + "exec",
		inUser + "tokenFile",
	}, fields)
}

func TestAccess_insecure(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	authority := "certificate-authority-data: " + base64.StdEncoding.EncodeToString(block)
	terms := kubeconfig.Terms{Insecure: true}
	access := func(fields string) (kubeconfig.Access, error) {
		f, err := kubeconfig.Read(cluster(fields))
		require.NoError(t, err)
		return f.Access(f.Contexts[0], terms)
	}
	a, err := access("insecure-skip-tls-verify: true")
	require.NoError(t, err)
	require.True(t, a.Insecure)
	a, err = access(authority)
	require.NoError(t, err)
	require.False(t, a.Insecure, "the choice of an administrator alone turns nothing off")
	require.Equal(t, block, a.CA)
	_, err = access(authority + ", insecure-skip-tls-verify: true")
	require.Equal(t, "error_kubeconfig_insecure_ca", services.AsError(err).Fields[0].Text)
}

// Credentials do not show in logs and formats, nor an address's password in errors.
func TestAccess_isNotShown(t *testing.T) {
	a := kubeconfig.Access{Server: "https://a", Token: "secret-token", Key: []byte("secret-key")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "access", a)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "access", &a)
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s %q %x %d", a, a, a, a, a, a, &a)
	require.NotContains(t, shown, "secret")
	require.NotContains(t, shown, fmt.Sprintf("%x", "secret"))

	err := read(server("https://admin:secret@192.0.2.1"))
	raw, encodeErr := json.Marshal(services.AsError(err))
	require.NoError(t, encodeErr)
	require.NotContains(t, string(raw), "secret")
}

// Whatever is read, is refused as invalid or is an address that the guard allows.
func FuzzRead(f *testing.F) {
	f.Add(several)
	for _, h := range collection("/nonexistent", "192.0.2.9:1") {
		if len(h.text) < 10_000 {
			f.Add(h.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := kubeconfig.Read(text)
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err))
			return
		}
		for _, c := range file.Contexts {
			a, err := file.Access(c, kubeconfig.Terms{Insecure: true})
			if err != nil {
				require.Equal(t, services.CodeInvalid, services.CodeOf(err))
				continue
			}
			require.True(t, strings.HasPrefix(a.Server, "https://"), a.Server)
			require.NotContains(t, a.Server, "169.254.")
			require.True(t, (a.Token == "") != (len(a.Cert) == 0), "one kind of credentials")
		}
	})
}
