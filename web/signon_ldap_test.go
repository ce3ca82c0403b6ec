package web

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/ldap/ldaptest"
)

const directoryPassword = "a password at the directory"

// directoryPerson returns an entry whose groups are in memberOf.
func directoryPerson(name string, groups ...string) ldaptest.Entry {
	return ldaptest.Entry{
		DN: "cn=" + name + ",ou=people,dc=example,dc=com", Password: directoryPassword,
		Attributes: map[string][]string{"uid": {name}, "memberOf": groups, "entryUUID": {"id of " + name}},
	}
}

// useDirectory returns an option that makes the program use a directory.
func useDirectory(t *testing.T, s *ldaptest.Server) func(*Options) {
	t.Helper()
	url := s.Listen(t, true)
	return func(o *Options) {
		o.LDAPServers, o.LDAPCAFile, o.LDAPUserBase = []string{url}, s.CAFile, "ou=people,dc=example,dc=com"
		o.LDAPBindDN, o.LDAPBind.Text = ldaptest.SearcherDN, ldaptest.SearcherPassword
		o.GroupRoles = []string{
			"cn=platform,ou=groups,dc=example,dc=com=admin", "cn=dev,ou=groups,dc=example,dc=com=viewer",
		}
	}
}

// The directory checks passwords on the ordinary sign-in page.
func TestLDAP(t *testing.T) {
	s := ldaptest.New(t,
		directoryPerson("grace", "CN=platform, OU=groups, DC=example, DC=com"),
		directoryPerson("dave", "cn=dev,ou=groups,dc=example,dc=com"), directoryPerson("eve"))
	var log logBuffer
	a := startApp(t, useDirectory(t, s), logTo(&log))
	require.Equal(t, http.StatusOK, a.get("/login").status, "although nobody was added")
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials("grace", directoryPassword)).status)
	require.True(t, isSignedIn(a.browser))
	require.Equal(t, "ldap:///dc=example,dc=com", a.audit("?action=login").Items[0].After["provider"])

	dave := a.another()
	require.Equal(t, http.StatusSeeOther, dave.post("/login", credentials("dave", directoryPassword)).status)
	require.Equal(t, http.StatusForbidden, dave.get("/templates/labels/new").status, "a viewer")
	require.Equal(t, "/login", dave.post("/logout", nil).location())

	eve := a.another()
	got := eve.post("/login", credentials("eve", directoryPassword))
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, problemOf(t, got), "None of your groups")
	got = eve.post("/login", credentials("eve", "wrong"))
	require.Equal(t, "The user name or password is wrong.", problemOf(t, got))
	require.Contains(t, []any{"access", "several"}, a.audit("?action=login.failed").Items[0].After["why"])
	for _, secret := range []string{directoryPassword, ldaptest.SearcherPassword} {
		require.NotContains(t, log.String(), secret)
	}
}

// A name with a password here signs in here, also while the directory is down.
func TestLDAP_localNames(t *testing.T) {
	s := ldaptest.New(t, directoryPerson("bob"))
	a := startApp(t, useDirectory(t, s), func(o *Options) { o.LDAPServers = []string{"ldaps://127.0.0.1:1"} })
	a.addUser(t, "bob", "admin")
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials("bob", testPassword)).status)
	require.True(t, isSignedIn(a.browser))
	got := a.another().post("/login", credentials("grace", directoryPassword))
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, problemOf(t, got), "directory")
	require.Equal(t, 1, got.page(t).Find("input[type=password]").Length(), "the form is kept")
	binds, searches := s.Log()
	require.Empty(t, append(binds, searches...))
}

func TestLDAP_withoutLocalLogin(t *testing.T) {
	s := ldaptest.New(t, directoryPerson("grace", "cn=platform,ou=groups,dc=example,dc=com"))
	a := startApp(t, useDirectory(t, s), func(o *Options) { o.LocalLogin = false })
	a.addUser(t, "bob", "admin")
	require.Equal(t, 1, a.get("/login").page(t).Find("input[type=password]").Length())
	require.Equal(t, http.StatusUnauthorized, a.post("/login", credentials("bob", testPassword)).status)
	require.Equal(t, http.StatusSeeOther, a.post("/login", credentials("grace", directoryPassword)).status)
	require.True(t, isSignedIn(a.browser))
}
