package account

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

const testName = "ada"

// newTestWith returns a service that has one user with a password.
func newTestWith(t *testing.T, name string) *Service {
	t.Helper()
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), name, goodPassword, services.RoleUser)
	require.NoError(t, err)
	return s
}

// fakeDirectory knows one person.
type fakeDirectory struct {
	id       Identity
	password string
	err      error
	asked    []string // the names
}

func (d *fakeDirectory) SignIn(_ context.Context, name, password string) (Identity, error) {
	d.asked = append(d.asked, name)
	if d.err != nil {
		return Identity{}, d.err
	}
	if name != d.id.Name || password != d.password {
		return Identity{}, services.NewError(services.CodeUnauthenticated, "error_login")
	}
	return d.id, nil
}

func newDirectory() *fakeDirectory {
	return &fakeDirectory{
		id:       Identity{Issuer: "ldap:///dc=example", Subject: "1", Name: "grace", Role: services.RoleUser},
		password: "at the directory",
	}
}

func TestAuthenticate_directory(t *testing.T) {
	s := newTestWith(t, testName)
	d := newDirectory()
	s.UseDirectory(d)
	u, err := s.Authenticate(from(t, "192.0.2.1"), "grace", "at the directory")
	require.NoError(t, err)
	require.Equal(t, services.RoleUser, u.Role)
	again, err := s.Authenticate(from(t, "192.0.2.1"), "grace", "at the directory")
	require.NoError(t, err)
	require.Equal(t, u.ID, again.ID)

	for _, password := range []string{"", "wrong"} {
		_, err = s.Authenticate(from(t, "192.0.2.1"), "grace", password)
		require.Equal(t, "error_login", services.AsError(err).Text)
	}
	require.Len(t, d.asked, 3, "not for an empty password")
}

// Whoever has a password here signs in here, whatever the directory says.
func TestAuthenticate_localNameFirst(t *testing.T) {
	s := newTestWith(t, testName)
	d := newDirectory()
	d.id.Name = testName
	s.UseDirectory(d)
	_, err := s.Authenticate(from(t, "192.0.2.1"), testName, goodPassword)
	require.NoError(t, err)
	_, err = s.Authenticate(from(t, "192.0.2.1"), testName, d.password)
	require.Equal(t, "error_login", services.AsError(err).Text)
	require.Empty(t, d.asked)

	s.RefusePasswords()
	_, err = s.Authenticate(from(t, "192.0.2.1"), testName, goodPassword)
	require.Equal(t, "error_login", services.AsError(err).Text, "only the directory decides")
	_, err = s.Authenticate(from(t, "192.0.2.1"), testName, d.password)
	require.Equal(t, "error_signon_taken", services.AsError(err).Text)
}

func TestAuthenticate_passwordsRefused(t *testing.T) {
	s := newTestWith(t, testName)
	s.RefusePasswords()
	_, err := s.Authenticate(from(t, "192.0.2.1"), testName, goodPassword)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	_, needed, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	require.False(t, needed)
	_, err = s.CreateFirst(t.Context(), "x", "ada", goodPassword)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
}

// Wrong passwords slow down further tries before the directory is asked; a directory that
// is down slows nobody down.
func TestAuthenticate_directoryBackOff(t *testing.T) {
	s := newTestWith(t, testName)
	d := newDirectory()
	s.UseDirectory(d)
	d.err = services.NewError(services.CodeUnavailable, "error_ldap_unavailable")
	for range 10 {
		_, err := s.Authenticate(from(t, "192.0.2.1"), "grace", "at the directory")
		require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	}
	d.err = nil
	var err error
	for range 6 {
		_, err = s.Authenticate(from(t, "192.0.2.1"), "grace", "wrong")
	}
	require.Equal(t, "error_login_wait", services.AsError(err).Text)
	asked := len(d.asked)
	_, err = s.Authenticate(from(t, "192.0.2.1"), "grace", "at the directory")
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Len(t, d.asked, asked)
	_, err = s.Authenticate(from(t, "192.0.2.2"), "grace", "at the directory")
	require.NoError(t, err, "from another network")
}

func TestSignInAs_noAccess(t *testing.T) {
	s := newTestWith(t, testName)
	id := newDirectory().id
	id.Role = ""
	_, err := s.SignInAs(from(t, "192.0.2.1"), id)
	require.Equal(t, "error_signon_access", services.AsError(err).Text)
	users, err := s.Users(asAdmin(t))
	require.NoError(t, err)
	require.Len(t, users, 1, "nobody was added")
}
