package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// A client sends requests to the server.
type client struct {
	server string // without a slash at its end
	token  string
	http   *http.Client
}

const (
	callTimeout = time.Minute
	maxAnswer   = 256 << 20 // bytes; a batch of 10,000 nodes has less
)

// errNoAnswer is why a request has no answer: the server cannot be reached.
var errNoAnswer = errors.New("the server does not answer")

// A problem is an error that the server has answered.
type problem struct {
	status  int
	Code    text            `json:"code"`
	Message text            `json:"message"`
	Hint    text            `json:"hint"`
	Fields  map[string]text `json:"fields"`
}

// Error returns what the server says. What is wrong with a field has the name of its flag.
func (p *problem) Error() string {
	said, fields := []string{}, false
	for _, name := range sortedKeys(p.Fields) {
		said = append(said, fmt.Sprintf("--%s: %s", flagOf(name), p.Fields[name]))
		fields = fields || p.Fields[name] == p.Message
	}
	if !fields {
		status := fmt.Sprintf("the server answered with status %d", p.status)
		said = slices.Concat([]string{first(string(p.Message), status)}, said)
	}
	if p.Hint != "" {
		said = append(said, string(p.Hint))
	}
	if p.status == http.StatusUnauthorized {
		said = append(said, "Sign in with: kubectl node_mgr login")
	}
	return strings.Join(said, "\n  ")
}

// passes reports whether the same request may succeed later.
func (p *problem) passes() bool {
	return p.status >= http.StatusInternalServerError || p.status == http.StatusTooManyRequests
}

// newClient returns a client. authority is a file with certificates to trust, or "".
func newClient(server, token, authority string) (*client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if authority != "" {
		pool, err := readCertificates(authority)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	// A redirect would lead to a page for people, such as the sign-in of a proxy.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{
		server: strings.TrimRight(server, "/"), token: token,
		http: &http.Client{Transport: transport, Timeout: callTimeout, CheckRedirect: stay},
	}, nil
}

func readCertificates(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse("--certificate-authority: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, refuse("--certificate-authority: %s has no certificate in PEM", path)
	}
	return pool, nil
}

// checkServer refuses addresses that are none, and those that would show the token to the
// network.
func checkServer(server string, plain bool) error {
	u, err := url.Parse(server)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme):
		return refuse("the server is an address such as https://nodes.example.com, not %q", clean(server))
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		return refuse("http:// would send the token in plain text: use https://, or give --insecure-http")
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// get reads a path into a value, and returns the bytes of the answer.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) ([]byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// post sends a form.
func (c *client) post(ctx context.Context, path string, form url.Values, into any) ([]byte, error) {
	return c.call(ctx, http.MethodPost, path, strings.NewReader(form.Encode()), into)
}

func (c *client) call(ctx context.Context, method, path string, body io.Reader, into any) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.server+path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	c.fill(r, body != nil)
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	return raw, decode(response, raw, into)
}

func (c *client) fill(r *http.Request, form bool) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Language", "en") // the plugin's own language
	r.Header.Set("User-Agent", "kubectl-node_mgr/"+version)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if form {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

// noAnswer says why there is none. An interrupt stays one.
func (c *client) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errNoAnswer, err)
}

// decode reads an answer, or the error that it is.
func decode(response *http.Response, raw []byte, into any) error {
	ok := response.StatusCode >= 200 && response.StatusCode < 300
	kind := response.Header.Get("Content-Type")
	if ok && !strings.HasPrefix(kind, "application/json") || response.StatusCode/100 == 3 {
		return refuse("%s is not the API of Kube Node Manager: it answers with status %d and the type %q",
			response.Request.URL.Redacted(), response.StatusCode, clean(kind))
	}
	if !ok {
		said := struct{ Error problem }{}
		_ = json.Unmarshal(raw, &said) // a proxy may have answered with no JSON
		said.Error.status = response.StatusCode
		return &said.Error
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return refuse("the answer of the server cannot be read: %v", err)
	}
	return nil
}
