package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// What is wrong with the database or its disk has words for a person.
func TestMapErr_troubles(t *testing.T) {
	s := openSQLite(t)
	trouble := func(spoil, heal string) *services.Error {
		_, err := s.Writer().ExecContext(t.Context(), spoil)
		require.NoError(t, err)
		err = s.write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO settings (key, value) VALUES ('a', hex(zeroblob(5000000)))`)
			return err
		})
		require.Equal(t, services.CodeUnavailable, services.CodeOf(err), "%v", err)
		_, healed := s.Writer().ExecContext(t.Context(), heal)
		require.NoError(t, healed)
		return services.AsError(err)
	}
	full := trouble(`PRAGMA max_page_count = 1`, `PRAGMA max_page_count = 4294967294`)
	require.Equal(t, "error_database_full", full.Text)
	readOnly := trouble(`PRAGMA query_only = ON`, `PRAGMA query_only = OFF`)
	require.Equal(t, "error_database_readonly", readOnly.Text)
}

// Whoever has no turn to write in time is told so: nothing was begun.
func TestWrite_noTurnInTime(t *testing.T) {
	s := openTest(t)
	tx, err := s.Writer().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = s.write(ctx, func(*sql.Tx) error { return nil })
	require.Equal(t, "error_busy", services.AsError(err).Text)
	require.NoError(t, tx.Rollback())
}

// A damaged database is not opened, and the error says what to do.
func TestOpen_damaged(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	addUser(t, s, "ada")
	require.NoError(t, s.Close(context.Background()))
	file := filepath.Join(dir, fileName)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content[4096:]) // never fails
	require.NoError(t, os.WriteFile(file, content, 0o600))
	_, err = Open(t.Context(), dir, quiet())
	require.ErrorContains(t, err, "open database "+file+": the database is damaged; put a backup in its place")
}
