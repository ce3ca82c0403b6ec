package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// admin runs command lines on a database with ada, an administrator.
type admin struct {
	t *testing.T
}

func newAdmin(t *testing.T) admin {
	t.Helper()
	t.Setenv("KNM_DATA", filepath.Join(t.TempDir(), "data"))
	a := admin{t}
	a.add("ada", "admin")
	return a
}

func (a admin) add(name, role string) {
	a.t.Helper()
	code, _, errs := command(a.t, "correct horse battery\n", "user", "add", name, "--role", role)
	require.Zero(a.t, code, errs)
}

// ok runs a command line that succeeds, and returns its output.
func (a admin) ok(args ...string) string {
	a.t.Helper()
	code, out, errs := command(a.t, "", args...)
	require.Zero(a.t, code, errs)
	require.Empty(a.t, errs)
	return out
}

// refused runs a command line that fails, and returns its error.
func (a admin) refused(args ...string) string {
	a.t.Helper()
	code, out, errs := command(a.t, "", args...)
	require.Equal(a.t, exitFailed, code)
	require.Empty(a.t, out)
	return strings.TrimPrefix(errs, "kube-node-manager: ")
}

func TestUser_access(t *testing.T) {
	a := newAdmin(t)
	a.add("bob", "user")
	a.ok("user", "token", "bob")
	require.Equal(t, "Disabled bob and ended all their sessions. 1 token does not work until user enable.\n",
		a.ok("user", "disable", "bob"))
	require.Equal(t, "bob is already disabled.\n", a.refused("user", "disable", "bob"))
	require.Contains(t, a.refused("user", "token", "bob"), "bob is already disabled")
	require.Regexp(t, `(?m)^NAME +ROLE +STATE +CREATED +LAST SIGN-IN +SECOND FACTOR +GRANTS
ada +admin +enabled +\S+Z +- +no +-
bob +user +disabled +\S+Z +- +no +-
$`, a.ok("user", "list"))
	require.Equal(t, "Enabled bob. 1 token works again until it expires.\n", a.ok("user", "enable", "bob"))
	require.Equal(t, "bob is not disabled.\n", a.refused("user", "enable", "bob"))
	require.Equal(t, "bob is viewer from the next request on.\n", a.ok("user", "role", "bob", "viewer"))
	a.ok("user", "role", "bob", "none", "--grant", "env=staging: user", "--grant", "prod: viewer")
	require.Contains(t, a.ok("user", "list"), "env=staging: user, prod: viewer")
	require.Contains(t, a.refused("user", "role", "bob", "none", "--grant", "prod"), "not a grant")
	a.ok("user", "role", "bob", "viewer")
	require.Contains(t, a.ok("user", "list"), "prod: viewer", "without a grant only the role changes")
	a.ok("user", "role", "bob", "viewer", "--no-grants")
	require.NotContains(t, a.ok("user", "list"), "prod")
	require.Equal(t, "bob already has the role viewer.\n", a.refused("user", "role", "bob", "viewer"))
	require.Equal(t, "bob has no second factor.\n", a.refused("user", "remove-factor", "bob"))
	require.Equal(t, "Deleted bob and ended all their sessions. 1 token was revoked.\n",
		a.ok("user", "delete", "bob"))
	for _, verb := range []string{"delete", "disable", "enable", "remove-factor"} {
		require.Equal(t, "There is no user named bob.\n", a.refused("user", verb, "bob"))
	}
	for _, args := range [][]string{{"disable", "ada"}, {"delete", "ada"}, {"role", "ada", "user"}} {
		require.Equal(t, "ada is the last administrator who can sign in. "+
			"Create or enable another administrator first.\n",
			a.refused(append([]string{"user"}, args...)...))
	}
	a.add("eve", "admin")
	require.Equal(t, "Deleted ada and ended all their sessions.\n", a.ok("user", "delete", "ada"))
}

func TestToken(t *testing.T) {
	a := newAdmin(t)
	a.add("bob", "user")
	a.ok("user", "token", "ada", "--label", "ci", "--expires", "12h")
	a.ok("user", "token", "bob", "--expires", "never")
	a.ok("user", "token", "bob", "--label", "nightly run", "--read-only", "--cluster", "prod")
	require.Contains(t, a.refused("user", "token", "bob", "--expires", "36500d"), "at most 3650 days")
	list := a.ok("token", "list")
	require.Regexp(t, `(?m)^NUMBER +USER +LABEL +CREATED +LAST USED +EXPIRES +LIMITS
1 +ada +ci +\S+Z +- +\S+Z +-
2 +bob +command line +\S+Z +- +never +-
3 +bob +nightly run +\S+Z +- +\S+Z +read-only, prod
$`, list)
	require.NotRegexp(t, `knm_`, list)
	require.NotContains(t, a.ok("token", "list", "--user", "bob"), "ada")
	require.Equal(t, "There is no user named eve.\n", a.refused("token", "list", "--user", "eve"))

	require.Equal(t, "There is no token with the number 9. Run “token list” to see all tokens.\n",
		a.refused("token", "revoke", "1", "9"))
	require.Equal(t, "Revoked token 1 of ada, \"ci\".\nRevoked token 3 of bob, \"nightly run\".\n",
		a.ok("token", "revoke", "1", "3"))
	require.Equal(t, 2, strings.Count(a.ok("token", "list"), "\n"))

	code, out, errs := command(t, "another good one\n", "user", "passwd", "bob")
	require.Zero(t, code, errs)
	require.Equal(t, "Changed the password of bob and ended all their sessions. 1 token was revoked.\n", out)
	require.Equal(t, 1, strings.Count(a.ok("token", "list"), "\n"))
}

// Earlier versions allowed any characters in labels; a terminal must not interpret them.
func TestPrintable(t *testing.T) {
	require.Equal(t, "a?[2Jb?c", printable("a\x1b[2Jb\tc"))
	require.Equal(t, "夜间 run", printable("夜间 run"))
}
