package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// validListen refuses to take passwords over a network without encryption,
// unless somebody has said that this is meant.
func (o *Options) validListen() error {
	if err := validAddress("listen", o.Listen); err != nil {
		return err
	}
	if o.loopback() || o.https() || o.InsecureHTTP {
		return nil
	}
	return fmt.Errorf("--listen: %s can be reached from other machines, and without TLS passwords travel in the clear: "+
		"put a proxy with TLS before the program and set --public-url https://…, or listen on 127.0.0.1, "+
		"or give --insecure-http if the network is safe", o.Listen)
}

// loopback reports whether only this machine reaches the listener.
func (o *Options) loopback() bool {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// localOnly reports whether nobody but this machine's own programs sends
// requests: a listener on the loopback address that no proxy stands before.
func (o *Options) localOnly() bool { return o.loopback() && o.PublicURL == "" }

// validHosts refuses what can be no host name.
func validHosts(hosts []string) error {
	var errs []error
	for _, host := range hosts {
		if !isHostName(host) {
			errs = append(errs, fmt.Errorf("--allowed-hosts: %q is not a name like nodes.example.com, without scheme and port", host))
		}
	}
	return errors.Join(errs...)
}

func isHostName(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && host != "" && u.Host == host && !strings.ContainsAny(host, "*: ")
}

// hostNames returns the names that requests may ask for, in lower case. An
// address needs no name: nobody can make a browser believe that an address is a
// site of theirs.
func (o *Options) hostNames() map[string]bool {
	names := append([]string{"localhost"}, o.AllowedHosts...)
	if u, err := url.Parse(o.PublicURL); err == nil {
		names = append(names, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(o.Listen); err == nil {
		names = append(names, host)
	}
	if own, err := os.Hostname(); err == nil && !o.loopback() {
		names = append(names, own)
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[strings.ToLower(strings.TrimSuffix(name, "."))] = name != ""
	}
	return known
}

const (
	// A network of proxies that is wider than these has room for clients too.
	proxyBits4 = 24
	proxyBits6 = 64
)

// wide reports whether a network of trusted proxies is so wide that clients may
// be in it, who could then choose the address that they seem to have.
func wide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < proxyBits4
	}
	return p.Bits() < proxyBits6
}

// warn tells in the log what is allowed and better avoided.
func (o *Options) warn(log *slog.Logger) {
	for _, p := range o.TrustedProxies {
		if wide(p) {
			log.Warn("A trusted network is wide: whoever is in it can pretend to have another address; "+
				"name the proxy's own address", "option", "--trusted-proxies", "network", p.String())
		}
	}
	if !o.loopback() && !o.https() {
		log.Warn("Serving HTTP without TLS beyond this machine: passwords can be read on their way",
			"option", "--insecure-http", "address", o.Listen)
	}
}
