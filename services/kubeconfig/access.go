package kubeconfig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"unicode"

	"kube-node-manager/services"
)

// Access is how to reach a cluster: its address, and a token or a client
// certificate. It does not show itself in logs and messages.
type Access struct {
	Server     string `json:"server"`
	ServerName string `json:"serverName,omitempty"` // that the certificate must have; "" means that of Server
	CA         []byte `json:"ca,omitempty"`         // in PEM; empty means the authorities of the system
	Token      string `json:"token,omitempty"`
	Cert       []byte `json:"cert,omitempty"` // in PEM
	Key        []byte `json:"key,omitempty"`  // in PEM
	Insecure   bool   `json:"insecure,omitempty"`
}

// Format implements fmt.Formatter, so that no format shows the credentials.
func (a Access) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "access to "+a.Server) }

// LogValue implements slog.LogValuer.
func (a Access) LogValue() slog.Value { return slog.StringValue("access to " + a.Server) }

// Kind returns the kind of the credentials: "token" or "certificate".
func (a Access) Kind() string {
	if a.Token != "" {
		return "token"
	}
	return "certificate"
}

// cluster reads the cluster of a context.
func (r *reader) cluster(p part, a *Access) {
	if p.path == "" {
		return
	}
	authority := ""
	r.mapping(p.path, p.node, handlers{
		"server": r.text(&a.Server), "tls-server-name": r.text(&a.ServerName),
		"certificate-authority-data": r.text(&authority), "insecure-skip-tls-verify": r.flag(&a.Insecure),
		"disable-compression": nil, "extensions": nil,
	})
	r.server(p.path+".server", a)
	r.serverName(p.path+".tls-server-name", a)
	r.authority(p.path+".certificate-authority-data", authority, a)
	at := p.path + ".insecure-skip-tls-verify"
	switch {
	case a.Insecure && !r.terms.Insecure:
		r.wrong.Add(at, "error_kubeconfig_insecure", "Path", at)
	case a.Insecure && len(a.CA) > 0:
		r.wrong.Add(at, "error_kubeconfig_insecure_ca", "Path", at)
	}
}

func (r *reader) server(at string, a *Access) {
	if r.wrong.Has(at) {
		return
	}
	server, problem := checkServer(a.Server)
	if problem == "" && !r.terms.Guard.allowsHost(server) {
		problem = "error_kubeconfig_server_guard"
	}
	if problem != "" {
		r.wrong.Add(at, problem, "Path", at, "Value", services.Clip(withoutUser(a.Server)))
	}
	a.Server = server
}

func (r *reader) serverName(at string, a *Access) {
	if a.ServerName != "" && !isHost(a.ServerName) {
		r.wrong.Add(at, "error_kubeconfig_server_name", "Path", at)
	}
}

func (r *reader) authority(at, encoded string, a *Access) {
	a.CA = r.data(at, encoded)
	if len(a.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(a.CA) {
		r.wrong.Add(at, "error_kubeconfig_pem", "Path", at)
	}
}

// data decodes a field in base64.
func (r *reader) data(at, encoded string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		r.wrong.Add(at, "error_kubeconfig_base64", "Path", at)
		return nil
	}
	return decoded
}

// user reads the user of a context.
func (r *reader) user(p part, a *Access) {
	if p.path == "" {
		return
	}
	before := len(r.wrong)
	var certificate, key string
	r.mapping(p.path, p.node, handlers{
		"token": r.text(&a.Token), "client-certificate-data": r.text(&certificate),
		"client-key-data": r.text(&key), "extensions": nil,
	})
	a.Cert = r.data(p.path+".client-certificate-data", certificate)
	a.Key = r.data(p.path+".client-key-data", key)
	if len(r.wrong) == before {
		r.credentials(p.path, a)
	}
}

// token is what RFC 6750 allows after "Bearer".
var token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// maxToken is in bytes. Servers limit the length of a header.
const maxToken = 16 << 10

// credentials requires one kind of credentials.
func (r *reader) credentials(path string, a *Access) {
	switch {
	case a.Token == "" && len(a.Cert) == 0 && len(a.Key) == 0:
		r.wrong.Add(path, "error_kubeconfig_no_credentials", "Path", path)
	case a.Token != "" && len(a.Cert)+len(a.Key) > 0:
		r.wrong.Add(path, "error_kubeconfig_two_credentials", "Path", path)
	case a.Token != "" && (len(a.Token) > maxToken || !token.MatchString(a.Token)):
		r.wrong.Add(path+".token", "error_kubeconfig_token", "Path", path+".token")
	case a.Token == "":
		_, err := tls.X509KeyPair(a.Cert, a.Key)
		if err != nil {
			at := path + ".client-certificate-data"
			r.wrong.Add(at, "error_kubeconfig_pair", "Path", at)
		}
	}
}

func graphic(c rune) bool { return unicode.IsGraphic(c) && c != unicode.ReplacementChar }
