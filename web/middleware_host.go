package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"kube-node-manager/services"
)

// knownHost refuses requests for a host name that is not ours, which prevents DNS
// rebinding: a site whose name points to our address could read our pages. Probes pass,
// because they reveal nothing.
func (e *edge) knownHost(next http.Handler) http.Handler {
	names := e.options.hostNames()
	refuse := e.handle(func(_ http.ResponseWriter, r *http.Request) error {
		return &statusError{
			status: http.StatusMisdirectedRequest,
			err:    services.NewError(services.CodeForbidden, "error_host", "Host", hostOf(r)),
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		host := hostOf(r)
		if probe || isAddress(host) || names[host] {
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, r)
	})
}

// hostOf returns the host of a request without port, in lower case.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isAddress reports whether a host is an IP address or empty. An empty one does no harm,
// because every browser sends a host.
func isAddress(host string) bool {
	if host == "" {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil
}
