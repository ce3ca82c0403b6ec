// Package storetest opens stores for tests of other packages.
package storetest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

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
