package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Variable is the environment variable with the address of a server for tests. Without it,
// tests of the store use SQLite.
const Variable = "KNM_TEST_POSTGRES"

// Database returns the address of a new database, which is dropped at the end of the test.
// It returns "" without a server for tests.
func Database(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		return ""
	}
	name := fmt.Sprintf("test_%016x", rand.Uint64())
	if err := execute(tb.Context(), server, "CREATE DATABASE "+name+" STRATEGY FILE_COPY"); err != nil {
		tb.Fatalf("create a database: %v", err)
	}
	tb.Cleanup(func() {
		if err := execute(context.WithoutCancel(tb.Context()), server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop a database: %v", err)
		}
	})
	address, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", Variable, err)
	}
	address.Path = "/" + name
	return address.String()
}

func execute(ctx context.Context, address, statement string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// Query returns the one text that a query finds in a database of the server.
func (s *Server) Query(ctx context.Context, database, query string) (text string, err error) {
	db, err := sql.Open("pgx", s.URL(database))
	if err != nil {
		return "", fmt.Errorf("open PostgreSQL: %w", err)
	}
	err = db.QueryRowContext(ctx, query).Scan(&text)
	return text, errors.Join(err, db.Close())
}
