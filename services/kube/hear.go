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

// Heard is told what a call that began then shows of its cluster: nil that the
// cluster answered, an error that it did not, or cannot serve. It is called from
// any goroutine and must not block.
type Heard func(began time.Time, err error)

// listener tells what every call shows of the cluster; what shows nothing is not
// told. It stands around the whole transport, so that it hears of a credential
// plugin that failed as well.
type listener struct {
	next http.RoundTripper
	tell Heard
}

// RoundTrip is http.RoundTripper's.
func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := l.next.RoundTrip(r)
	if err != nil {
		l.failed(r.Context(), began, err)
		return nil, err
	}
	if heard, telling := answered(r.Method, answer.StatusCode); telling {
		l.tell(began, heard)
	}
	began = time.Now() // what breaks off now does so after that answer
	answer.Body = &heardBody{ReadCloser: answer.Body, failed: func(err error) { l.failed(r.Context(), began, err) }}
	return answer, nil
}

// WrappedRoundTripper lets client-go look behind the listener.
func (l *listener) WrappedRoundTripper() http.RoundTripper { return l.next }

// failed tells of a call without an answer, unless whoever made it gave it up:
// that says nothing of the cluster.
func (l *listener) failed(ctx context.Context, began time.Time, err error) {
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return
	}
	l.tell(began, explainTransport(err))
}

// answered returns what a status says of the cluster, and whether it says
// anything. One refused write tells nothing of the whole; a refused credential
// does, and so does a server that cannot serve a read.
func answered(method string, status int) (err error, telling bool) {
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
		return services.NewError(services.CodeUnavailable, "error_cluster_fault", "Message", http.StatusText(status)), true
	}
}

// heardBody notices an answer that breaks off before its reader closes it.
type heardBody struct {
	io.ReadCloser
	failed func(error)
	closed atomic.Bool
}

// Read is io.Reader's.
func (b *heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !b.closed.Load() {
		b.failed(err)
	}
	return n, err
}

// Close is io.Closer's. Who closes a watch makes the read that waits in it fail,
// which says nothing of the cluster.
func (b *heardBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}
