package web

import (
	"context"
	"log/slog"

	"kube-node-manager/services/store"
)

// Restored is what a restore has put in the place of the database.
type Restored = store.Restored

// Restore replaces the database in the directory data by a copy; see store.Restore. The
// audit log of the copy gets an entry.
func Restore(ctx context.Context, data, file string, log *slog.Logger) (Restored, error) {
	return store.Restore(commandLine(ctx), data, file, log)
}
