package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// affects counts a call and reports whether the fault affects it. The proxy's
// lock must be held.
func (i *Injected) affects(r *Request) bool {
	f := &i.fault
	if !r.matches(f.Verb, f.Resource) ||
		(f.Namespace != "" && f.Namespace != r.Namespace) ||
		(f.Name != "" && f.Name != r.Name) ||
		(f.Path != "" && f.Path != r.Path) {
		return false
	}
	i.seen++
	if i.seen <= f.Skip || (f.Times > 0 && i.hits >= f.Times) {
		return false
	}
	i.hits++
	return true
}

// wait waits for delay and then until hold is closed. The error is that of ctx,
// which ends when the client is gone.
func wait(ctx context.Context, delay time.Duration, hold <-chan struct{}) error {
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// errCut is the error of an answer that a fault cuts off.
var errCut = errors.New("kubetest: the fault cut off the answer")

// truncated is a body that fails after a number of bytes.
type truncated struct {
	io.ReadCloser
	left int
}

func (b *truncated) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errCut
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// lagging is a body that comes late, part by part.
type lagging struct {
	io.ReadCloser
	ctx context.Context
	lag time.Duration
}

func (b *lagging) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if wait(b.ctx, rand.N(b.lag), nil) != nil {
		return 0, errCut
	}
	return n, err
}

// answerFault is the context key of the fault that affects a call's answer.
type answerFault struct{}

// apply applies a fault to one call.
func (p *Proxy) apply(w http.ResponseWriter, r *http.Request, i *Injected) {
	f := &i.fault
	if wait(r.Context(), f.Delay, f.Hold) != nil {
		panic(http.ErrAbortHandler)
	}
	if f.GoAway {
		w.Header().Set("Connection", "close") // makes net/http send GOAWAY on HTTP/2
	}
	if f.Skew != 0 {
		r.Header.Set("Accept", "application/json") // Clients prefer Protobuf, whose times are not to be found.
	}
	switch {
	case f.Cut == CutBefore:
		f.disconnect(r)
		panic(http.ErrAbortHandler) // Breaks this call's stream.
	case f.Handler != nil:
		f.Handler(w, r)
	case f.Code != 0:
		f.refuse(w)
	default:
		p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), answerFault{}, i)))
	}
}

// disconnect closes the client's connection, if the fault says so.
func (f *Fault) disconnect(r *http.Request) {
	if conn, ok := r.Context().Value(connection{}).(net.Conn); ok && f.Connection {
		conn.Close()
	}
}

// modifyResponse applies the fault of a call, if any, to the API server's answer.
func modifyResponse(response *http.Response) error {
	i, found := response.Request.Context().Value(answerFault{}).(*Injected)
	if !found {
		return nil
	}
	i.answered()
	f := &i.fault
	if err := wait(response.Request.Context(), f.DelayAnswer, f.HoldAnswer); err != nil {
		return err
	}
	if f.Cut == CutAfter {
		f.disconnect(response.Request)
		return errCut
	}
	if f.Skew != 0 {
		f.skew(response)
	}
	if f.Truncate > 0 {
		response.Body = &truncated{response.Body, f.Truncate}
	}
	if f.Lag > 0 {
		response.Body = &lagging{response.Body, response.Request.Context(), f.Lag}
	}
	return nil
}

// refuse answers with the error of an API server.
func (f *Fault) refuse(w http.ResponseWriter) {
	message := f.Message
	if message == "" {
		message = "kubetest: " + http.StatusText(f.Code)
	}
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(f.Code), Reason: reason(f.Code), Message: message,
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		status.Details = &metav1.StatusDetails{RetryAfterSeconds: int32(f.RetryAfter)}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Code)
	_ = json.NewEncoder(w).Encode(status) // The client may be gone.
}

func reason(code int) metav1.StatusReason {
	return map[int]metav1.StatusReason{
		http.StatusUnauthorized:        metav1.StatusReasonUnauthorized,
		http.StatusForbidden:           metav1.StatusReasonForbidden,
		http.StatusNotFound:            metav1.StatusReasonNotFound,
		http.StatusConflict:            metav1.StatusReasonConflict,
		http.StatusGone:                metav1.StatusReasonExpired,
		http.StatusUnprocessableEntity: metav1.StatusReasonInvalid,
		http.StatusTooManyRequests:     metav1.StatusReasonTooManyRequests,
		http.StatusInternalServerError: metav1.StatusReasonInternalError,
		http.StatusServiceUnavailable:  metav1.StatusReasonServiceUnavailable,
		http.StatusGatewayTimeout:      metav1.StatusReasonTimeout,
	}[code]
}
