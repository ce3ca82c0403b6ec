package store

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kube-node-manager/services"
)

// mapErr turns what the database says into the domain's codes: no rows are
// CodeNotFound, a broken uniqueness is CodeConflict, a database that stays
// locked is CodeUnavailable. Everything else, and an error that has a code
// already, is returned as it is.
func mapErr(err error) error {
	if _, ok := errors.AsType[*services.Error](err); ok || err == nil {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return services.Wrap(err, services.CodeNotFound, "error_not_found")
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return services.Wrap(err, services.CodeConflict, "error_conflict")
	case sqlite3.SQLITE_BUSY:
		return services.Wrap(err, services.CodeUnavailable, "error_busy")
	default:
		return err
	}
}
