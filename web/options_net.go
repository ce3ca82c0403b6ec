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

// checkListen refuses an address that other machines can reach without TLS, because
// passwords would be sent in plain text, unless --insecure-http allows it.
func (o *Options) checkListen() error {
	if err := checkAddress("listen", o.Listen); err != nil {
		return err
	}
	if o.loopback() || o.https() || o.InsecureHTTP {
		return nil
	}
	return fmt.Errorf("--listen: other machines can reach %s, and without TLS passwords are sent in plain text: "+
		"set --tls-cert and --tls-key, or put a TLS proxy in front of the program and set --public-url https://…, "+
		"or listen on 127.0.0.1, or set --insecure-http if the network is safe", o.Listen)
}

// checkTLS returns an error if the options of TLS do not fit together.
func (o *Options) checkTLS() error {
	switch {
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key: set both or neither")
	case o.TLSCert != "" && strings.HasPrefix(o.PublicURL, "http:"):
		return errors.New("--public-url: must begin with https, because --tls-cert is set")
	case o.RedirectAddr == "":
		return nil
	case o.TLSCert == "" || o.PublicURL == "":
		return errors.New("--redirect-addr: needs --tls-cert and --public-url")
	default:
		return checkAddress("redirect-addr", o.RedirectAddr)
	}
}

// scheme returns the scheme of the addresses on which the program listens.
func (o *Options) scheme() string {
	if o.TLSCert != "" {
		return "https"
	}
	return "http"
}

// checkPprof refuses an address that other machines can reach.
func checkPprof(address string) error {
	if err := checkAddress("pprof-addr", address); err != nil {
		return err
	}
	if !isLoopback(address) {
		return fmt.Errorf("--pprof-addr: other machines can reach %s; name a loopback address such as 127.0.0.1:6060",
			address)
	}
	return nil
}

// loopback reports whether only this machine can reach the listener.
func (o *Options) loopback() bool { return isLoopback(o.Listen) }

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// localOnly reports whether only programs on this machine send requests: the listener
// is on the loopback address, and there is no proxy in front of it.
func (o *Options) localOnly() bool { return o.loopback() && o.PublicURL == "" }

// checkHosts returns an error that names each invalid host name.
func checkHosts(hosts []string) error {
	var errs []error
	for _, host := range hosts {
		if !isHostName(host) {
			errs = append(errs, fmt.Errorf("--allowed-hosts: %q must be a host name like nodes.example.com", host))
		}
	}
	return errors.Join(errs...)
}

func isHostName(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && host != "" && u.Host == host && !strings.ContainsAny(host, "*: ")
}

// hostNames returns the host names that requests may have, in lower case. IP addresses
// need not be among them, because DNS rebinding works only with names.
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

// A trusted network with a shorter prefix than these probably contains clients too.
const (
	minProxyBits4 = 24
	minProxyBits6 = 64
)

// wide reports whether a trusted network probably contains clients. They could then
// pretend to have any address.
func wide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < minProxyBits4
	}
	return p.Bits() < minProxyBits6
}

// warn logs the options that are allowed but risky.
func (o *Options) warn(log *slog.Logger) {
	for _, p := range o.TrustedProxies {
		if wide(p) {
			log.Warn("A trusted network is wide: every client in it can pretend to have another address; "+
				"use the address of the proxy itself", "option", "--trusted-proxies", "network", p.String())
		}
	}
	if !o.loopback() && !o.https() {
		log.Warn("Serving other machines without TLS: passwords are sent in plain text",
			"option", "--insecure-http", "address", o.Listen)
	}
}
