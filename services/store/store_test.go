package store

import (
	"context"
	"database/sql"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"kube-node-manager/services"
	"kube-node-manager/services/store/storetest/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openTest opens a new store and closes it with the test: one of PostgreSQL, if there is a
// server for tests.
func openTest(t *testing.T) *Store {
	t.Helper()
	address := postgres.Database(t)
	if address == "" {
		return openIn(t, t.TempDir())
	}
	s, err := OpenPostgres(t.Context(), address, quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	return s
}

// onPostgres reports whether the store is in PostgreSQL.
func onPostgres(s *Store) bool { return s.file == "" }

// openSQLite is openTest for what only SQLite has.
func openSQLite(t *testing.T) *Store {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	return s
}

func addUser(t *testing.T, s *Store, name string) int64 {
	t.Helper()
	id, err := s.InsertUser(t.Context(), User{
		Name: name, PasswordHash: "hash", Role: services.RoleUser, CreatedAt: time.Now(),
	})
	require.NoError(t, err)
	return id
}

func TestOpen_pragmasOnBothPools(t *testing.T) {
	s := openSQLite(t)
	want := map[string]string{
		"busy_timeout": "5000", "journal_mode": "wal", "synchronous": "1", "foreign_keys": "1",
	}
	for name, pool := range map[string]*sql.DB{"writer": s.w, "reader": s.r} {
		for pragma, value := range want {
			var got string
			require.NoError(t, pool.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, value, got, "%s of the %s", pragma, name)
		}
	}
	require.Equal(t, 1, s.w.Stats().MaxOpenConnections)
	require.Equal(t, readers, s.r.Stats().MaxOpenConnections)
}

func TestOpen_everyReaderHasThePragmas(t *testing.T) {
	s := openSQLite(t)
	for range readers {
		conn, err := s.r.Conn(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		var on int
		require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&on))
		require.Equal(t, 1, on)
	}
}

func TestOpen_readersCannotWrite(t *testing.T) {
	s := openTest(t)
	_, err := s.r.ExecContext(t.Context(), "DELETE FROM users")
	require.Regexp(t, "readonly|read-only", err)
}

func TestOpen_doubleQuotedTextIsAnError(t *testing.T) {
	s := openTest(t)
	_, err := s.r.ExecContext(t.Context(), `SELECT "no such column"`)
	require.Error(t, err)
}

func TestOpen_oddDirectoryNames(t *testing.T) {
	for _, name := range []string{"a b", "per%20cent", "what?mode=memory", "hash#tag", "数据"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			addUser(t, openIn(t, dir), "ada")
			require.FileExists(t, filepath.Join(dir, fileName))
		})
	}
}

func TestOpen_directoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	openIn(t, dir)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestOpen_directoryIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(t.Context(), file, quiet())
	require.ErrorContains(t, err, "create the data directory")
}

func TestOpen_directoryNotWritable(t *testing.T) {
	_, err := Open(t.Context(), "/proc", quiet()) // not writable even for root
	require.ErrorContains(t, err, "is not writable")
}

func TestOpen_notADatabase(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte("this is no database at all"), 0o600))
	_, err := Open(t.Context(), dir, quiet())
	require.ErrorContains(t, err, "open database")
}

func TestOpen_twiceKeepsTheData(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	id := addUser(t, first, "ada")
	require.NoError(t, first.Close(t.Context()))
	require.NoFileExists(t, filepath.Join(dir, fileName+"-wal"), "closing did not merge the write-ahead log")

	u, err := openIn(t, dir).UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "ada", u.Name)
	require.NoDirExists(t, filepath.Join(dir, "backups"), "a copy was saved without a migration")
}

func TestOpen_newerSchemaRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	_, err = s.w.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))

	_, err = Open(t.Context(), dir, quiet())
	require.ErrorContains(t, err, "version 999")
	require.ErrorContains(t, err, "use the newer program")
}

// writeOld creates a database in dir with the schema of the given version, and
// executes a statement on it.
func writeOld(t *testing.T, dir string, version int64, statement string) {
	t.Helper()
	old := &Store{file: filepath.Join(dir, fileName), log: quiet()}
	require.NoError(t, old.openWriter())
	p, err := old.provider(goose.DialectSQLite3, "sqlite")
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), version)
	require.NoError(t, err)
	_, err = old.w.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, old.closePools())
}

// A database with only the first migration gets the same schema as a new one.
func TestOpen_olderSchema(t *testing.T) {
	dir := t.TempDir()
	writeOld(t, dir, 1, "INSERT INTO settings (key, value) VALUES ('a', 'b')")

	s := openIn(t, dir)
	value, err := s.Setting(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "b", value)
	require.Equal(t, schema(t, openSQLite(t)), schema(t, s))

	copies, err := filepath.Glob(filepath.Join(dir, "backups", "schema-1-*.db"))
	require.NoError(t, err)
	require.Len(t, copies, 1, "an existing database is saved before it is migrated")
}

func schema(t *testing.T, s *Store) []string {
	t.Helper()
	all, err := list(t.Context(), s.r, "read the schema", scanString, `SELECT coalesce(sql, name) FROM sqlite_schema
		WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// The server and a command such as "user add" may both find an empty directory.
func TestOpen_atTheSameTime(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	stores, errs := make([]*Store, 4), make([]error, 4)
	for i := range stores {
		group.Go(func() { stores[i], errs[i] = Open(t.Context(), dir, quiet()) })
	}
	group.Wait()
	for i, s := range stores {
		require.NoError(t, errs[i])
		require.NoError(t, s.Close(t.Context()))
	}
}

func TestClaim_onlyOneServer(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.NoError(t, first.Claim(t.Context()))
	second := openIn(t, dir)
	require.ErrorContains(t, second.Claim(t.Context()), "another server runs")
	require.NoError(t, first.Close(t.Context()))
	require.NoError(t, second.Claim(t.Context()), "closing releases the claim")
}

func TestOpen_cancelledWhileAnotherMigrates(t *testing.T) {
	dir := t.TempDir()
	held, err := lockFile(filepath.Join(dir, "migrate.lock"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, held.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, dir, quiet())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWrite_manyWriters(t *testing.T) {
	s := openTest(t)
	id := addUser(t, s, "ada")
	var group sync.WaitGroup
	errs := make(chan error, 400)
	increment := func(tx *sql.Tx) error {
		u, err := findUser(t.Context(), tx, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(t.Context(), "UPDATE users SET auth_epoch = $2 WHERE id = $1", id, u.AuthEpoch+1)
		return err
	}
	for range 16 {
		group.Go(func() {
			for range 25 {
				errs <- s.write(t.Context(), increment)
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, int64(401), u.AuthEpoch, "no update was lost")
}

// The server and a command may write at the same time.
func TestWrite_twoPrograms(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openIn(t, dir), openIn(t, dir)}
	var group sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 100 {
		group.Go(func() {
			errs <- stores[i%2].PutSetting(t.Context(), strconv.Itoa(i), "x")
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

func TestWrite_rollsBack(t *testing.T) {
	s := openTest(t)
	err := s.write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO settings (key, value) VALUES ('a', 'b')")
		require.NoError(t, err)
		return services.NewError(services.CodeConflict, "error_conflict")
	})
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	_, err = s.Setting(t.Context(), "a")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestWrite_panicReleasesTheConnection(t *testing.T) {
	s := openTest(t)
	require.Panics(t, func() { _ = s.write(t.Context(), func(*sql.Tx) error { panic("broken") }) })
	require.NoError(t, s.PutSetting(t.Context(), "a", "b"))
}

func TestMapErr(t *testing.T) {
	s := openTest(t)
	addUser(t, s, "ada")
	_, err := s.InsertUser(t.Context(), User{Name: "ADA", PasswordHash: "x", Role: services.RoleUser})
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "names that differ in case only are the same")
	_, err = s.InsertUser(t.Context(), User{Name: "bob", PasswordHash: "x", Role: "king"})
	require.Equal(t, services.CodeInternal, services.CodeOf(err), "a violated CHECK is a bug of the program")
	_, err = s.InsertToken(t.Context(), Token{UserID: 99, Name: "x", Hash: []byte("x")})
	require.Error(t, err, "foreign keys are enforced")
	require.NoError(t, mapErr(nil))
	require.Equal(t, services.CodeTimeout, services.CodeOf(mapErr(context.DeadlineExceeded)))
}

func TestBackup(t *testing.T) {
	s := openSQLite(t)
	id := addUser(t, s, "ada")
	dir := t.TempDir()
	file := filepath.Join(dir, fileName)
	require.NoError(t, s.Backup(t.Context(), file))
	require.ErrorIs(t, s.Backup(t.Context(), file), fs.ErrExist, "never overwrites")

	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	u, err := openIn(t, dir).UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "ada", u.Name)
}

func TestBackup_noSuchDirectory(t *testing.T) {
	err := openSQLite(t).Backup(t.Context(), filepath.Join(t.TempDir(), "no", "such", "file.db"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestMillis(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 789e6, time.FixedZone("CST", 8*3600))
	require.True(t, at.Equal(fromMillis(toMillis(at))))
	require.Equal(t, time.UTC, fromMillis(toMillis(at)).Location())
	require.Nil(t, fromNullMillis(toNullMillis(nil)))
	require.True(t, at.Equal(*fromNullMillis(toNullMillis(&at))))
}

// modernc.org/sqlite works only with the exact version of libc that its go.mod
// requires, but the go command would accept any newer one.
func TestLibc_pinned(t *testing.T) {
	root := goMod(t, filepath.Join("..", "..", "go.mod"))
	sqliteVersion := requirement(t, root, "modernc.org/sqlite")
	theirs := goMod(t, filepath.Join(modCache(t), "modernc.org", "sqlite@"+sqliteVersion, "go.mod"))
	require.Equal(t, requirement(t, theirs, "modernc.org/libc"), requirement(t, root, "modernc.org/libc"))
}

func goMod(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func requirement(t *testing.T, mod, module string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`).FindStringSubmatch(mod)
	require.NotNil(t, found, "%s is not required", module)
	return found[1]
}

func modCache(t *testing.T) string {
	t.Helper()
	cache, path := os.Getenv("GOMODCACHE"), os.Getenv("GOPATH")
	switch {
	case cache != "":
		return cache
	case path != "":
		return filepath.Join(filepath.SplitList(path)[0], "pkg", "mod")
	}
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	return filepath.Join(home, "go", "pkg", "mod")
}
