package kube

import (
	"context"
	"net/http"
	"time"
)

// longestHalt bounds how long a request that may not be sent waits for the end of its context.
const longestHalt = time.Minute

// BeforeChange returns a function for rest.Config.Wrap: allow is asked before each request
// that may change something. If it returns an error, nothing is sent, and the request waits
// until its context ends, as it does if the API server does not answer: the caller is about to
// be stopped, and somebody else does what it was at. A request that failed at once would count
// against its node.
func BeforeChange(allow func() error) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper { return &allowedTransport{next, allow} }
}

type allowedTransport struct {
	next  http.RoundTripper
	allow func() error
}

// RoundTrip implements http.RoundTripper.
func (t *allowedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return t.next.RoundTrip(r)
	}
	if err := t.allow(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, halt(r.Context(), err)
	}
	return t.next.RoundTrip(r)
}

// halt returns the error of ctx when it ends, or err if it does not.
func halt(ctx context.Context, err error) error {
	if Sleep(ctx, longestHalt) == nil {
		return err
	}
	return ctx.Err()
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *allowedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
