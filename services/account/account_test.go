package account

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodPassword = "correct horse battery"

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// asAdmin returns the context of an administrator.
func asAdmin(t *testing.T) context.Context {
	t.Helper()
	return services.WithActor(t.Context(), services.Actor{Name: "command line", Role: services.RoleAdmin})
}

// noLabels is for tests without clusters.
func noLabels() map[string]map[string]string { return nil }

// newTest returns a service over an empty database, with a clock that stands still.
func newTest(t *testing.T) (*Service, *store.Store, *clock) {
	t.Helper()
	st, err := storetest.Open(t, t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return newTestOn(t, st)
}

// newTestOn is newTest over a database that is empty.
func newTestOn(t *testing.T, st *store.Store) (*Service, *store.Store, *clock) {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, st.Close(context.WithoutCancel(t.Context()))) })
	c := &clock{at: time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)}
	return New(st, slog.New(slog.DiscardHandler), c.now, noLabels), st, c
}

// requireField requires that err is CodeInvalid and names the field with that text.
func requireField(t *testing.T, err error, field, text string) {
	t.Helper()
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	for _, f := range services.AsError(err).Fields {
		if f.Field == field {
			require.Equal(t, text, f.Text)
			return
		}
	}
	require.Fail(t, "the field is not named", "%s in %v", field, err)
}

func TestSetup(t *testing.T) {
	s, _, c := newTest(t)
	old, needed, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	require.True(t, needed)
	require.Len(t, old, 23)
	code, needed, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	require.True(t, needed)
	require.NotEqual(t, old, code, "each start makes a new code")

	_, err = s.CreateFirst(t.Context(), old, "ada", goodPassword)
	requireField(t, err, "code", "error_setup_code")
	_, err = s.CreateFirst(t.Context(), "", "ada", goodPassword)
	requireField(t, err, "code", "error_setup_code")
	c.add(SetupCodeLife)
	_, err = s.CreateFirst(t.Context(), code, "ada", goodPassword)
	requireField(t, err, "code", "error_setup_code_expired")
	c.add(-time.Second)
	_, err = s.CreateFirst(t.Context(), code, "ada", "short")
	requireField(t, err, "password", "error_password_short")

	copied := " " + strings.ToLower(strings.ReplaceAll(code, "-", " ")) + "\n"
	u, err := s.CreateFirst(t.Context(), copied, "ada", goodPassword)
	require.NoError(t, err, "case, whitespace and dashes do not matter")
	require.Equal(t, services.RoleAdmin, u.Role)

	_, err = s.CreateFirst(t.Context(), code, "eve", goodPassword)
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	_, needed, err = s.SetupCode(t.Context())
	require.NoError(t, err)
	require.False(t, needed)
}

// A set-up is needed until there is an administrator who can sign in.
func TestSetup_neededUntilAnAdministratorCanSignIn(t *testing.T) {
	s, st, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "eye", goodPassword, services.RoleViewer)
	require.NoError(t, err)
	code, needed, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	require.True(t, needed)
	_, err = s.CreateFirst(t.Context(), code, "EYE", goodPassword)
	requireField(t, err, "name", "error_name_taken")
	_, err = s.CreateFirst(t.Context(), code, "ada", goodPassword)
	require.NoError(t, err)
	_, err = st.Writer().ExecContext(t.Context(), `UPDATE users SET disabled = TRUE`)
	require.NoError(t, err)
	_, needed, err = s.SetupCode(t.Context())
	require.NoError(t, err)
	require.True(t, needed, "a disabled administrator does not count")
}

func TestCreateFirst_withoutCode(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.CreateFirst(t.Context(), "", "ada", goodPassword)
	requireField(t, err, "code", "error_setup_code")
}

func TestCreateFirst_concurrently(t *testing.T) {
	s, _, _ := newTest(t)
	code, _, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	var group sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		group.Go(func() { _, errs[i] = s.CreateFirst(t.Context(), code, "user"+string(rune('a'+i)), goodPassword) })
	}
	group.Wait()
	created := 0
	for _, err := range errs {
		if err == nil {
			created++
		}
	}
	require.Equal(t, 1, created)
}

func TestAddUser_rules(t *testing.T) {
	const user = services.RoleUser
	long := strings.Repeat("only a few words, not many ", 5)[:128]
	longName := strings.Repeat("x", 65)
	blanks, notText := strings.Repeat(" ", 20), strings.Repeat("\xff", 20)
	tests := []struct {
		name, user, password string
		role                 services.Role
		field, text          string // "" if the user is valid
	}{
		{name: "plain", user: "ada", password: goodPassword, role: user},
		{name: "every allowed character", user: "a.b_c-d@e", password: goodPassword, role: services.RoleViewer},
		{name: "other alphabets", user: "王小明", password: goodPassword, role: services.RoleAdmin},
		{name: "longest name", user: longName[:64], password: goodPassword, role: user},
		{name: "shortest password", user: "p1", password: long[:12], role: user},
		{name: "longest password", user: "p2", password: long, role: user},
		{name: "characters, not bytes", user: "p3", password: "山高水长春江花月夜人间四月天", role: user},
		{name: "no name", password: goodPassword, role: user, field: "name", text: "error_name"},
		{name: "space", user: "a b", password: goodPassword, role: user, field: "name", text: "error_name"},
		{name: "new line", user: "ada\n", password: goodPassword, role: user, field: "name", text: "error_name"},
		{name: "long name", user: longName, password: goodPassword, role: user, field: "name", text: "error_name"},
		{name: "no password", user: "n1", role: user, field: "password", text: "error_password_short"},
		{
			name: "short password", user: "n1", password: long[:11], role: user,
			field: "password", text: "error_password_short",
		},
		{
			name: "long password", user: "n1", password: long + "x", role: user,
			field: "password", text: "error_password_long",
		},
		{name: "blanks", user: "n1", password: blanks, role: user, field: "password", text: "error_password_blank"},
		{name: "not text", user: "n1", password: notText, role: user, field: "password", text: "error_password_blank"},
		{name: "unknown role", user: "n1", password: goodPassword, role: "king", field: "role", text: "error_no_role"},
	}
	s, _, _ := newTest(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := s.AddUser(asAdmin(t), tt.user, tt.password, tt.role)
			if tt.field != "" {
				requireField(t, err, tt.field, tt.text)
				return
			}
			require.NoError(t, err)
			require.Equal(t, User{ID: u.ID, Name: tt.user, Role: tt.role, Epoch: 1, Local: true}, u)
		})
	}
}

func TestAddUser_namesEveryWrongField(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "", "", "")
	requireField(t, err, "name", "error_name")
	requireField(t, err, "password", "error_password_short")
	requireField(t, err, "role", "error_no_role")
}

func TestAddUser_nameTaken(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	_, err = s.AddUser(asAdmin(t), "ADA", goodPassword, services.RoleUser)
	requireField(t, err, "name", "error_name_taken")
}

func TestAuthenticate(t *testing.T) {
	s, _, _ := newTest(t)
	ada, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)

	got, err := s.Authenticate(t.Context(), "Ada", goodPassword)
	require.NoError(t, err)
	require.Equal(t, ada, got)

	for _, wrong := range [][2]string{
		{"ada", "wrong"},
		{"ada", ""},
		{"bob", goodPassword},
		{"", ""},
		{"ada", strings.Repeat("x", 1<<20)},
		{"ada\x00", goodPassword},
	} {
		_, err := s.Authenticate(t.Context(), wrong[0], wrong[1])
		require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
		require.Equal(t, "error_login", services.AsError(err).Text, "the same for all of them")
	}
}

func TestAuthenticate_disabled(t *testing.T) {
	s, st, _ := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	_, err = st.Writer().ExecContext(t.Context(), "UPDATE users SET disabled = TRUE")
	require.NoError(t, err)
	_, err = s.Authenticate(t.Context(), "ada", goodPassword)
	require.Equal(t, "error_login", services.AsError(err).Text)
	_, err = s.ByID(t.Context(), u.ID)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
}

func TestAuthenticate_rehashes(t *testing.T) {
	s, st, _ := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	weaker := argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	weak, err := argon2id.CreateHash(goodPassword, &weaker)
	require.NoError(t, err)
	_, err = st.Writer().ExecContext(t.Context(), "UPDATE users SET password_hash = $1", weak)
	require.NoError(t, err)

	got, err := s.Authenticate(t.Context(), "ada", goodPassword)
	require.NoError(t, err)
	require.Equal(t, u.Epoch, got.Epoch, "login sessions go on")
	row, err := st.UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Contains(t, row.PasswordHash, "m=19456,t=2,p=1")
	_, err = s.Authenticate(t.Context(), "ada", goodPassword)
	require.NoError(t, err)
}

func TestSetPassword(t *testing.T) {
	s, _, _ := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	tokens, err := s.SetPassword(asAdmin(t), "ada", "another good one")
	require.NoError(t, err)
	require.Zero(t, tokens)
	_, err = s.Authenticate(t.Context(), "ada", goodPassword)
	require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
	got, err := s.Authenticate(t.Context(), "ada", "another good one")
	require.NoError(t, err)
	require.Greater(t, got.Epoch, u.Epoch, "earlier login sessions are void")

	_, err = s.SetPassword(asAdmin(t), "ada", "short")
	requireField(t, err, "password", "error_password_short")
	_, err = s.SetPassword(asAdmin(t), "ada", "ada-ada-ada-1")
	requireField(t, err, "password", "error_password_name")
	_, err = s.SetPassword(asAdmin(t), "bob", goodPassword)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// No secret is stored in plain text.
func TestSecrets_notInTheDatabase(t *testing.T) {
	s, st, _ := newTest(t)
	code, _, err := s.SetupCode(t.Context())
	require.NoError(t, err)
	_, err = s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	token, err := s.CreateToken(asAdmin(t), "ada", NewToken{Label: "ci", Life: TokenLife})
	require.NoError(t, err)
	var found int
	for _, secret := range []string{code, strings.ReplaceAll(code, "-", ""), goodPassword, token, token[4:]} {
		require.NoError(t, st.Writer().QueryRowContext(t.Context(), `SELECT
			(SELECT count(*) FROM settings WHERE value LIKE '%' || $1 || '%') +
			(SELECT count(*) FROM users WHERE password_hash LIKE '%' || $1 || '%') +
			(SELECT count(*) FROM tokens WHERE hash = $2 OR name LIKE '%' || $1 || '%')`, secret, []byte(secret)).Scan(&found))
		require.Zero(t, found)
	}
}
