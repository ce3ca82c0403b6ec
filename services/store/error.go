package store

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kube-node-manager/services"
)

// mapErr turns errors of the database into domain errors: no rows are
// CodeNotFound, a violated unique constraint is CodeConflict, and a database that
// stays locked is CodeUnavailable. It returns all other errors unchanged, and
// errors that have a code already.
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
