// Package ldap checks names and passwords in a directory, such as OpenLDAP or Active
// Directory: it searches for the person with an account of its own, and then binds
// as the person with the typed password.
//
// Connections are always encrypted, with ldaps:// or StartTLS. Each sign-in opens one and
// closes it: a directory that is down costs nothing until somebody signs in.
package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"kube-node-manager/services"
)

// Config describes the directory. In filters, {name} stands for the name of the
// person and {dn} for the name of their entry; both are escaped.
type Config struct {
	Servers      []string // URLs; the first that answers is used
	StartTLS     bool     // needed for ldap://
	Roots        *x509.CertPool
	BindDN       string // the account that searches; "" searches without one
	BindPassword string
	UserBase     string // the entry below which people are
	UserFilter   string
	NameField    string // the attribute with the user name
	GroupBase    string // the entry below which groups are; "" reads memberOf of the person
	GroupFilter  string
	Timeout      time.Duration // of each step

	Log *slog.Logger
}

// Directory signs people in. It is safe for concurrent use.
type Directory struct{ config Config }

// New returns a Directory, and connects to nobody. Config must have been checked.
func New(c Config) *Directory { return &Directory{c} }

// Person is who has signed in.
type Person struct {
	Issuer  string // the directory, whichever server has answered
	Subject string
	Name    string
	Groups  []string // distinguished names, and with GroupBase the common names too
}

// SignIn returns the person with that name and password.
//
// Errors: CodeUnauthenticated for an unknown name, a wrong password, and whoever the
// directory refuses otherwise; CodeUnavailable if it does not answer or refuses the
// account that searches.
func (d *Directory) SignIn(ctx context.Context, name, password string) (Person, error) {
	if name == "" || password == "" { // a bind without a password succeeds for everybody
		return Person{}, wrong(errors.New("an empty name or password"))
	}
	conn, err := d.connect(ctx)
	if err != nil {
		return Person{}, unavailable(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close() // there is nothing to lose
	}()
	person, err := d.signIn(conn, name, password)
	if err != nil && services.CodeOf(err) == services.CodeInternal {
		return Person{}, unavailable(err)
	}
	return person, err
}

func (d *Directory) signIn(conn *ldap.Conn, name, password string) (Person, error) {
	entry, err := d.find(conn, name)
	if err != nil {
		return Person{}, err
	}
	if err := d.bindAs(conn, entry.DN, password); err != nil {
		return Person{}, err
	}
	person := Person{
		Issuer: issuer(d.config.UserBase), Subject: subject(entry), Name: entry.GetAttributeValue(d.config.NameField),
	}
	if person.Name == "" {
		return Person{}, fmt.Errorf("the entry %s has no attribute %s", entry.DN, d.config.NameField)
	}
	person.Groups, err = d.groups(conn, entry, person.Name)
	return person, err
}

// find returns the entry of a person.
func (d *Directory) find(conn *ldap.Conn, name string) (*ldap.Entry, error) {
	const two = 2 // more than one is an error, so more need not be read
	filter := fill(d.config.UserFilter, name, "")
	fields := append([]string{d.config.NameField, "memberOf"}, idFields()...)
	found, err := conn.Search(d.search(d.config.UserBase, filter, two, fields))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
	case err != nil:
		return nil, fmt.Errorf("search for the person: %w", err)
	case len(found.Entries) == 0:
		return nil, wrong(errors.New("the directory has no such person"))
	}
	if len(found.Entries) != 1 {
		d.config.Log.Warn("Several entries of the directory have the same user name", "option", "--ldap-user-filter")
		return nil, wrong(errors.New("several people have the name"))
	}
	return found.Entries[0], nil
}

// bindAs checks the password of a person.
func (d *Directory) bindAs(conn *ldap.Conn, dn, password string) error {
	err := conn.Bind(dn, password)
	for _, code := range []uint16{
		ldap.LDAPResultInvalidCredentials, ldap.LDAPResultConstraintViolation, ldap.LDAPResultUnwillingToPerform,
		ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultInappropriateAuthentication,
	} {
		if ldap.IsErrorWithCode(err, code) {
			return wrong(err)
		}
	}
	if err != nil {
		return fmt.Errorf("bind as the person: %w", err)
	}
	return nil
}

// groups returns the groups of a person.
func (d *Directory) groups(conn *ldap.Conn, person *ldap.Entry, name string) ([]string, error) {
	if d.config.GroupBase == "" {
		return person.GetAttributeValues("memberOf"), nil
	}
	if err := d.bind(conn); err != nil { // people may not be allowed to search
		return nil, err
	}
	const all = 0
	filter := fill(d.config.GroupFilter, name, person.DN)
	found, err := conn.Search(d.search(d.config.GroupBase, filter, all, []string{"cn"}))
	if err != nil {
		return nil, fmt.Errorf("search for the groups: %w", err)
	}
	var groups []string
	for _, group := range found.Entries {
		groups = append(append(groups, group.DN), group.GetAttributeValues("cn")...)
	}
	return groups, nil
}

func (d *Directory) search(base, filter string, limit int, fields []string) *ldap.SearchRequest {
	seconds := max(1, int(d.config.Timeout.Seconds()))
	return ldap.NewSearchRequest(
		base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, limit, seconds, false, filter, fields, nil)
}

// fill puts names into a filter.
func fill(filter, name, dn string) string {
	return strings.NewReplacer("{name}", ldap.EscapeFilter(name), "{dn}", ldap.EscapeFilter(dn)).Replace(filter)
}

// SameGroup reports whether two names of groups are the same: names in a directory
// ignore case, and distinguished names also the spaces between their parts.
func SameGroup(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	first, err := ldap.ParseDN(a)
	if err != nil {
		return false
	}
	second, err := ldap.ParseDN(b)
	return err == nil && len(first.RDNs) > 1 && first.EqualFold(second)
}

// CheckFilter returns an error unless a filter is valid and contains one of the
// placeholders.
func CheckFilter(filter string, placeholders ...string) error {
	if _, err := ldap.CompileFilter(fill(filter, "x", "cn=x")); err != nil {
		return err
	}
	for _, p := range placeholders {
		if strings.Contains(filter, p) {
			return nil
		}
	}
	return fmt.Errorf("it does not contain %s", strings.Join(placeholders, " or "))
}

// CheckDN returns an error unless dn is a distinguished name.
func CheckDN(dn string) error {
	_, err := ldap.ParseDN(dn)
	return err
}

// wrong returns the error of a wrong name or password.
func wrong(err error) error { return services.Wrap(err, services.CodeUnauthenticated, "error_login") }

// unavailable returns the error of a directory that cannot be used.
func unavailable(err error) error {
	return services.Wrap(err, services.CodeUnavailable, "error_ldap_unavailable")
}
