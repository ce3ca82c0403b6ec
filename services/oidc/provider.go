package oidc

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kube-node-manager/services"
)

const (
	// refreshEvery is how often Run looks whether the provider is still there.
	refreshEvery = 5 * time.Minute
	// The waits between two tries to find it.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// provider is what the discovery document says.
type provider struct {
	issuer      string
	oauth       *oauth2.Config
	verifier    *oidc.IDTokenVerifier
	endSession  string // "" without one
	namesIssuer bool   // answers carry the issuer
}

// metadata are the fields of the discovery document that the library does not show.
type metadata struct {
	Keys        string `json:"jwks_uri"`
	EndSession  string `json:"end_session_endpoint"`
	NamesIssuer bool   `json:"authorization_response_iss_parameter_supported"`
}

// Run looks for the provider until ctx ends: often until it is found, then to notice
// when it goes away.
func (c *Client) Run(ctx context.Context) {
	retry := firstRetry
	for {
		wait := refreshEvery
		err := c.look(ctx)
		if err != nil {
			wait, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		if !c.sleep(ctx, wait) {
			return
		}
	}
}

// sleep waits, or less if a call of a sign-in has failed or succeeded. It returns
// false when ctx has ended.
func (c *Client) sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-c.wake:
		return true
	}
}

// look reads the discovery document, and keeps what it says or the error.
func (c *Client) look(ctx context.Context) error {
	p, err := c.discover(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // of the caller, and not the provider's fault
	}
	c.note(ctx, p, err)
	return err
}

// note keeps the outcome of a call and logs when it differs from that before. A provider
// that is away for a moment stays known: its endpoints do not change.
func (c *Client) note(ctx context.Context, p *provider, err error) {
	c.mu.Lock()
	was := c.err
	c.err = err
	if err != nil {
		c.tried = c.config.Now()
	}
	if p != nil {
		c.found = p
	}
	c.mu.Unlock()
	switch {
	case err != nil && was == nil:
		c.config.Log.WarnContext(ctx, "Cannot reach the identity provider", "issuer", c.config.Issuer, "error", err)
	case err == nil && was != nil:
		c.config.Log.InfoContext(ctx, "Reached the identity provider again", "issuer", c.config.Issuer)
	}
}

// Down reports whether the last call of the provider failed. It is false before the
// first one has ended.
func (c *Client) Down() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// provider returns the provider. If it was not found yet it is looked for, but not more
// than once in firstRetry: a sign-in must not wait for what has just failed.
func (c *Client) provider(ctx context.Context) (*provider, error) {
	c.mu.Lock()
	found, err, tried := c.found, c.err, c.tried
	c.mu.Unlock()
	if found != nil {
		return found, nil
	}
	if err != nil && c.config.Now().Sub(tried) < firstRetry {
		return nil, err
	}
	err = c.look(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found, err
}

func (c *Client) discover(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, c.http)
	p, err := oidc.NewProvider(ctx, c.config.Issuer) // refuses a document of another issuer
	if err != nil {
		return nil, fmt.Errorf("read the discovery document: %s", brief(err))
	}
	var more metadata
	if err := p.Claims(&more); err != nil {
		return nil, fmt.Errorf("read the discovery document: %w", err)
	}
	endpoint := p.Endpoint()
	endpoint.AuthURL = c.public(endpoint.AuthURL)
	found := &provider{
		issuer: c.config.Issuer, endSession: c.public(more.EndSession), namesIssuer: more.NamesIssuer,
		oauth: &oauth2.Config{
			ClientID: c.config.ClientID, ClientSecret: c.config.ClientSecret, Endpoint: endpoint,
			RedirectURL: c.config.Callback, Scopes: append([]string{oidc.ScopeOpenID}, c.config.Scopes...),
		},
		verifier: p.VerifierContext(ctx, &oidc.Config{ClientID: c.config.ClientID, Now: c.lenient}),
	}
	addresses := []string{endpoint.AuthURL, endpoint.TokenURL, more.Keys}
	if found.endSession != "" {
		addresses = append(addresses, found.endSession)
	}
	if err := c.checkEndpoints(addresses); err != nil {
		return nil, err
	}
	return found, nil
}

// checkEndpoints refuses what is no address, and one without TLS unless the issuer has
// none either, which is so in tests only.
func (c *Client) checkEndpoints(addresses []string) error {
	for _, address := range addresses {
		u, err := url.Parse(address)
		plain := err == nil && u.Scheme == "http" && strings.HasPrefix(c.config.Issuer, "http:")
		if err != nil || u.Host == "" || u.Scheme != "https" && !plain {
			return fmt.Errorf("the discovery document has a wrong endpoint: %q", services.Clip(address))
		}
	}
	return nil
}

// lenient returns the time by which an id_token must not have expired.
func (c *Client) lenient() time.Time { return c.config.Now().Add(-maxSkew) }

// unavailable returns the error of a provider that cannot be reached.
func unavailable(err error) error {
	return services.Wrap(err, services.CodeUnavailable, "error_oidc_unavailable")
}

// brief returns the text of an error of the library, which may hold a whole response, for
// one line of the log.
func brief(err error) string {
	const longest = 300
	text := err.Error()
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
