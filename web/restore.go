package web

import (
	"context"
	"errors"
	"log/slog"

	"kube-node-manager/services/store"
)

// Restored is what a restore has put in the place of the database.
type Restored = store.Restored

// Restore replaces the database in the directory data by a copy; see store.Restore. The
// audit log of the copy gets an entry. address is that of a PostgreSQL database, which has
// tools of its own; it must be "".
func Restore(ctx context.Context, address, data, file string, log *slog.Logger) (Restored, error) {
	if address != "" {
		return Restored{}, errors.New("a PostgreSQL database is restored with pg_restore or the tools of who runs it")
	}
	return store.Restore(commandLine(ctx), data, file, log)
}
