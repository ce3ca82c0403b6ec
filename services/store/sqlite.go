package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// fileName is the name of the database file in the data directory.
const fileName = "kube-node-manager.db"

func sqliteEngine() engine {
	return engine{
		like:        "LIKE",
		unindexed:   "+",
		nextCluster: `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'clusters'), 0) + 1`,
		// The transaction has the write lock from its begin.
		enter: func(context.Context, *sql.Tx) error { return nil },
		// The write-ahead log is merged into the file.
		optimize: []string{"PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"},
	}
}

// Open opens the SQLite database in dir and brings its schema up to date. It creates the
// directory if it does not exist, and saves a copy of an existing database to
// dir/backups before it changes the schema. A database of a newer version is an
// error. Several programs may open the same directory at once.
func Open(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	s := &Store{engine: sqliteEngine(), file: filepath.Join(dir, fileName), log: log, now: time.Now}
	if err := s.create(); err != nil {
		return nil, err
	}
	if err := s.closeToOthers(ctx, os.Chmod); err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		if troubleOf(err) == errDamaged {
			err = fmt.Errorf("the database is damaged; put a backup in its place with the command restore: %w", err)
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", s.file, err), s.closePools())
	}
	return s, nil
}

// open opens the pool for writes, migrates the schema, and opens the pool for
// reads.
func (s *Store) open(ctx context.Context) error {
	if err := s.openWriter(); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	r, err := sql.Open("sqlite", dsn(s.file, "mode", "ro"))
	if err != nil {
		return fmt.Errorf("open for reads: %w", err)
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	s.r = r
	return s.Ping(ctx)
}

func (s *Store) openWriter() error {
	w, err := sql.Open("sqlite", dsn(s.file, "_txlock", "immediate"))
	if err != nil {
		return fmt.Errorf("open for writes: %w", err)
	}
	w.SetMaxOpenConns(1)
	s.w = w
	return nil
}

// dsn returns the data source name with the settings of all connections and with
// one more setting. A setting that is made with Exec would apply to one connection
// only.
func dsn(file, key, value string) string {
	settings := []string{
		"_pragma=busy_timeout(5000)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(NORMAL)",
		"_pragma=foreign_keys(ON)", "_dqs=0", "_defensive=1", "_time_integer_format=unix_milli", key + "=" + value,
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: strings.Join(settings, "&")}
	return u.String()
}

// prepareDir creates the data directory and checks that files can be created in
// it, so that the error is clear if they cannot.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return fmt.Errorf("the data directory %s is not writable; "+
			"make the user that runs this program its owner: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// create creates the file of a new database. SQLite would let others read it; its
// -wal and -shm files get the same permissions.
func (s *Store) create() error {
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // not opened, because closing it would drop the locks that SQLite has on it
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return f.Close()
}
