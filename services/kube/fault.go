package kube

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
)

// Fault says what the error of a call means for its caller.
type Fault struct {
	Retry     bool          // the same call may succeed later
	After     time.Duration // how long the server asks to wait before a retry; 0 if it does not say
	Throttled bool          // the server is busy: make fewer calls to the whole cluster
	Unknown   bool          // the write may have taken effect
	Away      bool          // perhaps no API server is there at all; Answers tells
}

// callError is a domain error with its fault.
type callError struct {
	domain *services.Error
	fault  Fault
}

func (e *callError) Error() string { return e.domain.Error() }

// Unwrap lets errors.As find the domain error.
func (e *callError) Unwrap() error { return e.domain }

// FaultOf returns the fault of an error that this package returned. For any other
// error it is the zero Fault.
func FaultOf(err error) Fault {
	if e, ok := errors.AsType[*callError](err); ok {
		return e.fault
	}
	return Fault{}
}

// CauseOf returns what is behind an error of a call, in the words of the API server or of
// the connection.
func CauseOf(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return status.Status().Message
	}
	domain, ok := errors.AsType[*services.Error](err)
	if ok && domain.Err != nil {
		return domain.Err.Error()
	}
	return err.Error()
}

// Explain turns an error of client-go into a domain error. call is the verb and
// the resource, such as "patch nodes"; if the call was not allowed, the message
// names it as the missing permission.
func Explain(err error, call string) error {
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return explainStatus(err, status.Status(), call)
	}
	return explainTransport(err)
}

// explainStatus classifies an answer of the API server by its HTTP status.
func explainStatus(err error, s metav1.Status, call string) error {
	wrap := func(code services.Code, text string, f Fault, args ...any) error {
		return &callError{services.Wrap(err, code, text, args...), f}
	}
	after := retryAfter(s)
	switch s.Code {
	case http.StatusUnauthorized:
		return wrap(services.CodeForbidden, "error_cluster_credentials", Fault{})
	case http.StatusForbidden:
		return wrap(services.CodeForbidden, "error_cluster_forbidden", Fault{}, "Call", call)
	case http.StatusNotFound:
		return wrap(services.CodeNotFound, "error_node_gone", Fault{})
	case http.StatusConflict:
		if strings.Contains(s.Message, "uid mismatch") {
			return wrap(services.CodeConflict, "error_node_replaced", Fault{})
		}
		return wrap(services.CodeConflict, "error_node_changed", Fault{Retry: true})
	case http.StatusUnprocessableEntity:
		if strings.Contains(s.Message, "metadata.uid") {
			return wrap(services.CodeConflict, "error_node_replaced", Fault{})
		}
		return wrap(services.CodeInvalid, "error_cluster_refused", Fault{}, "Message", s.Message)
	case http.StatusTooManyRequests:
		return wrap(services.CodeUnavailable, "error_cluster_busy", Fault{Retry: true, Throttled: true, After: after})
	case http.StatusServiceUnavailable:
		fault := Fault{Retry: true, Throttled: true, After: after, Unknown: true, Away: true}
		return wrap(services.CodeUnavailable, "error_cluster_busy", fault)
	}
	if s.Code >= http.StatusInternalServerError {
		fault := Fault{Retry: true, After: after, Unknown: true, Away: true}
		return wrap(services.CodeUnavailable, "error_cluster_fault", fault, "Message", s.Message)
	}
	return wrap(services.CodeInvalid, "error_cluster_refused", Fault{}, "Message", s.Message)
}

func retryAfter(s metav1.Status) time.Duration {
	if s.Details == nil {
		return 0
	}
	return time.Duration(s.Details.RetryAfterSeconds) * time.Second
}

// explainTransport classifies an error without an answer. A write certainly had
// no effect only if no connection could be made.
func explainTransport(err error) error {
	wrap := func(code services.Code, text string, f Fault, args ...any) error {
		return &callError{services.Wrap(err, code, text, args...), f}
	}
	var certificate x509.UnknownAuthorityError
	var hostname x509.HostnameError
	if known, ok := errors.AsType[*services.Error](err); ok { // of the dialer or transport in the configuration
		return wrap(known.Code, known.Text, Fault{}, argsOf(known)...)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return wrap(services.CodeTimeout, "error_call_cancelled", Fault{Unknown: true})
	case errors.Is(err, context.DeadlineExceeded):
		return wrap(services.CodeTimeout, "error_cluster_timeout", Fault{Retry: true, Unknown: true, Away: true})
	case errors.As(err, &certificate), errors.As(err, &hostname):
		return wrap(services.CodeUnavailable, "error_cluster_certificate", Fault{})
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		fault := Fault{Retry: true, Away: true}
		return wrap(services.CodeUnavailable, "error_cluster_unreachable", fault, "Address", address(op))
	}
	return wrap(services.CodeUnavailable, "error_cluster_cut", Fault{Retry: true, Unknown: true, Away: true})
}

// argsOf returns the values of an error's placeholders as key-value pairs.
func argsOf(e *services.Error) []any {
	var pairs []any
	for key, value := range e.Args {
		pairs = append(pairs, key, value)
	}
	return pairs
}

func address(op *net.OpError) string {
	if op.Addr == nil {
		return ""
	}
	return op.Addr.String()
}
