package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"
)

// signInTimeout is how long a person has to sign in. People look for their phones.
const signInTimeout = 10 * time.Minute

// A signIn is a sign-in in the browser: the authorization code flow of native apps (RFC 8252)
// with the S256 challenge of RFC 7636.
type signIn struct {
	client          *client // without a token
	verifier, state string
	options         loginOptions
}

// redeemed is the token of a sign-in.
type redeemed struct {
	Token     string
	User      text
	ExpiresAt time.Time
}

func newSignIn(c *client, o loginOptions) *signIn {
	return &signIn{client: c, verifier: rand.Text() + rand.Text(), state: rand.Text(), options: o}
}

// page returns the address where the person is asked. redirect is where the browser goes
// afterwards; without one the page shows the code.
func (s *signIn) page(redirect string) string {
	sum := sha256.Sum256([]byte(s.verifier))
	values := url.Values{
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
		"state": {s.state}, "expires": {strconv.Itoa(s.options.days)},
	}
	if redirect != "" {
		values.Set("redirect_uri", redirect)
	}
	if s.options.readOnly {
		values.Set("read_only", "1")
	}
	host, err := os.Hostname()
	if err == nil {
		values.Set("host", host)
	}
	return s.client.server + "/authorize?" + values.Encode()
}

// redeem returns the token for a code.
func (s *signIn) redeem(ctx context.Context, code string) (redeemed, error) {
	var got redeemed
	_, err := s.client.post(ctx, "/authorize/token", url.Values{"code": {code}, "code_verifier": {s.verifier}}, &got)
	if err == nil && got.Token == "" {
		err = refuse("the server has answered without a token")
	}
	return got, err
}

// browse signs in by the browser of this machine, or where there is none by a code.
func (a *app) browse(ctx context.Context, s *signIn) (redeemed, error) {
	if s.options.noBrowser {
		return a.typeCode(ctx, s)
	}
	back, err := listenForCode(s)
	if err != nil {
		return redeemed{}, err
	}
	defer back.close()
	page := s.page(back.address)
	if err := a.open(page); err != nil {
		_, _ = fmt.Fprintf(a.err, "No browser can be opened here (%v).\n", err)
		return a.typeCode(ctx, s)
	}
	_, _ = fmt.Fprintf(a.err, "Sign in in your browser. If it shows no page, open this address on this machine:\n\n"+
		"  %s\n\n", page)
	return back.wait(ctx)
}

// codeTries is how often a code can be typed.
const codeTries = 3

// typeCode lets the person copy the code from a browser on any machine.
func (a *app) typeCode(ctx context.Context, s *signIn) (redeemed, error) {
	_, _ = fmt.Fprintf(a.err, "Open this address in a browser on any machine, and sign in there:\n\n  %s\n\n", s.page(""))
	for try := 1; ; try++ {
		code, err := a.ask(ctx, "Code: ")
		if err != nil {
			return redeemed{}, &exit{exitInterrupted, "not signed in"}
		}
		if code == "" {
			return redeemed{}, refuse("no code was given")
		}
		got, err := s.redeem(ctx, code)
		var said *problem
		if try == codeTries || !errors.As(err, &said) || said.Fields["code"] == "" {
			return got, err
		}
		_, _ = fmt.Fprintln(a.err, said.Fields["code"])
	}
}
