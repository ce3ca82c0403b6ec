package kubeconfig

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// serverPath is a path that every proxy and library reads in the same way.
	serverPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)
	hostLabel  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	allDigits  = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]*|[0-9]+)$`)
)

// checkServer returns the address of an API server in its canonical form, or the
// message of what is wrong with it. Libraries differ in how they read unusual
// addresses, so there is only the usual form.
func checkServer(address string) (server, problem string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || address == "" || strings.ContainsAny(address, "\\ \t\r\n"):
		return "", "error_kubeconfig_server"
	case strings.EqualFold(u.Scheme, "http"):
		return "", "error_kubeconfig_http"
	case u.Scheme != "https" || u.Opaque != "":
		return "", "error_kubeconfig_server"
	case u.User != nil:
		return "", "error_kubeconfig_server_user"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(address, "#"):
		return "", "error_kubeconfig_server_query"
	case !isHost(u.Hostname()) || !isPort(u):
		return "", "error_kubeconfig_server_host"
	case !isPath(u):
		return "", "error_kubeconfig_server_path"
	}
	return "https://" + u.Host + strings.TrimSuffix(u.Path, "/"), ""
}

// withoutUser returns an address that can be quoted: without what may be a password.
func withoutUser(address string) string {
	at := strings.LastIndex(address, "@")
	if at < 0 {
		return address
	}
	return address[at+1:]
}

// isHost reports whether a host is an IP address in its usual form or a name of
// ASCII characters. A name whose last label is a number would be read as an IPv4
// address by some libraries.
func isHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	labels := strings.Split(host, ".")
	odd := func(label string) bool { return !hostLabel.MatchString(label) }
	return len(host) <= 253 && !slices.ContainsFunc(labels, odd) && !allDigits.MatchString(labels[len(labels)-1])
}

func isPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

func isPath(u *url.URL) bool {
	clean := strings.TrimSuffix(u.Path, "/")
	return u.RawPath == "" && serverPath.MatchString(u.Path) && !strings.Contains(u.EscapedPath(), "%") &&
		(clean == "" || path.Clean(clean) == clean)
}

// allowsHost reports whether the guard may allow the host of an address. Names are
// checked only when they are resolved.
func (g Guard) allowsHost(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || g.Check(ip) == nil
}
