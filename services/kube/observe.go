package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"kube-node-manager/services"
)

// Observer is told what the outcome of a call shows about its cluster: nil if
// the cluster answered, an error if it did not answer or cannot serve. began is
// when the call began. The function is called from any goroutine and must not
// block.
type Observer func(began time.Time, err error)

// observedTransport reports the outcome of every call to an Observer, unless the
// outcome shows nothing about the cluster. It wraps the complete transport, so
// that it also sees the failures of credential plugins.
type observedTransport struct {
	next    http.RoundTripper
	observe Observer
}

// RoundTrip implements http.RoundTripper.
func (t *observedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == metricsPath { // whether metrics-server answers shows nothing about the cluster
		return t.next.RoundTrip(r)
	}
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		t.failed(r.Context(), began, err)
		return nil, err
	}
	if shown, relevant := shownBy(r.Method, answer.StatusCode); relevant {
		t.observe(began, shown)
	}
	began = time.Now() // a failure of the body is later than the answer reported above
	failed := func(err error) { t.failed(r.Context(), began, err) }
	answer.Body = &observedBody{ReadCloser: answer.Body, failed: failed}
	return answer, nil
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *observedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// failed reports a call without a complete answer, unless the caller cancelled
// it: that shows nothing about the cluster.
func (t *observedTransport) failed(ctx context.Context, began time.Time, err error) {
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return
	}
	t.observe(began, explainTransport(err))
}

// shownBy returns what a status code shows about the cluster; relevant is false
// if it shows nothing. A write that failed concerns one object only. Refused
// credentials concern the whole cluster, and so does a read that failed.
func shownBy(method string, status int) (shown error, relevant bool) {
	switch {
	case status == http.StatusUnauthorized:
		return services.NewError(services.CodeForbidden, "error_cluster_credentials"), true
	case status < http.StatusInternalServerError:
		return nil, true
	case method != http.MethodGet:
		return nil, false
	case status == http.StatusServiceUnavailable:
		return services.NewError(services.CodeUnavailable, "error_cluster_busy"), true
	default:
		message := http.StatusText(status)
		return services.NewError(services.CodeUnavailable, "error_cluster_fault", "Message", message), true
	}
}

// observedBody reports an answer that breaks off before its reader closes it.
type observedBody struct {
	io.ReadCloser
	failed func(error)
	closed atomic.Bool
}

// Read implements io.Reader.
func (b *observedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !b.closed.Load() {
		b.failed(err)
	}
	return n, err
}

// Close implements io.Closer. Closing a watch makes its pending Read fail, which
// shows nothing about the cluster.
func (b *observedBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}
