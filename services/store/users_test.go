package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestHasUsers(t *testing.T) {
	s := openTest(t)
	has, err := s.HasUsers(t.Context())
	require.NoError(t, err)
	require.False(t, has)
	addUser(t, s, "viewer")
	has, err = s.HasUsers(t.Context())
	require.NoError(t, err)
	require.True(t, has)
}

func TestInsertFirstAdmin_onlyOne(t *testing.T) {
	s := openTest(t)
	require.NoError(t, s.PutSetting(t.Context(), "setup", "code"))
	addUser(t, s, "viewer") // is not an administrator

	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			_, errs[i] = s.InsertFirstAdmin(t.Context(), User{
				Name: string(rune('a' + i)), PasswordHash: "x", Role: services.RoleAdmin, CreatedAt: time.Now(),
			}, "setup")
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.Equal(t, services.CodeConflict, services.CodeOf(err))
	}
	require.Equal(t, 1, won)
	_, err := s.Setting(t.Context(), "setup")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	has, err := s.HasAdmin(t.Context())
	require.NoError(t, err)
	require.True(t, has)
}

func TestUser_roundTrip(t *testing.T) {
	s := openTest(t)
	at := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	id, err := s.InsertUser(t.Context(), User{Name: "Ada", PasswordHash: "h", Role: services.RoleAdmin, CreatedAt: at})
	require.NoError(t, err)
	want := User{ID: id, Name: "Ada", PasswordHash: "h", Role: services.RoleAdmin, AuthEpoch: 1, CreatedAt: at}
	got, err := s.UserByName(t.Context(), "aDA")
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, s.EndSignIn(t.Context(), id, at, ""))
	want.LastLoginAt = &at
	got, err = s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestUser_unknown(t *testing.T) {
	s := openTest(t)
	_, err := s.UserByID(t.Context(), 7)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	_, err = s.UserByName(t.Context(), "nobody")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	require.Equal(t, services.CodeNotFound, services.CodeOf(second(s.SetPassword(t.Context(), 7, "x", nil))))
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.EndSignIn(t.Context(), 7, time.Now(), "")))
}

func TestSetPassword_endsLoginsAndTokens(t *testing.T) {
	s := openAudit(t)
	id, other := addUser(t, s, "ada"), addUser(t, s, "bob")
	addToken(t, s, id, "a")
	addToken(t, s, id, "b")
	addToken(t, s, other, "c")
	tokens, err := s.SetPassword(t.Context(), id, "other", nil)
	require.NoError(t, err)
	require.Equal(t, 2, tokens)
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, int64(2), u.AuthEpoch)
	require.Equal(t, "other", u.PasswordHash)
	left, err := s.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "bob", left[0].Owner)
	require.JSONEq(t, `{"tokens":2}`, string(last(t, s).After))
}

func TestRehash_keepsANewPassword(t *testing.T) {
	s := openTest(t)
	id := addUser(t, s, "ada")
	require.NoError(t, s.Rehash(t.Context(), id, "hash", "better"))
	require.NoError(t, s.Rehash(t.Context(), id, "hash", "late"))
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "better", u.PasswordHash)
	require.Equal(t, int64(1), u.AuthEpoch)
}

func TestTokens(t *testing.T) {
	s := openTest(t)
	id := addUser(t, s, "ada")
	at := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	end := at.AddDate(0, 0, 90)
	want := Token{UserID: id, Owner: "ada", Name: "ci", Hash: []byte{1, 2, 3}, CreatedAt: at, ExpiresAt: &end}
	require.False(t, want.Expired(end.Add(-1)))
	require.True(t, want.Expired(end))
	require.False(t, Token{}.Expired(end), "never")
	var err error
	want.ID, err = s.InsertToken(t.Context(), want)
	require.NoError(t, err)
	_, err = s.InsertToken(t.Context(), Token{UserID: id, Name: "again", Hash: want.Hash, CreatedAt: at})
	require.Equal(t, services.CodeConflict, services.CodeOf(err))

	require.NoError(t, s.UseToken(t.Context(), want.ID, at))
	want.LastUsedAt = &at
	got, err := s.TokenByHash(t.Context(), []byte{1, 2, 3})
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.TokenByHash(t.Context(), []byte{9})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestSettings(t *testing.T) {
	s := openTest(t)
	require.NoError(t, s.PutSetting(t.Context(), "k", "1"))
	require.NoError(t, s.PutSetting(t.Context(), "k", "2"))
	value, err := s.Setting(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "2", value)
}
