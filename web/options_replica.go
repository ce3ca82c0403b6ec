package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// checkDatabase returns an error for an address that is none of PostgreSQL.
func (o *Options) checkDatabase() error {
	if o.Database == "" {
		return nil
	}
	u, err := url.Parse(o.Database)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" {
		// The address is not shown: it may have a password.
		return errors.New("--database: it is not like postgres://user:password@host/database")
	}
	return checkReplicaAddr(o.ReplicaAddr)
}

func checkReplicaAddr(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--replica-addr: %q is not HOST:PORT", address)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return fmt.Errorf("--replica-addr: %q does not say where the other replicas reach this one; "+
			"name its own address, such as 10.0.0.5:8081", address)
	}
	return nil
}
