package account

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

func TestTokens(t *testing.T) {
	s, st, c := newTest(t)
	u, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	token, err := s.CreateToken(asAdmin(t), "ada", NewToken{Label: "ci", Life: TokenLife})
	require.NoError(t, err)
	require.Regexp(t, `^knm_[A-Z2-7]{26}$`, token)

	got, err := s.ByToken(t.Context(), token)
	require.NoError(t, err)
	require.NotZero(t, got.Token)
	u.Token = got.Token
	require.Equal(t, u, got)
	c.add(4 * time.Minute)
	_, err = s.ByToken(t.Context(), token)
	require.NoError(t, err)
	row, err := st.TokenByHash(t.Context(), hashToken(token))
	require.NoError(t, err)
	require.True(t, c.now().Add(-4*time.Minute).Equal(*row.LastUsedAt), "recorded at most every five minutes")
	c.add(time.Minute)
	_, err = s.ByToken(t.Context(), token)
	require.NoError(t, err)
	row, err = st.TokenByHash(t.Context(), hashToken(token))
	require.NoError(t, err)
	require.True(t, c.now().Equal(*row.LastUsedAt))

	wrongTokens := []string{"", "knm_", token[4:], strings.ToLower(token), token + "A", TokenPrefix + rand.Text()}
	for _, wrong := range wrongTokens {
		_, err := s.ByToken(t.Context(), wrong)
		require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err), wrong)
	}
}

// The holder of a token is told why it does not work any more.
func TestTokens_end(t *testing.T) {
	s, _, c := newTest(t)
	admin := asAdmin(t)
	_, err := s.AddUser(admin, "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	made := func(life time.Duration) string {
		token, err := s.CreateToken(admin, "ada", NewToken{Label: "ci", Life: life})
		require.NoError(t, err)
		return token
	}
	why := func(token string) string {
		_, err := s.ByToken(t.Context(), token)
		if err == nil {
			return ""
		}
		require.Equal(t, services.CodeUnauthenticated, services.CodeOf(err))
		return services.AsError(err).Text
	}
	short, long, forever := made(time.Hour), made(TokenLife), made(0)
	c.add(time.Hour)
	require.Equal(t, "error_token_expired", why(short))
	require.Empty(t, why(long))
	c.add(MaxTokenLife)
	require.Equal(t, "error_token_expired", why(long))
	require.Empty(t, why(forever))

	_, err = s.Disable(admin, "ada")
	require.NoError(t, err)
	require.Equal(t, "error_token_disabled", why(forever))
	_, err = s.CreateToken(admin, "ada", NewToken{Label: "ci", Life: 0})
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	_, err = s.Enable(admin, "ada")
	require.NoError(t, err)
	require.Empty(t, why(forever))

	tokens, err := s.Tokens(admin, "ada")
	require.NoError(t, err)
	_, err = s.RevokeTokens(admin, tokens[2].ID)
	require.NoError(t, err)
	require.Equal(t, "error_token", why(forever))

	another := made(0)
	n, err := s.SetPassword(admin, "ada", "another good one")
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, "error_token", why(another))
	_, _, err = s.Delete(admin, "ada")
	require.NoError(t, err)
	require.Equal(t, "error_token", why(another))
}

// Concurrent requests with one token record its use once.
func TestTokens_useIsRecordedOnce(t *testing.T) {
	db, err := store.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler)) // for its kind of trigger
	require.NoError(t, err)
	s, st, _ := newTestOn(t, db)
	_, err = s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleUser)
	require.NoError(t, err)
	token, err := s.CreateToken(asAdmin(t), "ada", NewToken{Label: "ci", Life: 0})
	require.NoError(t, err)
	_, err = st.Writer().ExecContext(t.Context(), `CREATE TABLE written (n INTEGER);
		CREATE TRIGGER counts AFTER UPDATE ON tokens BEGIN INSERT INTO written VALUES (1); END`)
	require.NoError(t, err)
	var group sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		group.Go(func() { _, errs[i] = s.ByToken(t.Context(), token) })
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, st.Writer().QueryRowContext(t.Context(), `SELECT count(*) FROM written`).Scan(&n))
	require.Equal(t, 1, n)
}

func TestNewToken_refused(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.CreateToken(asAdmin(t), "bob", NewToken{Label: "ci", Life: 0})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	_, err = s.AddUser(asAdmin(t), "bob", goodPassword, services.RoleUser)
	require.NoError(t, err)
	for label, text := range map[string]string{
		"":                      "error_token_name",
		"   ":                   "error_token_name",
		strings.Repeat("x", 65): "error_token_name",
		"a\nb":                  "error_token_name_signs",
		"a\x1b[2Jb":             "error_token_name_signs",
		"a\u202eb":              "error_token_name_signs",
		"a\xff":                 "error_token_name_signs",
	} {
		_, err = s.CreateToken(asAdmin(t), "bob", NewToken{Label: label, Life: 0})
		requireField(t, err, "label", text)
	}
	for _, life := range []time.Duration{-1, MaxTokenLife + 1} {
		_, err = s.CreateToken(asAdmin(t), "bob", NewToken{Label: "ci", Life: life})
		requireField(t, err, "expires", "error_token_life")
	}
}

func TestAccess_needsPermission(t *testing.T) {
	s, _, _ := newTest(t)
	_, err := s.AddUser(asAdmin(t), "ada", goodPassword, services.RoleAdmin)
	require.NoError(t, err)
	user := services.WithActor(t.Context(), services.Actor{ID: 99, Name: "bob", Role: services.RoleUser})
	for name, try := range map[string]func() error{
		"list":    func() error { _, err := s.Users(user); return err },
		"disable": func() error { _, err := s.Disable(user, "ada"); return err },
		"enable":  func() error { _, err := s.Enable(user, "ada"); return err },
		"role":    func() error { _, err := s.SetRole(user, "ada", services.RoleUser); return err },
		"delete":  func() error { _, _, err := s.Delete(user, "ada"); return err },
		"tokens":  func() error { _, err := s.Tokens(user, ""); return err },
		"revoke":  func() error { _, err := s.RevokeTokens(services.WithActor(user, services.Actor{}), 1); return err },
		"access":  func() error { _, err := s.SetAccess(user, "ada", services.RoleUser, nil); return err },
		"add":     func() error { _, err := s.AddUser(user, "eve", goodPassword, services.RoleUser); return err },
		"reset":   func() error { _, err := s.SetPassword(user, "ada", "another good one"); return err },
		"token":   func() error { _, err := s.CreateToken(user, "ada", NewToken{Label: "x"}); return err },
		"logins":  func() error { return s.EndLogins(user, "ada") },
		"get":     func() error { _, err := s.Get(user, "ada"); return err },
		"nobody":  func() error { _, err := s.Get(user, "nobody"); return err },
	} {
		require.Equal(t, services.CodeForbidden, services.CodeOf(try()), name)
	}
}
