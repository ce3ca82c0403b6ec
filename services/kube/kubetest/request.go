package kubetest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Request is one call that arrived at a [Proxy], in the terms of the API server.
type Request struct {
	Verb string // get, list, watch, create, update, patch, delete or deletecollection.
	// As in RBAC: "nodes", "pods/eviction"; empty for paths like /version. What the metrics
	// API calls nodes is "nodes.metrics.k8s.io".
	Resource  string
	Namespace string
	Name      string
	Path      string
	Query     string
	Body      []byte // Empty unless the call writes.
	Time      time.Time
	Code      int // The answer's status code; 0 if the call was cut or is still in progress.
}

// metricsGroup has another kind of nodes.
const metricsGroup = "metrics.k8s.io"

// parseRequest reads the paths of the API: /api/v1 and /apis/GROUP/VERSION,
// then [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]].
func parseRequest(r *http.Request) Request {
	call := Request{Path: r.URL.Path, Query: r.URL.RawQuery, Time: time.Now()}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default: // Discovery, /version, /readyz.
		call.Verb = strings.ToLower(r.Method)
		return call
	}
	if parts[0] == "namespaces" && len(parts) > 2 && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
		call.Namespace, parts = parts[1], parts[2:]
	}
	call.Resource = parts[0]
	if strings.HasPrefix(call.Path, "/apis/"+metricsGroup+"/") {
		call.Resource += "." + metricsGroup
	}
	if len(parts) > 1 {
		call.Name = parts[1]
	}
	if len(parts) > 2 {
		call.Resource += "/" + parts[2]
	}
	call.Verb = verb(r, call.Name == "")
	return call
}

func verb(r *http.Request, collection bool) string {
	watch := r.URL.Query().Get("watch")
	switch r.Method {
	case http.MethodGet:
		switch {
		case watch == "true" || watch == "1":
			return "watch"
		case collection:
			return "list"
		default:
			return "get"
		}
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodDelete:
		if collection {
			return "deletecollection"
		}
	}
	return strings.ToLower(r.Method)
}

// matches reports whether the call has this verb and resource; empty means any.
func (r *Request) matches(verb, resource string) bool {
	return (verb == "" || verb == r.Verb) && (resource == "" || resource == r.Resource)
}
