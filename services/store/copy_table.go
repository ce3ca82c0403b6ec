package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// copiedAtOnce is how many rows one statement inserts, unless they have so many columns that
// PostgreSQL does not take their parameters.
const copiedAtOnce = 200

// tablesToCopy returns the tables of a SQLite database, each after those that its rows refer
// to.
func tablesToCopy(ctx context.Context, q rowsQuerier) ([]string, error) {
	all, err := list(ctx, q, "read the tables", scanString, `SELECT name FROM sqlite_schema
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	needs := map[string][]string{}
	for _, table := range all {
		needs[table], err = list(ctx, q, "read the references of a table", scanString,
			`SELECT DISTINCT "table" FROM pragma_foreign_key_list($1) WHERE "table" <> $1`, table)
		if err != nil {
			return nil, err
		}
	}
	return inOrder(all, needs), nil
}

// inOrder returns names, each after those that it needs.
func inOrder(names []string, needs map[string][]string) []string {
	var ordered []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(ordered, name) {
			return
		}
		for _, need := range needs[name] {
			add(need)
		}
		ordered = append(ordered, name)
	}
	for _, name := range names {
		add(name)
	}
	return ordered
}

// requireAll returns an error if PostgreSQL has other tables than were copied.
func requireAll(ctx context.Context, to *sql.Tx, copied []string) error {
	all, err := list(ctx, to, "read the tables of the PostgreSQL database", scanString,
		`SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()`)
	if err != nil {
		return err
	}
	for _, table := range all {
		if !slices.Contains(copied, table) && !slices.Contains(notCopied, table) {
			return fmt.Errorf("the table %s of the PostgreSQL database is not in the SQLite database", table)
		}
	}
	return nil
}

// tableCopy copies one table.
type tableCopy struct {
	name     string
	from, to *sql.Tx
	columns  []string
	booleans []bool // which of the columns are
}

// copy copies all rows, and returns how many there are on both sides.
func (t *tableCopy) copy(ctx context.Context) (int, error) {
	if err := t.readColumns(ctx); err != nil {
		return 0, err
	}
	if _, err := t.to.ExecContext(ctx, "DELETE FROM "+quoted(t.name)); err != nil { // the row from the begin
		return 0, err
	}
	if err := t.copyRows(ctx); err != nil {
		return 0, err
	}
	if err := t.continueIDs(ctx); err != nil {
		return 0, err
	}
	return t.verify(ctx)
}

// readColumns reads the columns, which must be the same on both sides.
func (t *tableCopy) readColumns(ctx context.Context) (err error) {
	t.columns, err = list(ctx, t.from, "read the columns", scanString,
		`SELECT name FROM pragma_table_info($1) ORDER BY name COLLATE BINARY`, t.name)
	if err != nil {
		return err
	}
	const query = `SELECT column_name, data_type FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = $1 ORDER BY column_name COLLATE "C"`
	type column struct{ name, kind string }
	others, err := list(ctx, t.to, "read the columns of the PostgreSQL database", func(row scanner) (c column, err error) {
		err = row.Scan(&c.name, &c.kind)
		return c, err
	}, query, t.name)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range others {
		names = append(names, c.name)
		t.booleans = append(t.booleans, c.kind == "boolean")
	}
	if !slices.Equal(names, t.columns) {
		return fmt.Errorf("it has the columns %v in SQLite and %v in PostgreSQL", t.columns, names)
	}
	return nil
}

func (t *tableCopy) copyRows(ctx context.Context) (err error) {
	// In the order of the key, rows come after those of the same table that they refer to.
	key, err := list(ctx, t.from, "read the key", scanString,
		`SELECT '"' || name || '"' FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`, t.name)
	if err != nil {
		return err
	}
	rows, err := t.from.QueryContext(ctx,
		"SELECT "+t.columnList()+" FROM "+quoted(t.name)+" ORDER BY "+strings.Join(key, ", "))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var values []any
	for rows.Next() {
		row, err := t.scan(rows)
		if err != nil {
			return err
		}
		values = append(values, row...)
		if len(values) >= copiedAtOnce*len(t.columns) {
			if err := t.insert(ctx, values); err != nil {
				return err
			}
			values = nil
		}
	}
	return errors.Join(rows.Err(), t.insert(ctx, values))
}

func (t *tableCopy) columnList() string {
	names := make([]string, len(t.columns))
	for i, name := range t.columns {
		names[i] = quoted(name)
	}
	return strings.Join(names, ", ")
}

// scan reads a row as PostgreSQL takes it: SQLite has no booleans.
func (t *tableCopy) scan(rows *sql.Rows) ([]any, error) {
	row, to := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range row {
		to[i] = &row[i]
		if t.booleans[i] {
			row[i] = &sql.NullBool{}
			to[i] = row[i]
		}
	}
	return row, rows.Scan(to...)
}

// insert inserts the values of some rows.
func (t *tableCopy) insert(ctx context.Context, values []any) error {
	var rows []string
	for at := 0; at < len(values); at += len(t.columns) {
		rows = append(rows, "("+marksFrom(at+1, len(t.columns))+")")
	}
	if rows == nil {
		return nil
	}
	_, err := t.to.ExecContext(ctx, "INSERT INTO "+quoted(t.name)+" ("+t.columnList()+") VALUES "+
		strings.Join(rows, ", "), values...)
	return err
}

// continueIDs has PostgreSQL give the ids to new rows that SQLite would: the id of a row that
// was deleted is not used again.
func (t *tableCopy) continueIDs(ctx context.Context) error {
	var last sql.NullInt64
	err := t.from.QueryRowContext(ctx, `SELECT max(seq) FROM sqlite_sequence WHERE name = $1`, t.name).Scan(&last)
	if err != nil || last.Int64 == 0 {
		return err
	}
	_, err = t.to.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence($1, 'id'), $2)`, t.name, last.Int64)
	return err
}

// verify returns how many rows there are, which must be as many on both sides.
func (t *tableCopy) verify(ctx context.Context) (int, error) {
	before, err := countIn(ctx, t.from, t.name)
	if err != nil {
		return 0, err
	}
	after, err := countIn(ctx, t.to, t.name)
	if err != nil {
		return 0, err
	}
	if before != after {
		return 0, fmt.Errorf("it has %d rows in SQLite and %d in PostgreSQL", before, after)
	}
	return after, nil
}
