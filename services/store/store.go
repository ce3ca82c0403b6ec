// Package store keeps everything that must survive a restart in one database: users,
// tokens, login sessions, settings, batches and their items, templates, and the audit
// log. It writes an audit entry in the same transaction as the change that the entry
// describes; the author is the actor of the context. The package owns the schema
// (migrations, applied at start) and every query, with one file per aggregate. Of this
// project it imports only the packages services and services/change.
//
// The database is one SQLite file, or a PostgreSQL server that several replicas of the
// program share; see Open and OpenPostgres. All queries are the same for both, except for
// what the type engine has.
//
// There are two connection pools, and one more for the leadership. Writes use one connection, and one write transaction
// runs at a time: in SQLite it takes the write lock when it begins; with several writers,
// or with transactions that begin with a read, most of them would end in SQLITE_BUSY. In
// PostgreSQL it locks the row of leadership, also against the other replicas. Reads have
// their own connections, and see the last commit. A write transaction must be short: it
// must not call a cluster, and it must not use the pool for writes, which would wait for
// the transaction's own connection.
//
// Times are stored as milliseconds since 1970 UTC; see toMillis.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"kube-node-manager/services"
)

// readers is the maximum number of connections for reads.
const readers = 6

// Store is the open database. It is safe for concurrent use.
type Store struct {
	engine engine
	w      *sql.DB // for writes; has one connection
	r      *sql.DB // for reads
	l      *sql.DB // for the leadership; has one connection, and is nil for SQLite
	log    *slog.Logger
	now    func() time.Time // for audit entries

	file  string   // of SQLite; "" for PostgreSQL
	claim *os.File // see Claim; nil if this program has no claim, and for PostgreSQL
	token int64    // of the leadership that writes need; 0 for none, see Lead
}

// engine is what differs between the database engines in the queries.
type engine struct {
	// like compares a text with a pattern, without regard to the case of the letters A to Z.
	like string
	// unindexed, before a column, keeps the planner from using an index for its condition.
	unindexed string
	// nextCluster returns the id of the next new row of clusters.
	nextCluster string
	// enter is called at the begin of each write transaction.
	enter func(ctx context.Context, tx *sql.Tx) error
	// optimize is what Close executes.
	optimize []string
}

// Close closes the database. Nothing may use the store afterwards.
func (s *Store) Close(ctx context.Context) error {
	var errs []error
	for _, statement := range s.engine.optimize {
		_, err := s.w.ExecContext(ctx, statement)
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, s.closePools())...); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

func (s *Store) closePools() error {
	var errs []error
	for _, pool := range []*sql.DB{s.r, s.w, s.l} {
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
	if err := s.engine.enter(ctx, tx); err != nil {
		return mapErr(err)
	}
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
