package ldap

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// connect returns a connection to the first server that answers, bound as the account
// that searches.
func (d *Directory) connect(ctx context.Context) (*ldap.Conn, error) {
	var errs []error
	for _, server := range d.config.Servers {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		conn, err := d.dial(server)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", server, err))
			continue
		}
		err = d.bind(conn)
		if err == nil {
			return conn, nil
		}
		_ = conn.Close() // the error of the bind says more
		if !ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
			return nil, err // another server would count it as one more wrong password
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
	}
	return nil, errors.Join(errs...)
}

// dial connects to a server with TLS.
func (d *Directory) dial(server string) (*ldap.Conn, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{RootCAs: d.config.Roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	conn, err := ldap.DialURL(server,
		ldap.DialWithDialer(&net.Dialer{Timeout: d.config.Timeout}), ldap.DialWithTLSConfig(secure))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(d.config.Timeout)
	if u.Scheme == "ldaps" {
		return conn, nil
	}
	if !d.config.StartTLS { // Config was not checked; a password must not be sent in plain text
		_ = conn.Close()
		return nil, errors.New("the connection would not be encrypted")
	}
	if err := conn.StartTLS(secure); err != nil {
		_ = conn.Close() // the error of StartTLS says more
		return nil, fmt.Errorf("begin TLS: %w", err)
	}
	return conn, nil
}

// bind signs in as the account that searches, if there is one.
func (d *Directory) bind(conn *ldap.Conn) error {
	if d.config.BindDN == "" {
		return conn.UnauthenticatedBind("")
	}
	if err := conn.Bind(d.config.BindDN, d.config.BindPassword); err != nil {
		return fmt.Errorf("bind as --ldap-bind-dn: %w", err)
	}
	return nil
}

// issuer returns the name of the directory in identities. It is that of the domain, which
// stays the same when the servers or the entry below which people are change.
func issuer(base string) string {
	dn, err := ldap.ParseDN(base)
	if err != nil || len(dn.RDNs) == 0 {
		return "ldap:///" + base
	}
	first := len(dn.RDNs) - 1
	for first > 0 && strings.EqualFold(dn.RDNs[first-1].Attributes[0].Type, "dc") {
		first--
	}
	domain := ldap.DN{RDNs: dn.RDNs[first:]}
	return "ldap:///" + strings.ToLower(domain.String())
}

const (
	entryUUID  = "entryUUID"  // OpenLDAP and others
	objectGUID = "objectGUID" // Active Directory; binary
)

// idFields returns the attributes with the permanent id of an entry.
func idFields() []string { return []string{entryUUID, objectGUID, "ipaUniqueID", "nsUniqueId"} }

// subject returns the permanent id of an entry, or its name if it has none.
func subject(entry *ldap.Entry) string {
	for _, field := range idFields() {
		raw := entry.GetEqualFoldRawAttributeValue(field)
		switch {
		case len(raw) == 0:
		case field == objectGUID:
			return hex.EncodeToString(raw)
		default:
			return string(raw)
		}
	}
	return strings.ToLower(entry.DN)
}
