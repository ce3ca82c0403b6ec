package store

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// saved returns a copy of a database with a user, a session, a batch that runs and one
// that has ended.
func saved(t *testing.T) (file string) {
	t.Helper()
	s := openSQLite(t)
	addUser(t, s, "ada")
	require.NoError(t, s.InsertSession(t.Context(), "token", []byte("x"), time.Now().Add(time.Hour)))
	ended := time.Now()
	insertBatch(t, s, Batch{
		ID: "b1", Cluster: "prod", Operation: "cordon", State: StateRunning, CreatedAt: ended,
		Params: json.RawMessage(`{}`),
	})
	insertBatch(t, s, Batch{
		ID: "b2", Cluster: "prod", Operation: "cordon", State: StateSucceeded, CreatedAt: ended,
		EndedAt: &ended, Params: json.RawMessage(`{}`),
	})
	file = filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, s.Backup(t.Context(), file))
	return file
}

// present makes a data directory with a database that has another user, whose row is
// still in the write-ahead log, as after a crash.
func present(t *testing.T) (dir string) {
	t.Helper()
	from := t.TempDir()
	s := openIn(t, from)
	addUser(t, s, "bob")
	dir = t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(s.file + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fileName+suffix), raw, 0o600))
	}
	return dir
}

func users(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := openIn(t, dir).Users(t.Context())
	require.NoError(t, err)
	for _, u := range all {
		names = append(names, u.Name)
	}
	return names
}

func TestRestore(t *testing.T) {
	dir := present(t)
	r, err := Restore(t.Context(), dir, saved(t), quiet())
	require.NoError(t, err)
	require.Equal(t, 1, r.Users)
	require.Equal(t, 1, r.Unfinished)

	s := openIn(t, dir)
	require.Equal(t, []string{"ada"}, users(t, dir))
	require.Zero(t, countRows(t, s, `sessions`), "who had signed out since would be signed in again")
	running, err := s.Batch(t.Context(), "b1")
	require.NoError(t, err)
	require.Equal(t, HoldRestored, running.Held)
	ended, err := s.Batch(t.Context(), "b2")
	require.NoError(t, err)
	require.Empty(t, ended.Held)
	log, err := s.Entries(t.Context(), EntryQuery{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, ActionRestore, log[0].Action)
	require.Equal(t, "copy.db", log[0].Object)
	require.JSONEq(t, `{"users":1,"unfinished":1}`, string(log[0].After))

	// The database before is whole, with what was in its log.
	before := t.TempDir()
	_, err = Restore(t.Context(), before, r.Aside, quiet())
	require.NoError(t, err)
	require.Equal(t, []string{"bob"}, users(t, before))
	left, err := filepath.Glob(filepath.Join(dir, "restore-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	info, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// A damaged database can be replaced, and is kept.
func TestRestore_overADamagedOne(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte("no database"), 0o600))
	r, err := Restore(t.Context(), dir, saved(t), quiet())
	require.NoError(t, err)
	require.Equal(t, []string{"ada"}, users(t, dir))
	kept, err := os.ReadFile(r.Aside)
	require.NoError(t, err)
	require.Equal(t, "no database", string(kept))
}

func TestRestore_intoAnEmptyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r, err := Restore(t.Context(), dir, saved(t), quiet())
	require.NoError(t, err)
	require.Empty(t, r.Aside)
	require.Equal(t, []string{"ada"}, users(t, dir))
}

// What is not a whole database of this program and of a version that it knows leaves the
// present one as it is.
func TestRestore_refuses(t *testing.T) {
	write := func(content []byte) func(*testing.T) string {
		return func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "other")
			require.NoError(t, os.WriteFile(file, content, 0o600))
			return file
		}
	}
	for name, tt := range map[string]struct {
		file func(*testing.T) string
		want string
	}{
		"no file":       {func(t *testing.T) string { return filepath.Join(t.TempDir(), "missing") }, "no such file"},
		"no database":   {write(make([]byte, 4096)), "not a database"},
		"an empty file": {write(nil), "not a database of Kube Node Manager"},
		"a damaged one": {func(t *testing.T) string { return damaged(t, saved(t)) }, "damaged"},
		"a newer one":   {func(t *testing.T) string { return newer(t, saved(t)) }, "use the newer program"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := present(t)
			_, err := Restore(t.Context(), dir, tt.file(t), quiet())
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, []string{"bob"}, users(t, dir))
			require.NoDirExists(t, filepath.Join(dir, "backups"))
		})
	}
}

// damaged overwrites the middle of a file.
func damaged(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	copy(raw[len(raw)/2:], make([]byte, 8192))
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	return file
}

// newer makes a copy one of a version to come.
func newer(t *testing.T, file string) string {
	t.Helper()
	s := &Store{file: file, log: quiet()}
	require.NoError(t, s.openWriter())
	_, err := s.w.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	require.NoError(t, err)
	require.NoError(t, s.closePools())
	return file
}

func TestRestore_whileAServerRuns(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	require.NoError(t, s.Claim(t.Context()))
	_, err := Restore(context.WithoutCancel(t.Context()), dir, saved(t), quiet())
	require.ErrorContains(t, err, "another server runs")
}

// The copy that the program saves before a migration can be restored.
func TestRestore_anEarlierSchema(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir, 1, "INSERT INTO settings (key, value) VALUES ('a', 'b')")
	s := openIn(t, dir)
	copies, err := filepath.Glob(filepath.Join(dir, "backups", "schema-1-*.db"))
	require.NoError(t, err)
	require.Len(t, copies, 1)
	restored := t.TempDir()
	_, err = Restore(t.Context(), restored, copies[0], quiet())
	require.NoError(t, err)
	require.Equal(t, schema(t, s), schema(t, openIn(t, restored)))
	value, err := openIn(t, restored).Setting(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "b", value)
}
