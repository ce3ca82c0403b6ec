package store

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// openEarlier opens a copy of the database that the program wrote when its schema
// was at version 6. In it ada, an administrator, has cordoned two nodes; bob, a
// user, has labelled two, undone that, and left an uncordon of four nodes waiting
// behind its first; Eve is a viewer; zoe is a user with three wrong passwords. ada,
// bob and zoe have a token, ada and bob a login session.
func openEarlier(t *testing.T) *Store {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "schema-6.db.gz"))
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	raw, err := io.ReadAll(plain)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), raw, 0o600))
	return openIn(t, dir)
}

func TestOpen_schemaBeforeAccess(t *testing.T) {
	begin := time.Now().Truncate(time.Second)
	s := openEarlier(t)
	require.Equal(t, schema(t, openTest(t)), schema(t, s))
	var broken int
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT count(*) FROM pragma_foreign_key_check`).Scan(&broken))
	require.Zero(t, broken)

	users, err := s.Users(t.Context())
	require.NoError(t, err)
	require.Len(t, users, 4)
	for i, want := range []struct {
		name string
		role services.Role
		id   int64
	}{{"ada", services.RoleAdmin, 1}, {"bob", services.RoleUser, 2}, {"Eve", services.RoleViewer, 3}, {"zoe", services.RoleUser, 4}} {
		u := users[i]
		require.Equal(t, want.name, u.Name)
		require.Equal(t, want.role, u.Role)
		require.Equal(t, want.id, u.ID)
		require.Equal(t, int64(1), u.AuthEpoch, "logins go on")
		require.False(t, u.Disabled)
		require.Contains(t, u.PasswordHash, "$argon2id$")
	}
	require.Nil(t, users[0].LastLoginAt)
	require.Equal(t, time.UnixMilli(1795574287027).UTC().Truncate(time.Hour), users[1].LastLoginAt.Truncate(time.Hour))

	tokens, err := s.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, tokens, 3)
	for i, want := range []string{"ada old script", "bob ci", "zoe late"} {
		require.Equal(t, want, tokens[i].Owner+" "+tokens[i].Name)
		require.WithinRange(t, *tokens[i].ExpiresAt, begin.AddDate(0, 0, 90), time.Now().AddDate(0, 0, 90).Add(time.Second))
	}
	require.NotNil(t, tokens[1].LastUsedAt)
	require.Nil(t, tokens[2].LastUsedAt)
}

// The rest of an earlier database is what it was.
func TestOpen_schemaBeforeAccess_records(t *testing.T) {
	s := openEarlier(t)
	var sessions int
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions`).Scan(&sessions))
	require.Equal(t, 2, sessions)

	batches, err := s.queryBatches(t.Context(), `SELECT `+batchColumns+` FROM batches ORDER BY id`)
	require.NoError(t, err)
	require.Len(t, batches, 4)
	cordon, label, undo, open := batches[0], batches[1], batches[2], batches[3]
	require.Equal(t, []string{"cordon", "label", "undo", "uncordon"}, []string{cordon.Operation, label.Operation, undo.Operation, open.Operation})
	require.Equal(t, "key-1", cordon.IdempotencyKey)
	require.Equal(t, label.ID, undo.UndoOf)
	require.Equal(t, StateInterrupted, open.State)
	require.JSONEq(t, `{"canary":1}`, string(open.Rollout))
	require.Equal(t, int64(2), open.ActorID)
	require.Empty(t, open.ActorRole)
	require.Empty(t, open.Held)
	items, err := s.Items(t.Context(), label.ID)
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.JSONEq(t, `{"labels":{"pool":"control-plane"}}`, string(items[0].Before))
	left, err := s.OpenItems(t.Context(), open.ID)
	require.NoError(t, err)
	require.Len(t, left, 3)

	templates, _, err := s.Templates(t.Context(), TemplateQuery{Kind: "labels", Limit: 10})
	require.NoError(t, err)
	require.Equal(t, "tier", templates[0].Name)
	log, err := s.Entries(t.Context(), EntryQuery{Limit: 100})
	require.NoError(t, err)
	first := log[len(log)-1]
	require.Equal(t, ActionSetup, first.Action)
	require.Equal(t, int64(1), first.ActorID)
	require.True(t, log[len(log)-15].Kept || log[len(log)-14].Kept, "entries still lead to their batches")
}

// Whoever comes after the newest user of an earlier database is somebody else.
func TestOpen_schemaBeforeAccess_idsAreNotGivenTwice(t *testing.T) {
	s := openEarlier(t)
	zoe, err := s.UserByName(t.Context(), "zoe")
	require.NoError(t, err)
	_, err = s.DeleteUser(t.Context(), zoe.ID)
	require.NoError(t, err)
	require.Greater(t, addUser(t, s, "zoe"), zoe.ID)
	id, err := s.InsertToken(t.Context(), Token{UserID: 1, Name: "new", Hash: []byte("x")})
	require.NoError(t, err)
	require.Equal(t, int64(4), id, "zoe's token had 3")
}
