package oidc

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxResponse is the most bytes that are read of a response.
const maxResponse = 1 << 20

// transport sends what is for the issuer to its internal address, and cuts responses
// that are too long.
type transport struct {
	base             *http.Transport
	issuer, internal *url.URL // internal is nil if they are the same
}

func newTransport(c Config) (*transport, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	t := &transport{base: base}
	if c.Internal == "" {
		return t, nil
	}
	var err error
	t.issuer, err = url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("parse the address of the issuer: %w", err)
	}
	t.internal, err = url.Parse(c.Internal)
	if err != nil {
		return nil, fmt.Errorf("parse the internal address of the issuer: %w", err)
	}
	return t, nil
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.internal != nil {
		r = r.Clone(r.Context())
		r.URL = moved(r.URL, t.issuer, t.internal)
		r.Host = r.URL.Host
	}
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = limitedBody{io.LimitReader(response.Body, maxResponse), response.Body}
	return response, nil
}

// CloseIdleConnections is called by http.Client.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

type limitedBody struct {
	io.Reader
	io.Closer
}

// public returns an address of the discovery document as browsers reach it.
func (c *Client) public(address string) string {
	t := c.http.Transport.(*transport)
	u, err := url.Parse(address)
	if err != nil || t.internal == nil || address == "" {
		return address
	}
	return moved(u, t.internal, t.issuer).String()
}

// moved returns u below to in place of below from. Other addresses stay as they are.
func moved(u, from, to *url.URL) *url.URL {
	rest, below := strings.CutPrefix(u.Path, strings.TrimSuffix(from.Path, "/"))
	if u.Scheme != from.Scheme || u.Host != from.Host || !below || rest != "" && rest[0] != '/' {
		return u
	}
	copied := *u
	copied.Scheme, copied.Host = to.Scheme, to.Host
	copied.Path, copied.RawPath = strings.TrimSuffix(to.Path, "/")+rest, ""
	return &copied
}
