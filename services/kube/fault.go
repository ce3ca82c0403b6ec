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

// Fault says what an error of a call means for whoever made it.
type Fault struct {
	Retry     bool          // the same call may succeed later
	After     time.Duration // the server's wish for the wait; 0 when it has none
	Throttled bool          // the server is busy: slow the whole cluster's work
	Unknown   bool          // a write may have taken effect
}

// callError is a domain error that remembers its fault.
type callError struct {
	domain *services.Error
	fault  Fault
}

func (e *callError) Error() string { return e.domain.Error() }

// Unwrap makes errors.As find the domain error.
func (e *callError) Unwrap() error { return e.domain }

// FaultOf gives the fault of an error that this package returned; any other
// error has none.
func FaultOf(err error) Fault {
	if e, ok := errors.AsType[*callError](err); ok {
		return e.fault
	}
	return Fault{}
}

// Explain turns an error of client-go into a domain error. call is the verb
// and the resource, such as "patch nodes": a person reads it as the right that
// is missing.
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

// explainStatus classes an answer of the API server by its HTTP status.
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
		return wrap(services.CodeUnavailable, "error_cluster_busy", Fault{Retry: true, Throttled: true, After: after, Unknown: true})
	}
	if s.Code >= http.StatusInternalServerError {
		return wrap(services.CodeUnavailable, "error_cluster_fault", Fault{Retry: true, After: after, Unknown: true}, "Message", s.Message)
	}
	return wrap(services.CodeInvalid, "error_cluster_refused", Fault{}, "Message", s.Message)
}

func retryAfter(s metav1.Status) time.Duration {
	if s.Details == nil {
		return 0
	}
	return time.Duration(s.Details.RetryAfterSeconds) * time.Second
}

// explainTransport classes an error without an answer. Only an error from
// before the connection stood is sure to have changed nothing.
func explainTransport(err error) error {
	wrap := func(code services.Code, text string, f Fault, args ...any) error {
		return &callError{services.Wrap(err, code, text, args...), f}
	}
	var certificate x509.UnknownAuthorityError
	var hostname x509.HostnameError
	switch {
	case errors.Is(err, context.Canceled):
		return wrap(services.CodeTimeout, "error_call_cancelled", Fault{Unknown: true})
	case errors.Is(err, context.DeadlineExceeded):
		return wrap(services.CodeTimeout, "error_cluster_timeout", Fault{Retry: true, Unknown: true})
	case errors.As(err, &certificate), errors.As(err, &hostname):
		return wrap(services.CodeUnavailable, "error_cluster_certificate", Fault{})
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return wrap(services.CodeUnavailable, "error_cluster_unreachable", Fault{Retry: true}, "Address", address(op))
	}
	return wrap(services.CodeUnavailable, "error_cluster_cut", Fault{Retry: true, Unknown: true})
}

func address(op *net.OpError) string {
	if op.Addr == nil {
		return ""
	}
	return op.Addr.String()
}
