// Package store keeps what must survive a restart, in one SQLite file: users,
// tokens, login sessions, settings, batches and their items, templates, and the
// audit log, whose entries it writes in the transaction of what they tell about;
// the actor of the context is their author. It owns the schema
// (migrations/*.sql, applied at start) and every query, one file per aggregate;
// it knows the domain's error codes and actors and nothing else of ours.
//
// There are two pools. Writes go through one connection whose transactions take
// the write lock when they begin: with more writers, or with transactions that
// only later turn into writes, most of them end in SQLITE_BUSY. Reads have
// connections of their own, and see the last commit. A write transaction must
// stay short: never call a cluster inside one, and never read through the
// writer's pool from within it, which would wait for itself.
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
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// fileName is the database within the data directory.
const fileName = "kube-node-manager.db"

// readers bounds the connections that read at the same time.
const readers = 6

// Store is the open database. It is safe for concurrent use.
type Store struct {
	w     *sql.DB // one connection
	r     *sql.DB
	file  string
	claim *os.File // lock of the one server; nil when it is not ours
	log   *slog.Logger
	now   func() time.Time // of entries of the audit log
}

// Open opens the database in dir and brings its schema up to date. It makes the
// directory when it is missing, saves a copy of an existing database into
// dir/backups before it changes the schema, and refuses a database that a newer
// version has written. Several programs may have the same directory open.
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
		return nil, errors.Join(fmt.Errorf("open database %s: %w", s.file, err), s.closePools())
	}
	return s, nil
}

// open opens the writer, then migrates, then opens the readers: a read-only
// connection cannot make the file.
func (s *Store) open(ctx context.Context) error {
	var err error
	if s.w, err = sql.Open("sqlite", dsn(s.file, "_txlock", "immediate")); err != nil {
		return fmt.Errorf("open to write: %w", err)
	}
	s.w.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.r, err = sql.Open("sqlite", dsn(s.file, "mode", "ro")); err != nil {
		return fmt.Errorf("open to read: %w", err)
	}
	s.r.SetMaxOpenConns(readers)
	s.r.SetMaxIdleConns(readers)
	return s.Ping(ctx)
}

// dsn gives the data source name with the settings of every connection and one
// more key and value. Settings made with Exec would hold for one connection only.
func dsn(file, key, value string) string {
	q := url.Values{
		"_pragma": {
			"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(ON)",
		},
		"_dqs":                 {"0"},
		"_defensive":           {"1"},
		"_time_integer_format": {"unix_milli"},
		key:                    {value},
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}
	return u.String()
}

// prepareDir makes the data directory and finds out now, with a clear message,
// whether it can be written.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be written; give its owner to the user that runs this program: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// create makes the empty file when there is none: SQLite would let others read
// it, and gives its log and index the rights of this one.
func (s *Store) create() error {
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // and not opened: closing a file drops the locks that SQLite has on it
	}
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return f.Close()
}

// Close lets SQLite tidy up, folds the write-ahead log into the database and
// closes it. Nothing may use the store afterwards.
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

// Ping reads one row of our own schema.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM settings").Scan(&n); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// Writer returns the pool that writes, for tests that bring the database into a
// state that no method here leads to.
func (s *Store) Writer() *sql.DB { return s.w }

// Stats gives the state of both pools for the metrics.
func (s *Store) Stats() (writer, reader sql.DBStats) { return s.w.Stats(), s.r.Stats() }

// write runs fn in one write transaction: all of it is committed, or nothing.
// fn must use tx only, be short, and call no cluster.
func (s *Store) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return mapErr(fmt.Errorf("begin to write: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return mapErr(err)
	}
	if err := tx.Commit(); err != nil {
		return mapErr(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// toMillis gives the stored form of a moment.
func toMillis(t time.Time) int64 { return t.UnixMilli() }

// fromMillis gives the moment of a stored form, in UTC.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// toNullMillis is toMillis for a moment that may not have come yet.
func toNullMillis(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: toMillis(*t), Valid: true}
}

// fromNullMillis is fromMillis for a moment that may not have come yet.
func fromNullMillis(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := fromMillis(ms.Int64)
	return &t
}
