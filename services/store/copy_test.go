package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/store/storetest/postgres"
)

// fullDatabase makes a data directory with a database whose tables all have rows: a new table
// needs one here.
func fullDatabase(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO users (id, name, password_hash, role, disabled, created_at, groups)
			VALUES (1, 'Ada', 'hash', 'admin', 0, 1790000000000, '["ops"]'), (3, '林', '', 'none', 1, 1790000000001, '[]')`,
		`INSERT INTO users (id, name, password_hash, role, created_at) VALUES (9, 'gone', '', 'viewer', 1)`,
		`DELETE FROM users WHERE id = 9`,
		`INSERT INTO grants (user_id, cluster, role) VALUES (3, 'prod', 'user')`,
		`INSERT INTO tokens (user_id, name, hash, created_at, read_only) VALUES (1, 'ci', x'00ff10', 5, 1)`,
		`INSERT INTO sessions (token, data, expiry) VALUES ('t', x'0001', 1890000000000)`,
		`INSERT INTO settings (key, value) VALUES ('a', 'it''s "so"' || char(10))`,
		`INSERT INTO factors (user_id, created_at, last_step, key_id, data_key, secret)
			VALUES (1, 2, 3, 'key', x'01', x'02')`,
		`INSERT INTO recovery_codes (user_id, hash) VALUES (1, x'aa'), (1, x'bb')`,
		`INSERT INTO views (user_id, owner, name, query, shared, updated_at) VALUES (NULL, 'Ada', 'v', 'q=1', 1, 2)`,
		`INSERT INTO searches (user_id, text, at) VALUES (1, 'x', 1)`,
		`INSERT INTO clusters (name, imported, version, key_id, data_key, secret, created_by, created_at, updated_by,
			updated_at) VALUES ('prod', 1, 1, 'key', x'01', x'02', 'Ada', 1, 'Ada', 1)`,
		`INSERT INTO rules (cluster, rules, updated_by, updated_at) VALUES ('prod', '{}', 'Ada', 1)`,
		`INSERT INTO templates (kind, name, entries, created_by, created_at, updated_by, updated_at)
			VALUES ('labels', 'gold', '[{"key": "a"}]', 'Ada', 1, 'Ada', 1)`,
		`INSERT INTO batches (id, cluster, operation, params, actor_id, actor, created_at, total, retry_of, state)
			VALUES ('b1', 'prod', 'cordon', '{}', 1, 'Ada', 1, 500, NULL, 'succeeded'),
				('b2', 'prod', 'cordon', '{"a": 1}', 1, 'Ada', 2, 1, 'b1', 'running')`,
		`INSERT INTO batch_items (batch_id, seq, node, state, unknown, before, error)
			WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
			SELECT 'b1', i, 'node-' || i, 'failed', i % 2, '{"labels": {"a":  "b"}}', NULL FROM n`,
		`INSERT INTO batch_health (batch_id, begin) VALUES ('b1', '{}')`,
		`INSERT INTO audit (at, action, result, before) VALUES (1, 'login', 'ok', '{"a":1}')`,
		`UPDATE audit_retention SET before = 0`,
		`INSERT INTO hooks (name, format, language, events, minutes, host, created_by, created_at, key_id, data_key, secret)
			VALUES ('chat', 'slack', 'en', '[]', 5, 'example.com', 'Ada', 1, 'key', x'01', x'02')`,
		`INSERT INTO deliveries (hook_id, event, message, state, next_at, created_at) VALUES (1, 'e', '{}', 'sent', 1, 1)`,
	} {
		_, err := s.w.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, s.Close(context.Background()))
	return dir
}

func anyKey(string) error { return nil }

// contents returns all rows of a table as texts, in their order.
func contents(t *testing.T, s *Store, table string, columns []string) []string {
	t.Helper()
	tc := tableCopy{columns: columns}
	rows, err := list(t.Context(), s.r, table, func(row scanner) (string, error) {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		err := row.Scan(to...)
		for i, v := range values {
			if truth, is := v.(bool); is {
				values[i] = map[bool]int64{true: 1, false: 0}[truth]
			}
		}
		return fmt.Sprintf("%v", values), err
	}, "SELECT "+tc.columnList()+" FROM "+quoted(table))
	require.NoError(t, err)
	return rows
}

// All tables are copied, with all of their rows and columns, and ids go on from where they
// were.
func TestCopyToPostgres(t *testing.T) {
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	dir := fullDatabase(t)
	copied, err := CopyToPostgres(t.Context(), dir, server.URL("postgres"), anyKey, quiet())
	require.NoError(t, err)

	from := openIn(t, dir)
	to, err := OpenPostgres(t.Context(), server.URL("postgres"), quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, to.Close(t.Context())) })
	tables, err := list(t.Context(), from.r, "read the tables", scanString, `SELECT name FROM sqlite_schema
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'`)
	require.NoError(t, err)
	require.Len(t, copied, len(tables))
	actions, err := list(t.Context(), to.r, "read the actions", scanString, `SELECT action FROM audit ORDER BY id`)
	require.NoError(t, err)
	require.Equal(t, []string{"login", string(ActionCopy)}, actions)
	for _, c := range copied {
		require.Positive(t, c.Rows, "the database of this test has no row of %s", c.Table)
		columns, err := list(t.Context(), from.r, "read the columns", scanString,
			`SELECT name FROM pragma_table_info($1)`, c.Table)
		require.NoError(t, err)
		want, got := contents(t, from, c.Table, columns), contents(t, to, c.Table, columns)
		if c.Table == "audit" {
			got = got[:1] // the other one is that of the copy
		}
		require.ElementsMatch(t, want, got, c.Table)
	}
	require.Equal(t, int64(10), addUser(t, to, "eve"), "the id of a user who was deleted is not used again")
	leading, err := to.Lead(t.Context(), Leader{Holder: "a"}, time.Minute)
	require.NoError(t, err)
	require.NotNil(t, leading, "a replica may begin at once")
}

// A copy is refused with the reason, and then nothing is changed.
func TestCopyToPostgres_refused(t *testing.T) {
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	dir, address := fullDatabase(t), server.URL("postgres")
	refused := func(dir, why string) {
		t.Helper()
		_, err := CopyToPostgres(t.Context(), dir, address, anyKey, quiet())
		require.ErrorContains(t, err, why)
	}
	refused(t.TempDir(), "there is no database in")
	_, err = CopyToPostgres(t.Context(), dir, address, func(id string) error { return errors.New("not " + id) }, quiet())
	require.EqualError(t, err, "not key")

	serves, err := Open(t.Context(), dir, quiet())
	require.NoError(t, err)
	require.NoError(t, serves.Claim(t.Context()))
	refused(dir, "another server runs on the data directory")
	_, err = serves.w.ExecContext(t.Context(), `UPDATE goose_db_version SET version_id = version_id + 5
		WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	require.NoError(t, err)
	require.NoError(t, serves.Close(context.Background()))
	refused(dir, "use the program that last ran on it")

	admin, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, admin.Close()) })
	dir = fullDatabase(t)
	execute := func(statement string) {
		t.Helper()
		_, err := admin.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	execute("CREATE TABLE theirs (id BIGINT)")
	refused(dir, "not empty: it has the table theirs")
	execute("DROP TABLE theirs")

	// Of a copy that fails in its middle nothing is left, and it can be tried again.
	broken := fullDatabase(t)
	s := openIn(t, broken)
	_, err = s.w.ExecContext(t.Context(), `UPDATE deliveries SET answer = 'a' || char(0)`)
	require.NoError(t, err)
	refused(broken, "copy the table deliveries")
	_, err = CopyToPostgres(t.Context(), dir, address, anyKey, quiet())
	require.NoError(t, err)
	refused(dir, "not empty: it has the table audit with 2 rows")
	require.FileExists(t, filepath.Join(dir, fileName))
}

// A replica that works on the other database is not disturbed.
func TestCopyToPostgres_whileAReplicaWorks(t *testing.T) {
	s := openShared(t)
	_, err := s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	var address string
	require.NoError(t, s.w.QueryRowContext(t.Context(), `SELECT 'postgres://postgres@127.0.0.1:' ||
		current_setting('port') || '/postgres?sslmode=disable'`).Scan(&address))
	_, err = CopyToPostgres(t.Context(), fullDatabase(t), address, anyKey, quiet())
	require.ErrorContains(t, err, "a replica works on the PostgreSQL database")
}
