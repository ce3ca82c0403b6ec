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
	"kube-node-manager/services/change"
)

// openEarlier opens a copy of a database that the program wrote when its schema had
// version 6. It contains:
//   - ada, an administrator, who has cordoned two nodes;
//   - bob, a user, who has labelled two nodes, undone that, and started an uncordon
//     of four nodes that waits after its first node;
//   - Eve, a viewer;
//   - zoe, a user, for whom three wrong passwords were entered.
//
// ada, bob and zoe have a token each; ada and bob have a login session each.
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

func countRows(t *testing.T, s *Store, from string) (n int) {
	t.Helper()
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT count(*) FROM `+from).Scan(&n))
	return n
}

func TestOpen_schemaBeforeAccess(t *testing.T) {
	s := openEarlier(t)
	require.Equal(t, schema(t, openSQLite(t)), schema(t, s))
	require.Zero(t, countRows(t, s, `pragma_foreign_key_check`))
}

func TestOpen_schemaBeforeAccess_users(t *testing.T) {
	s := openEarlier(t)
	users, err := s.Users(t.Context())
	require.NoError(t, err)
	require.Len(t, users, 4)
	for i, want := range []User{
		{ID: 1, Name: "ada", Role: services.RoleAdmin},
		{ID: 2, Name: "bob", Role: services.RoleUser},
		{ID: 3, Name: "Eve", Role: services.RoleViewer},
		{ID: 4, Name: "zoe", Role: services.RoleUser},
	} {
		u := users[i]
		require.Equal(t, want.Name, u.Name)
		require.Equal(t, want.Role, u.Role)
		require.Equal(t, want.ID, u.ID)
		require.Equal(t, int64(1), u.AuthEpoch, "the migration must not end logins")
		require.False(t, u.Disabled)
		require.Contains(t, u.PasswordHash, "$argon2id$")
	}
	require.Nil(t, users[0].LastLoginAt)
	bobs := time.UnixMilli(1795574287027).UTC()
	require.Equal(t, bobs.Truncate(time.Hour), users[1].LastLoginAt.Truncate(time.Hour))
}

// Tokens had no expiry before; the migration sets one.
func TestOpen_schemaBeforeAccess_tokens(t *testing.T) {
	begin := time.Now().Truncate(time.Second)
	s := openEarlier(t)
	tokens, err := s.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, tokens, 3)
	for i, want := range []string{"ada old script", "bob ci", "zoe late"} {
		require.Equal(t, want, tokens[i].Owner+" "+tokens[i].Name)
		first, last := begin.AddDate(0, 0, 90), time.Now().AddDate(0, 0, 90).Add(time.Second)
		require.WithinRange(t, *tokens[i].ExpiresAt, first, last)
	}
	require.NotNil(t, tokens[1].LastUsedAt)
	require.Nil(t, tokens[2].LastUsedAt)
}

func TestOpen_schemaBeforeAccess_batches(t *testing.T) {
	s := openEarlier(t)
	batches, err := s.queryBatches(t.Context(), `ORDER BY id`)
	require.NoError(t, err)
	require.Len(t, batches, 4)
	cordon, label, undo, open := batches[0], batches[1], batches[2], batches[3]
	operations := []string{cordon.Operation, label.Operation, undo.Operation, open.Operation}
	require.Equal(t, []string{"cordon", "label", "undo", "uncordon"}, operations)
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
	pool := "control-plane"
	require.Equal(t, &change.State{Labels: map[string]*string{"pool": &pool}}, items[0].Before)
	left, err := s.OpenItems(t.Context(), open.ID)
	require.NoError(t, err)
	require.Len(t, left, 3)
}

func TestOpen_schemaBeforeAccess_records(t *testing.T) {
	s := openEarlier(t)
	require.Equal(t, 2, countRows(t, s, `sessions`))
	templates, _, err := s.Templates(t.Context(), TemplateQuery{Kind: "labels", Limit: 10})
	require.NoError(t, err)
	require.Equal(t, "tier", templates[0].Name)
	log, err := s.Entries(t.Context(), EntryQuery{Limit: 100})
	require.NoError(t, err)
	first := log[len(log)-1]
	require.Equal(t, ActionSetup, first.Action)
	require.Equal(t, int64(1), first.ActorID)
	require.True(t, log[len(log)-15].Kept || log[len(log)-14].Kept, "entries have lost their batches")
}

// A new user or token never gets the id of a deleted one, not even of the newest
// one in an earlier database.
func TestOpen_schemaBeforeAccess_idsAreNotUsedAgain(t *testing.T) {
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
