// Package storetest opens stores for tests of other packages.
package storetest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest/postgres"
)

// databases are the databases of PostgreSQL by the directory that a test asked for.
var databases sync.Map

// Open opens the database of a test: the one in the directory, or, if there is a server for
// tests, one of PostgreSQL that stands for the directory. The caller closes it.
func Open(tb testing.TB, ctx context.Context, dir string, log *slog.Logger) (*store.Store, error) {
	tb.Helper()
	address, known := databases.Load(dir)
	if !known {
		address = postgres.Database(tb)
		databases.Store(dir, address)
	}
	if address == "" {
		return store.Open(ctx, dir, log)
	}
	return store.OpenPostgres(ctx, address.(string), log)
}

// SetReadOnly makes the database refuse every write of the store, or no longer.
func SetReadOnly(tb testing.TB, st *store.Store, on bool) {
	tb.Helper()
	setting := "PRAGMA query_only = "
	if _, isPostgres := st.Writer().Driver().(*stdlib.Driver); isPostgres {
		setting = "SET default_transaction_read_only = "
	}
	value := "OFF"
	if on {
		value = "ON"
	}
	if _, err := st.Writer().ExecContext(tb.Context(), setting+value); err != nil {
		tb.Fatalf("%s%s: %v", setting, value, err)
	}
}
