package account

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/seal"
	"kube-node-manager/services/store"
)

// app is a user with an authenticator app.
type app struct {
	*Service
	store *store.Store
	clock *clock
	user  User
	ctx   context.Context // of the user's own requests
	e     Enrolment
	codes []string // for recovery
}

// newApp returns a user who has just set up a second factor.
func newApp(t *testing.T) *app {
	t.Helper()
	s, st, c := newTest(t)
	s.UseKey(seal.NewKey())
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	a := &app{Service: s, store: st, clock: c, user: u}
	a.ctx = services.WithActor(t.Context(), u.Actor("192.0.2.1", "R"))
	a.enrol(t)
	return a
}

func (a *app) enrol(t *testing.T) {
	t.Helper()
	var err error
	a.e, err = a.NewFactor(a.ctx, goodPassword, "ops.example")
	require.NoError(t, err)
	a.user, a.codes, err = a.AddFactor(a.ctx, a.e, a.shows(t, 0))
	require.NoError(t, err)
	require.Len(t, a.codes, 10)
}

// shows returns what the app shows when its clock is late by so much.
func (a *app) shows(t *testing.T, late time.Duration) string {
	t.Helper()
	code, err := totp.GenerateCode(a.e.Secret, a.clock.now().Add(-late))
	require.NoError(t, err)
	return code
}

// code ends a sign-in, and returns the text of the error.
func (a *app) code(t *testing.T, code string) string {
	t.Helper()
	_, err := a.Authenticate(from(t, "192.0.2.1"), "ada", goodPassword)
	var half *CodeNeeded
	require.ErrorAs(t, err, &half)
	u, err := a.AuthenticateCode(from(t, "192.0.2.1"), half.User.ID, half.User.Epoch, code)
	if err == nil {
		require.Equal(t, "ada", u.Name)
		return ""
	}
	return services.AsError(err).Text
}

func TestFactor_signIn(t *testing.T) {
	a := newApp(t)
	require.Equal(t, "error_factor_code", a.code(t, a.shows(t, 0)), "it was used to set up")
	a.clock.add(2 * time.Minute)
	require.Equal(t, "error_factor_code", a.code(t, "000000"))
	require.Equal(t, "error_factor_code", a.code(t, ""))
	require.Equal(t, "error_factor_code", a.code(t, strings.Repeat("1", 1<<20)))
	require.Equal(t, "error_factor_code", a.code(t, a.shows(t, 2*time.Minute)), "too old")
	a.clock.add(5 * time.Second) // after five failures, the next try must wait
	require.Empty(t, a.code(t, a.shows(t, 0)))
	require.Equal(t, "error_factor_code", a.code(t, a.shows(t, 0)), "a second time")
	require.Equal(t, "error_factor_code", a.code(t, a.shows(t, 30*time.Second)), "older than the used one")
	a.clock.add(time.Minute)
	spaced := a.shows(t, 30*time.Second)
	require.Empty(t, a.code(t, " "+spaced[:3]+" "+spaced[3:]), "the clock of the phone is half a minute late")
	a.clock.add(time.Minute)
	require.Empty(t, a.code(t, a.shows(t, -30*time.Second)), "it is half a minute early")
}

func TestFactor_recovery(t *testing.T) {
	a := newApp(t)
	require.Empty(t, a.code(t, strings.ToUpper(strings.ReplaceAll(a.codes[3], "-", " "))))
	require.Equal(t, "error_factor_code", a.code(t, a.codes[3]), "each works once")
	f, err := a.OwnFactor(a.ctx)
	require.NoError(t, err)
	require.Equal(t, 9, f.Recovery)
	again, err := a.NewRecoveryCodes(a.ctx, a.codes[4])
	require.NoError(t, err)
	require.Equal(t, "error_factor_code", a.code(t, a.codes[5]), "it was replaced")
	require.Empty(t, a.code(t, again[0]))
	_, err = a.NewRecoveryCodes(a.ctx, a.codes[0])
	requireField(t, err, "code", "error_factor_code")
}

// Whoever has the password may not try codes without end: the right password between them
// does not forget the wrong ones.
func TestFactor_backOff(t *testing.T) {
	a := newApp(t)
	a.clock.add(time.Hour)
	for range 5 {
		require.Equal(t, "error_factor_code", a.code(t, "123456"))
	}
	_, err := a.Authenticate(from(t, "192.0.2.1"), "ada", goodPassword)
	require.Equal(t, "error_login_wait", services.AsError(err).Text)
	_, err = a.AuthenticateCode(from(t, "192.0.2.1"), a.user.ID, a.user.Epoch, a.shows(t, 0))
	require.Equal(t, services.CodeThrottled, services.CodeOf(err), "even the right one")
	a.clock.add(time.Hour)
	require.Empty(t, a.code(t, a.shows(t, 0)))
	for range 4 {
		require.Equal(t, "error_factor_code", a.code(t, "123456"), "the failures before were forgotten")
	}
}

// A sign-in ends with the account as it was when the password was typed.
func TestFactor_accountChangesHalfway(t *testing.T) {
	a := newApp(t)
	a.clock.add(time.Hour)
	half := func() error {
		_, err := a.AuthenticateCode(from(t, "192.0.2.1"), a.user.ID, a.user.Epoch, a.shows(t, 0))
		return err
	}
	require.NoError(t, a.EndLogins(asAdmin(t), "ada"))
	require.Equal(t, services.CodeConflict, services.CodeOf(half()))
	require.NoError(t, a.RemoveFactor(asAdmin(t), "ada"))
	a.user.Epoch = 4
	require.Equal(t, services.CodeConflict, services.CodeOf(half()), "there is nothing to check")
	_, err := a.Authenticate(from(t, "192.0.2.1"), "ada", goodPassword)
	require.NoError(t, err)
}

func TestFactor_add(t *testing.T) {
	a := newApp(t)
	require.Equal(t, int64(2), a.user.Epoch, "all other logins have ended")
	_, err := a.NewFactor(a.ctx, goodPassword, "h")
	require.Equal(t, "error_factor_exists", services.AsError(err).Text)
	a.clock.add(time.Minute)
	_, err = a.RemoveOwnFactor(a.ctx, "1")
	requireField(t, err, "code", "error_factor_code")
	u, err := a.RemoveOwnFactor(a.ctx, a.shows(t, 0))
	require.NoError(t, err)
	require.False(t, u.Factor)
	_, err = a.RemoveOwnFactor(a.ctx, "1")
	require.Equal(t, "error_factor_none", services.AsError(err).Text)

	_, err = a.NewFactor(a.ctx, "wrong", "h")
	requireField(t, err, "current", "error_password_current")
	_, _, err = a.AddFactor(a.ctx, a.e, "000000")
	requireField(t, err, "code", "error_factor_code")
	token := services.ActorFrom(a.ctx)
	token.Token = true
	_, err = a.NewFactor(services.WithActor(a.ctx, token), goodPassword, "h")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	a.UseKey(seal.Key{})
	_, err = a.NewFactor(a.ctx, goodPassword, "h")
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	require.Equal(t, services.CodeForbidden, services.CodeOf(a.RemoveFactor(a.ctx, "ada")), "not an administrator")
}

// Who signs in at a provider has their second factor there; who is in a directory types
// the password here.
func TestFactor_elsewhere(t *testing.T) {
	s, st, _ := newTest(t)
	s.UseKey(seal.NewKey())
	d := newDirectory()
	d.id.Issuer = "ldaps://dc1.example"
	s.UseDirectory(d)
	u, err := s.SignInAs(t.Context(), Identity{
		Issuer: "https://id.example", Subject: "7", Name: "eve", Role: services.RoleUser,
	})
	require.NoError(t, err)
	require.True(t, u.Provider)
	_, err = s.NewFactor(services.WithActor(t.Context(), u.Actor("", "")), "x", "h")
	require.Equal(t, "error_factor_elsewhere", services.AsError(err).Text)

	u, err = s.Authenticate(from(t, "192.0.2.1"), d.id.Name, d.password)
	require.NoError(t, err)
	require.False(t, u.Provider)
	own := services.WithActor(t.Context(), u.Actor("192.0.2.1", ""))
	_, err = s.NewFactor(own, "wrong", "h")
	requireField(t, err, "current", "error_password_current")
	e, err := s.NewFactor(own, d.password, "h")
	require.NoError(t, err)
	code, err := totp.GenerateCode(e.Secret, s.now())
	require.NoError(t, err)
	_, _, err = s.AddFactor(own, e, code)
	require.NoError(t, err)
	before, err := st.UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	_, err = s.Authenticate(from(t, "192.0.2.1"), d.id.Name, d.password)
	var half *CodeNeeded
	require.ErrorAs(t, err, &half)
	after, err := st.UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, before.LastLoginAt, after.LastLoginAt, "half a sign-in is none")
}

// The database has neither the secret nor the codes, and needs the key.
func TestFactor_isEncrypted(t *testing.T) {
	a := newApp(t)
	f, err := a.store.Factor(t.Context(), a.user.ID)
	require.NoError(t, err)
	require.NotContains(t, string(f.Secret), a.e.Secret)
	old, next := a.key, seal.NewKey()
	a.UseKey(next)
	require.Equal(t, "error_factor_key", a.code(t, a.codes[0]))
	_, err = a.store.RewrapSecrets(t.Context(), nil, RewrapFactor(old, next), nil)
	require.NoError(t, err)
	require.Empty(t, a.code(t, a.codes[0]))
}

func TestParseEnrolment(t *testing.T) {
	a := newApp(t)
	got, err := ParseEnrolment(a.e.URL)
	require.NoError(t, err)
	require.Equal(t, a.e, got)
	require.Contains(t, a.e.URL, "ada%20%28ops.example%29")
	for _, bad := range []string{"x", "otpauth://totp/a", "%"} {
		_, err := ParseEnrolment(bad)
		require.Error(t, err, bad)
	}
}
