package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// Copied is how many rows a table had that CopyToPostgres has copied.
type Copied struct {
	Table string
	Rows  int
}

// CopyToPostgres copies the SQLite database in dir into an empty PostgreSQL database, in one
// transaction, and counts the rows of each table on both sides. The SQLite database stays as
// it is. keyFits is asked for every key under which a secret is stored.
//
// It is an error while a server runs on either of them, if the database in dir has the schema
// of another version, and if the other one is not empty: it may have nothing, or the schema
// without users and anything else.
func CopyToPostgres(
	ctx context.Context, dir, address string, keyFits func(id string) error, log *slog.Logger,
) (copied []Copied, err error) {
	from, err := openSource(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.closePools()) }()
	if err := checkKeys(ctx, from.w, keyFits); err != nil {
		return nil, err
	}
	if err := checkEmpty(ctx, address); err != nil {
		return nil, err
	}
	to, err := OpenPostgres(ctx, address, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close(context.WithoutCancel(ctx))) }()
	return to.fill(ctx, from)
}

// fill copies the tables of a claimed database into this one.
func (s *Store) fill(ctx context.Context, from *Store) (copied []Copied, err error) {
	leading, err := s.Lead(ctx, Leader{Holder: "a command"}, time.Minute)
	if err != nil {
		return nil, err
	}
	if leading == nil {
		return nil, errors.New("a replica works on the PostgreSQL database; stop all of them first")
	}
	defer func() { err = errors.Join(err, leading.EndLead(context.WithoutCancel(ctx))) }()
	// Others may still add rows to the source, such as the command user: what is copied is
	// what this transaction sees.
	source, err := from.w.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	defer func() { _ = source.Rollback() }() // it only reads
	err = leading.write(ctx, func(tx *sql.Tx) error {
		copied, err = leading.copyAll(ctx, source, tx)
		return err
	})
	return copied, err
}

func (s *Store) copyAll(ctx context.Context, from, to *sql.Tx) (copied []Copied, err error) {
	// The server ends no transaction that waits for the source.
	if _, err := to.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return nil, err
	}
	tables, err := tablesToCopy(ctx, from)
	if err != nil {
		return nil, err
	}
	rows := 0
	for _, name := range tables {
		t := tableCopy{name: name, from: from, to: to}
		n, err := t.copy(ctx)
		if err != nil {
			return nil, fmt.Errorf("copy the table %s: %w", name, err)
		}
		copied = append(copied, Copied{name, n})
		rows += n
	}
	if err := requireAll(ctx, to, tables); err != nil {
		return nil, err
	}
	after := facts("tables", len(tables), "rows", rows)
	return copied, s.note(ctx, to, Entry{Action: ActionCopy, Object: fileName, After: after})
}

// openSource opens a database that is to be copied, without a change to it, and claims it.
func openSource(ctx context.Context, dir string, log *slog.Logger) (s *Store, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	s = &Store{engine: sqliteEngine(), file: filepath.Join(dir, fileName), log: log, now: time.Now}
	if _, err := os.Stat(s.file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database in %s", dir)
	}
	if err := s.Claim(ctx); err != nil {
		return nil, err
	}
	if err := s.openToCopy(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("copy %s: %w", s.file, err), s.closePools())
	}
	return s, nil
}

func (s *Store) openToCopy(ctx context.Context) error {
	if err := s.openWriter(); err != nil {
		return err
	}
	if err := s.checkCopy(ctx); err != nil {
		return err
	}
	return s.sameVersion(ctx)
}

// sameVersion returns an error if the schema has not the version of this program.
func (s *Store) sameVersion(ctx context.Context) error {
	p, err := s.provider(goose.DialectSQLite3, "sqlite")
	if err != nil {
		return err
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	var is int64
	if err := s.w.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&is); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if is != want {
		return fmt.Errorf("its schema has version %d and that of this program has %d: use the program that last "+
			"ran on it, or first start this one on it and stop it again", is, want)
	}
	return nil
}

// checkKeys asks for every key under which a secret is stored.
func checkKeys(ctx context.Context, q rowsQuerier, fits func(id string) error) error {
	ids, err := list(ctx, q, "read the keys of the secrets", scanString, `SELECT key_id FROM clusters WHERE imported
		UNION SELECT key_id FROM factors UNION SELECT key_id FROM hooks`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := fits(id); err != nil {
			return err
		}
	}
	return nil
}

// seeded are the tables that have a row from the begin.
var seeded = append([]string{"audit_retention"}, notCopied...)

// notCopied are the tables of PostgreSQL that a SQLite database has not, or that are its own.
var notCopied = []string{"leadership", "leadership_term", "goose_db_version"}

// checkEmpty returns an error if a PostgreSQL database has anything that a copy would meet.
func checkEmpty(ctx context.Context, address string) (err error) {
	db, err := openToLook(address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := list(ctx, db, "read the tables of the PostgreSQL database", scanString, `SELECT tablename
		FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename`)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if slices.Contains(seeded, table) {
			continue
		}
		n, err := countIn(ctx, db, table)
		if err != nil {
			return fmt.Errorf("the PostgreSQL database is not empty: it has the table %s: %w", table, err)
		}
		if n > 0 || !slices.Contains(tables, "goose_db_version") {
			return fmt.Errorf("the PostgreSQL database is not empty: it has the table %s with %d rows; "+
				"create a new one for the copy", table, n)
		}
	}
	return nil
}

func countIn(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, table string,
) (n int, err error) {
	err = q.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted(table)).Scan(&n)
	return n, err
}

// quoted returns a name as both engines quote it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
