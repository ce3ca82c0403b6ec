package ldap

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/ldap/ldaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	people = "ou=people,dc=example,dc=com"
	groups = "ou=groups,dc=example,dc=com"
)

// grace is somebody with a name that needs escaping everywhere.
func grace() ldaptest.Entry {
	return ldaptest.Entry{
		DN: `cn=Grace \(ops\)\2C *,` + people, Password: "correct horse battery",
		Attributes: map[string][]string{
			"uid": {"grace"}, "objectClass": {"person"}, "entryUUID": {"7c3d8f1e-1111-4222-8333-444455556666"},
			"memberOf": {"cn=ops," + groups},
		},
	}
}

func group(name string, members ...string) ldaptest.Entry {
	attributes := map[string][]string{"cn": {name}, "member": members}
	return ldaptest.Entry{DN: "cn=" + name + "," + groups, Attributes: attributes}
}

// start starts a directory, and returns it with a configuration for it.
func start(t *testing.T, entries ...ldaptest.Entry) (*ldaptest.Server, Config) {
	t.Helper()
	s := ldaptest.New(t, entries...)
	return s, Config{
		Servers: []string{s.Listen(t, true)}, Roots: roots(t, s.CAFile),
		BindDN: ldaptest.SearcherDN, BindPassword: ldaptest.SearcherPassword,
		UserBase: people, UserFilter: "(&(objectClass=person)(uid={name}))", NameField: "uid",
		GroupFilter: "(member={dn})", Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return pool
}

func TestSignIn(t *testing.T) {
	_, c := start(t, grace())
	got, err := New(c).SignIn(t.Context(), "Grace", "correct horse battery")
	require.NoError(t, err)
	require.Equal(t, Person{
		Issuer: "ldap:///dc=example,dc=com", Subject: "7c3d8f1e-1111-4222-8333-444455556666", Name: "grace",
		Groups: []string{"cn=ops," + groups},
	}, got)
}

func TestSignIn_groupSearch(t *testing.T) {
	_, c := start(t, grace(), group("ops", grace().DN, "cn=other"), group("dev"), group("night shift", grace().DN))
	c.GroupBase = groups
	got, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.NoError(t, err)
	require.Equal(t, []string{"cn=ops," + groups, "ops", "cn=night shift," + groups, "night shift"}, got.Groups)
}

func TestSignIn_startTLS(t *testing.T) {
	s, c := start(t, grace())
	c.Servers, c.StartTLS = []string{s.Listen(t, false)}, true
	_, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.NoError(t, err)

	before, _ := s.Log()
	c.StartTLS = false
	_, err = New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	after, _ := s.Log()
	require.Equal(t, before, after, "no password was sent")
}

func TestSignIn_certificate(t *testing.T) {
	s, c := start(t, grace())
	before, _ := s.Log()
	c.Roots = x509.NewCertPool()
	_, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	require.ErrorContains(t, err, "certificate")
	c.Servers, c.StartTLS = []string{s.Listen(t, false)}, true
	_, err = New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	after, _ := s.Log()
	require.Equal(t, before, after, "no password was sent")
}

func TestSignIn_wrong(t *testing.T) {
	other := ldaptest.Entry{DN: "cn=twin," + people, Password: "x", Attributes: map[string][]string{
		"uid": {"twin"}, "objectClass": {"person"},
	}}
	second := other
	second.DN = "cn=twin,ou=more," + people
	third := other
	third.DN = "cn=twin,ou=most," + people
	_, c := start(t, grace(), other, second, third)
	for name, tt := range map[string]struct{ name, password string }{
		"password":                    {"grace", "wrong"},
		"unknown":                     {"ada", "correct horse battery"},
		"every name":                  {"*", "correct horse battery"},
		"a filter":                    {"grace)(uid=*", "correct horse battery"},
		"another filter":              {"x)(|(uid=grace", "correct horse battery"},
		"an escape":                   {`\2a`, "correct horse battery"},
		"a null byte":                 {"grace\x00", "correct horse battery"},
		"not UTF-8":                   {"grace\xff", "correct horse battery"},
		"several people":              {"twin", "x"},
		"the account that searches":   {"knm", ldaptest.SearcherPassword},
		"the password of another one": {"grace", ldaptest.SearcherPassword},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := New(c).SignIn(t.Context(), tt.name, tt.password)
			require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err), "%v", err)
			require.Equal(t, "error_login", services.AsError(err).Text)
			require.Zero(t, got)
		})
	}
}

// A name never changes what a filter means.
func TestSignIn_filterIsEscaped(t *testing.T) {
	s, c := start(t, grace(), group("ops", grace().DN))
	c.GroupBase = groups
	_, err := New(c).SignIn(t.Context(), "a)(uid=*)(cn=*", "x")
	require.Error(t, err)
	_, err = New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.NoError(t, err)
	_, searches := s.Log()
	for _, filter := range searches {
		_, err := ldap.CompileFilter(filter)
		require.NoError(t, err, filter)
		require.Zero(t, strings.Count(filter, "*"), filter)
	}
	require.Len(t, searches, 3)
}

// Nothing is sent for an empty password: directories accept it from everybody.
func TestSignIn_emptyPassword(t *testing.T) {
	s, c := start(t, grace())
	for _, tt := range []struct{ name, password string }{{"grace", ""}, {"", "x"}, {"", ""}} {
		_, err := New(c).SignIn(t.Context(), tt.name, tt.password)
		require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
	}
	binds, searches := s.Log()
	require.Empty(t, append(binds, searches...))
}

func TestSignIn_subject(t *testing.T) {
	s, c := start(t)
	for subject, attributes := range map[string]map[string][]string{
		"0102ff00":         {"objectGUID": {"\x01\x02\xff\x00"}},
		"u-1":              {"entryUUID": {"u-1"}},
		"i-1":              {"ipaUniqueID": {"i-1"}},
		"cn=bob," + people: {},
		"u-2":              {"entryUUID": {"u-2"}, "objectGUID": {"\x01"}},
		"n-1":              {"nsUniqueId": {"n-1"}},
	} {
		attributes["uid"], attributes["objectClass"] = []string{"bob"}, []string{"person"}
		s.Set(ldaptest.Entry{DN: "cn=Bob," + people, Password: "x", Attributes: attributes})
		got, err := New(c).SignIn(t.Context(), "bob", "x")
		require.NoError(t, err)
		require.Equal(t, subject, got.Subject)
	}
}

func TestSignIn_unavailable(t *testing.T) {
	s, c := start(t, grace())
	for name, change := range map[string]func(c *Config){
		"refuses connections":  func(c *Config) { c.Servers = []string{"ldaps://127.0.0.1:1"} },
		"refuses our account":  func(c *Config) { c.BindPassword = "wrong" },
		"refuses our searches": func(c *Config) { c.BindDN, c.BindPassword = grace().DN, grace().Password },
		"has no such name":     func(c *Config) { c.NameField = "sAMAccountName" },
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			change(&c)
			_, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
			require.Equal(t, services.CodeUnavailable, services.CodeOf(err), "%v", err)
			require.Equal(t, "error_ldap_unavailable", services.AsError(err).Text)
			for _, secret := range []string{grace().Password, ldaptest.SearcherPassword} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
	s.FailSearches(ldap.LDAPResultBusy)
	_, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	s.FailSearches(0)
	_, err = New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.NoError(t, err)
}

// The next server is used when one does not answer, but not when it refuses our account:
// that would lock the account.
func TestSignIn_severalServers(t *testing.T) {
	s, c := start(t, grace())
	second := s.Listen(t, true)
	c.Servers = []string{"ldaps://127.0.0.1:1", second}
	_, err := New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.NoError(t, err)
	before, _ := s.Log()
	c.Servers, c.BindPassword = []string{second, second, second}, "wrong"
	_, err = New(c).SignIn(t.Context(), "grace", "correct horse battery")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	after, _ := s.Log()
	require.Len(t, after, len(before)+1)
}

// A server that accepts a connection and says nothing fails the sign-in, also when the
// person goes away before.
func TestSignIn_silentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	_, c := start(t)
	c.Servers, c.Timeout = []string{"ldaps://" + l.Addr().String()}, 50*time.Millisecond
	_, err = New(c).SignIn(t.Context(), "grace", "x")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = New(c).SignIn(ctx, "grace", "x")
	require.ErrorIs(t, err, context.Canceled)
}

func TestIssuer(t *testing.T) {
	for base, want := range map[string]string{
		"ou=people,dc=example,dc=com":        "ldap:///dc=example,dc=com",
		"OU=Staff, DC=Example, DC=com":       "ldap:///dc=example,dc=com",
		"dc=example,dc=com":                  "ldap:///dc=example,dc=com",
		"ou=people,o=example":                "ldap:///o=example",
		"dc=odd,ou=people,dc=example,dc=com": "ldap:///dc=example,dc=com",
	} {
		require.Equal(t, want, issuer(base))
	}
}

func TestSameGroup(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"ops", "OPS", true},
		{"ops", "op", false},
		{"CN=Ops,OU=Groups,DC=example,DC=com", "cn=ops, ou=groups, dc=example, dc=com", true},
		{"CN=Ops,OU=Groups,DC=example,DC=com", "CN=Ops,OU=Other,DC=example,DC=com", false},
		{"CN=Ops,DC=example", "Ops", false},
		{"a b", "ab", false},
		{"", "", true},
	} {
		require.Equal(t, tt.want, SameGroup(tt.a, tt.b), "%q and %q", tt.a, tt.b)
		require.Equal(t, tt.want, SameGroup(tt.b, tt.a), "%q and %q", tt.b, tt.a)
	}
}

func TestDial_names(t *testing.T) {
	_, c := start(t)
	u, err := url.Parse(c.Servers[0])
	require.NoError(t, err)
	_, err = New(c).dial("ldaps://localhost:" + u.Port())
	require.ErrorContains(t, err, "certificate is", "it is for 127.0.0.1")
}
