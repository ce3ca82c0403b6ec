// Package store keeps everything that must survive a restart in one SQLite file:
// users, tokens, login sessions, settings, batches and their items, templates, and
// the audit log. It writes an audit entry in the same transaction as the change
// that the entry describes; the author is the actor of the context. The package
// owns the schema (migrations/*.sql, applied at start) and every query, with one
// file per aggregate. Of this project it imports only the packages services and
// services/change.
//
// There are two connection pools. All writes use one connection, whose
// transactions take the write lock when they begin. With several writers, or with
// transactions that begin with a read, most of them would end in SQLITE_BUSY.
// Reads have their own connections, and see the last commit. A write transaction
// must be short: it must not call a cluster, and it must not use the pool for
// writes, which would wait for the transaction's own connection.
//
// Times are stored as milliseconds since 1970 UTC; see toMillis.
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

	"kube-node-manager/services"
)

// fileName is the name of the database file in the data directory.
const fileName = "kube-node-manager.db"

// readers is the maximum number of connections for reads.
const readers = 6

// Store is the open database. It is safe for concurrent use.
type Store struct {
	w     *sql.DB // for writes; has one connection
	r     *sql.DB // for reads
	file  string
	claim *os.File // see Claim; nil if this program has no claim
	log   *slog.Logger
	now   func() time.Time // for audit entries
}

// Open opens the database in dir and brings its schema up to date. It creates the
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
	s := &Store{file: filepath.Join(dir, fileName), log: log, now: time.Now}
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

// Close optimizes the database, merges the write-ahead log into it and closes it.
// Nothing may use the store afterwards.
func (s *Store) Close(ctx context.Context) error {
	_, optimizeErr := s.w.ExecContext(ctx, "PRAGMA optimize")
	_, checkpointErr := s.w.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := errors.Join(optimizeErr, checkpointErr, s.closePools()); err != nil {
		return fmt.Errorf("close database %s: %w", s.file, err)
	}
	return nil
}

func (s *Store) closePools() error {
	var errs []error
	for _, pool := range []*sql.DB{s.r, s.w} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if s.claim != nil {
		errs = append(errs, s.claim.Close())
	}
	return errors.Join(errs...)
}

// Ping checks that the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM settings").Scan(&n); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// Writer returns the pool for writes. It is for tests that need a state of the
// database that no method produces.
func (s *Store) Writer() *sql.DB { return s.w }

// Stats returns the statistics of both pools.
func (s *Store) Stats() (writer, reader sql.DBStats) { return s.w.Stats(), s.r.Stats() }

// write calls fn in a write transaction, and commits it if fn returns nil. fn must
// use only tx, must be short, and must not call a cluster.
func (s *Store) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if errors.Is(err, context.DeadlineExceeded) { // nothing was begun, so the outcome is known
		return services.Wrap(err, services.CodeUnavailable, "error_busy")
	}
	if err != nil {
		return mapErr(fmt.Errorf("begin a write transaction: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(tx); err != nil {
		return mapErr(err)
	}
	if err := tx.Commit(); err != nil {
		return mapErr(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// rowsQuerier is a *sql.DB or *sql.Tx.
type rowsQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list returns all rows of a query, each read by scan. what says in an error what
// was tried, such as "read the users".
func list[T any](
	ctx context.Context, q rowsQuerier, what string, scan func(scanner) (T, error), query string, args ...any,
) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, mapErr(fmt.Errorf("%s: %w", what, err))
	}
	defer func() { _ = rows.Close() }()
	all := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, mapErr(fmt.Errorf("%s: %w", what, err))
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, mapErr(fmt.Errorf("%s: %w", what, err))
	}
	return all, nil
}

// scanString reads a row of one text column.
func scanString(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

// toMillis returns the stored form of a time.
func toMillis(t time.Time) int64 { return t.UnixMilli() }

// fromMillis returns the time of a stored form, in UTC.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// toNullMillis is like toMillis. nil is stored as NULL.
func toNullMillis(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: toMillis(*t), Valid: true}
}

// fromNullMillis is like fromMillis. It returns nil for NULL.
func fromNullMillis(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := fromMillis(ms.Int64)
	return &t
}
