package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"kube-node-manager/services"
)

// errorCode is what the code of an error may be. Whatever else a link brings is not
// shown.
var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// checkAnswer returns the error of an answer without a code, or of another issuer: two
// providers must not be mixed up.
func (p *provider) checkAnswer(got Answer) error {
	if got.Issuer != p.issuer && (got.Issuer != "" || p.namesIssuer) {
		return invalid(fmt.Errorf("the answer is of the issuer %q", services.Clip(got.Issuer)))
	}
	switch {
	case got.Error == "access_denied":
		return services.NewError(services.CodeForbidden, "error_oidc_denied")
	case errorCode.MatchString(got.Error):
		return services.NewError(services.CodeForbidden, "error_oidc_declined", "Why", got.Error)
	case got.Error != "" || got.Code == "":
		return invalid(errors.New("the answer has no code"))
	default:
		return nil
	}
}

// redeem exchanges the code for tokens.
func (c *Client) redeem(ctx context.Context, p *provider, a Attempt, code string) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.http)
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err == nil {
		return token, nil
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok || refused.Response.StatusCode >= 500:
		c.failed(ctx, err)
		return nil, unavailable(errors.New(withoutBody(err)))
	case refused.ErrorCode == "invalid_grant": // the code was used before, or is of somebody else
		return nil, invalid(errors.New(withoutBody(err)))
	default:
		return nil, services.Wrap(errors.New(withoutBody(err)), services.CodeUnavailable, "error_oidc_client")
	}
}

// withoutBody returns the text of an error without the body of the response, which may
// hold anything.
func withoutBody(err error) string {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return err.Error()
	}
	return fmt.Sprintf("the token endpoint answered %s %s", refused.Response.Status, services.Clip(refused.ErrorCode))
}

// failed notes that the provider did not answer, and makes Run look for it.
func (c *Client) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the browser has gone
	}
	c.note(ctx, nil, errors.New(withoutBody(err)))
	select {
	case c.wake <- struct{}{}:
	default: // Run will look anyway
	}
}

// claims are those of an id_token that are checked here. The library checks signature,
// issuer, audience and expiry.
type claims struct {
	AuthorizedParty string `json:"azp"`
}

// verify checks the id_token and returns the person.
func (c *Client) verify(ctx context.Context, p *provider, a Attempt, token *oauth2.Token) (Person, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Person{}, invalid(errors.New("the provider sent no id_token"))
	}
	verified, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, c.notVerified(ctx, err)
	}
	if verified.IssuedAt.After(c.config.Now().Add(maxSkew)) {
		return Person{}, skewed(errors.New("the id_token was issued in the future"))
	}
	if err := c.check(verified, a, token.AccessToken); err != nil {
		return Person{}, invalid(err)
	}
	return c.person(verified, raw)
}

// notVerified returns the error of an id_token that the library did not accept. The
// library has some of its errors as text only.
func (c *Client) notVerified(ctx context.Context, err error) error {
	_, expired := errors.AsType[*oidc.TokenExpiredError](err)
	switch {
	case expired, strings.Contains(err.Error(), "before the nbf"):
		return skewed(err) // the token is a second old
	case strings.Contains(err.Error(), "fetching keys"):
		err = errors.New(brief(err))
		c.failed(ctx, err)
		return unavailable(err)
	default:
		return invalid(err)
	}
}

// check checks what the library leaves to its caller.
func (c *Client) check(token *oidc.IDToken, a Attempt, accessToken string) error {
	var more claims
	if err := token.Claims(&more); err != nil {
		return fmt.Errorf("read the id_token: %w", err)
	}
	foreign := more.AuthorizedParty != c.config.ClientID && more.AuthorizedParty != ""
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1:
		return errors.New("the id_token has another nonce")
	case foreign, len(token.Audience) > 1 && more.AuthorizedParty == "":
		return fmt.Errorf("the id_token is for %q", services.Clip(more.AuthorizedParty))
	case token.Subject == "":
		return errors.New("the id_token has no subject")
	case token.AccessTokenHash == "":
		return nil
	default:
		return token.VerifyAccessToken(accessToken)
	}
}

// person returns who an id_token is about.
func (c *Client) person(token *oidc.IDToken, raw string) (Person, error) {
	var all map[string]any
	if err := token.Claims(&all); err != nil {
		return Person{}, invalid(fmt.Errorf("read the id_token: %w", err))
	}
	name, _ := claimAt(all, c.config.NameClaim).(string)
	if name == "" {
		err := fmt.Errorf("the id_token has no text in the claim %s", c.config.NameClaim)
		return Person{}, services.Wrap(err, services.CodeForbidden, "error_oidc_name", "Claim", c.config.NameClaim)
	}
	return Person{
		Issuer: c.config.Issuer, Subject: token.Subject, Name: name,
		Groups: texts(claimAt(all, c.config.GroupsClaim)), IDToken: raw,
	}, nil
}

// claimAt returns a claim by its name or, if there is none, by the path that the name
// describes. A name may contain dots itself, such as a URL.
func claimAt(all map[string]any, path string) any {
	if value, ok := all[path]; ok {
		return value
	}
	first, rest, nested := strings.Cut(path, ".")
	inner, ok := all[first].(map[string]any)
	if !nested || !ok {
		return nil
	}
	return claimAt(inner, rest)
}

// texts returns a claim as a list: of one text, or of the texts of a list.
func texts(claim any) []string {
	if text, ok := claim.(string); ok {
		return []string{text}
	}
	list, _ := claim.([]any)
	var out []string
	for _, value := range list {
		if text, ok := value.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// invalid returns the error of an answer or id_token that must not be trusted.
func invalid(err error) error {
	return services.Wrap(err, services.CodeForbidden, "error_oidc_invalid")
}

// skewed returns the error of a provider with another time.
func skewed(err error) error {
	return services.Wrap(err, services.CodeUnavailable, "error_oidc_clock")
}
