package store

import (
	"database/sql"
	"errors"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kube-node-manager/services"
)

// troubles are the messages for what may be wrong with the database or its disk, by the
// primary code of SQLite.
var troubles = map[int]string{
	sqlite3.SQLITE_BUSY:     "error_busy",
	sqlite3.SQLITE_LOCKED:   "error_busy",
	sqlite3.SQLITE_FULL:     "error_database_full",
	sqlite3.SQLITE_READONLY: "error_database_readonly",
	sqlite3.SQLITE_IOERR:    "error_database_io",
	sqlite3.SQLITE_CORRUPT:  errDamaged,
	sqlite3.SQLITE_NOTADB:   errDamaged,
}

const errDamaged = "error_database_damaged"

// troubleOf returns the message for what is wrong with the database or its disk; "" for any
// other error.
func troubleOf(err error) string {
	e, ok := errors.AsType[*sqlite.Error](err)
	if ok {
		return troubles[e.Code()&0xff]
	}
	return postgresTrouble(err)
}

// mapErr turns errors of the database into domain errors: no rows are
// CodeNotFound, a violated unique constraint is CodeConflict, a text that cannot be stored
// is CodeInvalid, and a database that cannot be read or written is CodeUnavailable. It
// returns all other errors unchanged, and errors that have a code already.
func mapErr(err error) error {
	if _, ok := errors.AsType[*services.Error](err); ok || err == nil {
		return err
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return services.Wrap(err, services.CodeNotFound, "error_not_found")
	case isTaken(err):
		return services.Wrap(err, services.CodeConflict, "error_conflict")
	case isUnstorable(err):
		return services.Wrap(err, services.CodeInvalid, "error_text_characters")
	}
	if text := troubleOf(err); text != "" {
		return services.Wrap(err, services.CodeUnavailable, text)
	}
	return err
}

// isTaken reports whether a unique constraint was violated.
func isTaken(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == pgerrcode.UniqueViolation
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
