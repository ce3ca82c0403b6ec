// Package oidc signs people in at an OpenID Connect provider: authorization code
// flow with PKCE, of which only the id_token at sign-in is used. There is no refresh and
// no call in the name of the person.
//
// The provider may be down. Nothing here waits for it but a sign-in: Client.Run looks
// for it in the background, and Client.Down tells the sign-in page what it found.
//
// The package keeps no state of a sign-in. Begin returns an Attempt, which the
// caller keeps in the login session of the browser, and passes to Finish once.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"kube-node-manager/services"
)

const (
	// MaxAttempt is how long a person may take at the provider.
	MaxAttempt = 10 * time.Minute
	// maxSkew is how far the clocks of the provider and of this machine may differ.
	maxSkew = time.Minute
	// callTimeout limits each call of the provider.
	callTimeout = 10 * time.Second
)

// Config describes the provider, and this program as its client.
type Config struct {
	Issuer       string // as it is in tokens and in the discovery document
	Internal     string // where this program reaches the issuer; "" if that is Issuer
	ClientID     string
	ClientSecret string
	Callback     string         // the address to which the provider sends the browser back
	SignedOut    string         // the address to show after a sign-out at the provider
	Roots        *x509.CertPool // nil for those of the system
	Scopes       []string       // besides openid
	NameClaim    string         // of the user name, such as preferred_username
	GroupsClaim  string         // of the groups; dots lead into objects: realm_access.roles

	Log *slog.Logger
	Now func() time.Time
}

// Client is this program as a client of the provider. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	wake   chan struct{} // tells Run that the state has changed

	mu    sync.Mutex
	found *provider // nil until the provider was found
	err   error     // of the last call, nil if it was answered
	tried time.Time // when it failed
}

// New returns a Client, and calls nobody. Config must have been checked.
func New(c Config) (*Client, error) {
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	return &Client{
		config: c,
		wake:   make(chan struct{}, 1),
		http: &http.Client{
			Transport: transport, Timeout: callTimeout,
			// No endpoint of a provider redirects, and one that does must not get our secret.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes idle connections to the provider. Call it when Run has returned.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Attempt is one sign-in that was begun. It holds secrets of the browser that began it.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
	Begun    time.Time
}

// Begin returns a new attempt and the address at the provider where it goes on.
//
// Errors: CodeUnavailable if the provider cannot be reached.
func (c *Client) Begin(ctx context.Context) (a Attempt, address string, err error) {
	p, err := c.provider(ctx)
	if err != nil {
		return Attempt{}, "", unavailable(err)
	}
	a = Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Begun: c.config.Now()}
	address = p.oauth.AuthCodeURL(a.State,
		oauth2.S256ChallengeOption(a.Verifier), oauth2.SetAuthURLParam("nonce", a.Nonce))
	return a, address, nil
}

// Answer is what the provider has told the browser to bring back.
type Answer struct {
	Code   string
	Issuer string // RFC 9207; "" if the provider does not send it
	Error  string // a code in place of Code
}

// Person is who has signed in.
type Person struct {
	Issuer  string
	Subject string
	Name    string
	Groups  []string
	IDToken string // for SignOutURL
}

// Finish redeems the answer to an attempt and returns who has signed in. The caller has
// found the attempt by its State in the login session of the same browser, and has
// forgotten it there.
//
// Errors: CodeConflict for an attempt that is too old; CodeForbidden if the person or
// the provider declined, and for an answer or id_token that is not for this attempt;
// CodeUnavailable if the provider cannot be reached, refuses this client, or has another
// time.
func (c *Client) Finish(ctx context.Context, a Attempt, got Answer) (Person, error) {
	if c.config.Now().Sub(a.Begun) > MaxAttempt {
		return Person{}, Expired()
	}
	p, err := c.provider(ctx)
	if err != nil {
		return Person{}, unavailable(err)
	}
	if err := p.checkAnswer(got); err != nil {
		return Person{}, err
	}
	token, err := c.redeem(ctx, p, a, got.Code)
	if err != nil {
		return Person{}, err
	}
	return c.verify(ctx, p, a, token)
}

// Expired is the error of an answer to no attempt of this browser, or to an old one.
func Expired() error { return services.NewError(services.CodeConflict, "error_oidc_expired") }

// SignOutURL returns the address that signs a person out at the provider and leads back,
// or "" if the provider has none or was not found yet.
func (c *Client) SignOutURL(idToken string) string {
	c.mu.Lock()
	p := c.found
	c.mu.Unlock()
	if p == nil || p.endSession == "" {
		return ""
	}
	u, err := url.Parse(p.endSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("id_token_hint", idToken)
	q.Set("client_id", c.config.ClientID)
	q.Set("post_logout_redirect_uri", c.config.SignedOut)
	u.RawQuery = q.Encode()
	return u.String()
}
