package kube

import (
	"net/http"
	"strings"

	"kube-node-manager/services/trace"
)

// tracedTransport records calls that belong to something which is recorded, until their
// answer begins. Reads for the cache, probes and watches belong to nothing.
type tracedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := trace.Below(r.Context(), callName(r), trace.Method, r.Method, trace.Path, r.URL.Path)
	answer, err := t.next.RoundTrip(r)
	if err == nil {
		span.Set(trace.Status, answer.StatusCode)
	}
	span.End(err)
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (t *tracedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// callName returns what a call does to what kind of object, as in "PATCH nodes" or
// "POST pods/eviction".
func callName(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch parts[0] {
	case "api":
		parts = parts[min(2, len(parts)):]
	case "apis":
		parts = parts[min(3, len(parts)):]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch {
	case len(parts) == 0:
		return r.Method
	case len(parts) > 2:
		return r.Method + " " + parts[0] + "/" + parts[2]
	default:
		return r.Method + " " + parts[0]
	}
}
