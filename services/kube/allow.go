package kube

import "net/http"

// BeforeChange returns a function for rest.Config.Wrap: allow is asked before each request
// that may change something, and if it returns an error, nothing is sent.
func BeforeChange(allow func() error) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper { return &allowedTransport{next, allow} }
}

type allowedTransport struct {
	next  http.RoundTripper
	allow func() error
}

// RoundTrip implements http.RoundTripper.
func (t *allowedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		if err := t.allow(); err != nil {
			return nil, err
		}
	}
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *allowedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
