package kubeconfig

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services"
)

// Settings of new connections, the same as client-go's.
const (
	dialTimeout = 30 * time.Second
	keepAlive   = 30 * time.Second
)

// Guard says to which addresses the clients of imported clusters may connect.
//
// Addresses that only the machine itself or its cloud's metadata service has are
// always refused: an address of a kubeconfig must not make this program read the
// credentials of its own machine. The zero Guard also refuses the loopback address,
// and allows all other ones, public and private.
type Guard struct {
	// Networks are the only networks that are allowed, if there are any. The loopback
	// address must be in one of them to be allowed.
	Networks []netip.Prefix
	// Public allows public addresses as well as Networks, and private ones only in Networks.
	Public bool
	// Dialed, if not nil, is called with each address before it is checked.
	Dialed func(netip.AddrPort)
	// Resolver resolves names; nil means that of the system.
	Resolver *net.Resolver
}

// Check returns an error if no connection may be made to an address.
//
// Errors: CodeForbidden.
func (g Guard) Check(ip netip.Addr) error {
	if !usual(ip) || !g.allows(target(ip)) {
		return services.NewError(services.CodeForbidden, "error_cluster_guard", "Address", ip.String())
	}
	return nil
}

// usual reports whether an address is none of those that are always refused.
func usual(ip netip.Addr) bool {
	at := target(ip)
	switch {
	case !ip.IsValid() || ip.Zone() != "" || at.IsUnspecified() || at.IsMulticast() || at.IsLinkLocalUnicast():
		return false
	case at.IsLoopback():
		return true // allows decides about it
	}
	within := func(network netip.Prefix) bool { return network.Contains(at) }
	return !slices.ContainsFunc(neverNetworks(), within)
}

func (g Guard) allows(ip netip.Addr) bool {
	within := func(network netip.Prefix) bool { return network.Contains(ip) }
	switch {
	case slices.ContainsFunc(g.Networks, within):
		return true
	case g.Public:
		return !ip.IsLoopback() && !ip.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(ip)
	default:
		return len(g.Networks) == 0 && !ip.IsLoopback()
	}
}

// neverNetworks returns the networks that are refused besides link-local ones: those
// that have no hosts, and the metadata services of clouds.
func neverNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),          // this network
		netip.MustParsePrefix("240.0.0.0/4"),        // reserved, and broadcast
		netip.MustParsePrefix("100.100.100.200/32"), // metadata of Alibaba Cloud
		netip.MustParsePrefix("192.0.0.192/32"),     // metadata of Oracle Cloud
		netip.MustParsePrefix("168.63.129.16/32"),   // the host of Azure
		netip.MustParsePrefix("::/96"),              // IPv4-compatible
		netip.MustParsePrefix("2001::/32"),          // Teredo, which hides an IPv4 address
		netip.MustParsePrefix("fec0::/10"),          // site-local, no longer in use
		netip.MustParsePrefix("fd00:ec2::/32"),      // metadata of Amazon
		netip.MustParsePrefix("fd20:ce::254/128"),   // metadata of Google
	}
}

// target returns the IPv4 address that an IPv6 address stands for, or the address
// itself.
func target(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if !ip.Is6() {
		return ip
	}
	bytes := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip): // NAT64
		return netip.AddrFrom4([4]byte(bytes[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(ip): // 6to4
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	}
	return ip
}

// DialContext connects to an address if it is allowed. The check is made on the
// address of the socket, after names were resolved, so a name cannot stand for
// another address later.
func (g Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Resolver: g.Resolver, Control: g.control}
	return dialer.DialContext(ctx, network, address)
}

// control is called for each socket before it connects.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return services.Wrap(err, services.CodeForbidden, "error_cluster_guard", "Address", services.Clip(address))
	}
	if g.Dialed != nil {
		g.Dialed(at)
	}
	return g.Check(at.Addr())
}

// Config returns the configuration of a client. The client connects only to
// addresses that the guard allows, without a proxy, and follows no redirect.
func (a Access) Config(g Guard) *rest.Config {
	return &rest.Config{
		Host: a.Server, BearerToken: a.Token,
		TLSClientConfig: rest.TLSClientConfig{
			Insecure: a.Insecure, ServerName: a.ServerName, CAData: a.CA, CertData: a.Cert, KeyData: a.Key,
		},
		Dial: g.DialContext,
		// A proxy of the environment would connect in our place, past the guard.
		Proxy:         noProxy,
		WrapTransport: func(next http.RoundTripper) http.RoundTripper { return &straight{next} },
	}
}

// straight refuses redirects. An API server does not send any, and http.Client would
// follow them.
type straight struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s *straight) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.Header.Get("Location") != "" && answer.StatusCode/100 == 3 {
		_ = answer.Body.Close()
		return nil, services.NewError(services.CodeUnavailable, "error_cluster_redirect")
	}
	return answer, nil
}

// WrappedRoundTripper lets client-go find the transport below.
func (s *straight) WrappedRoundTripper() http.RoundTripper { return s.next }

// noProxy is a function for http.Transport that uses no proxy.
func noProxy(*http.Request) (*url.URL, error) { return nil, nil }
