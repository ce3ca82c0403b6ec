package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	connectTimeout = 5 * time.Second
	// lockTimeout is how long a write waits for those of others, as with SQLite, and a read
	// for somebody who changes the tables.
	lockTimeout = "5000" // ms
	// idleTimeout is after how long the server ends a transaction of a program that has
	// stopped in its middle, which would keep all others from writing.
	idleTimeout = "5000" // ms
)

func (s *Store) postgresEngine() engine {
	return engine{
		like:        "ILIKE",
		nextCluster: `SELECT nextval(pg_get_serial_sequence('clusters', 'id'))`,
		enter:       s.enterLeading,
	}
}

// OpenPostgres opens a PostgreSQL database and brings its schema up to date. address is a
// URL such as postgres://user:password@host/database; what it leaves out is as for psql. A
// database of a newer version is an error. Several programs may open the same database at
// once.
func OpenPostgres(ctx context.Context, address string, log *slog.Logger) (*Store, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("--database: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	patience := &patience{}
	config.AfterNetConnect = patience.limit
	s := &Store{log: log, now: time.Now}
	s.engine = s.postgresEngine()
	s.w = openPool(config, 1, map[string]string{
		"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout,
	})
	s.r = openPool(config, readers, map[string]string{
		"lock_timeout": lockTimeout, "default_transaction_read_only": "on",
	})
	s.l = openPool(config, 1, map[string]string{
		"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout,
	})
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s on %s: %w", config.Database, config.Host, err), s.closePools())
	}
	patience.Store(int64(answerTime))
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.migratePostgres(ctx); err != nil {
		return err
	}
	return s.Ping(ctx)
}

// openToLook opens a PostgreSQL database without a change to it.
func openToLook(address string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("--database: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return openPool(config, 1, map[string]string{"default_transaction_read_only": "on"}), nil
}

// openPool returns a pool of at most size connections with some settings of the session.
func openPool(base *pgx.ConnConfig, size int, settings map[string]string) *sql.DB {
	config := base.Copy()
	for key, value := range settings {
		config.RuntimeParams[key] = value
	}
	config.RuntimeParams["application_name"] = "kube-node-manager"
	pool := stdlib.OpenDB(*config, stdlib.OptionShouldPing(pingIdle))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

// postgresTroubles are the messages for what may be wrong with the server, by the code of
// its error.
var postgresTroubles = map[string]string{
	pgerrcode.LockNotAvailable:       "error_busy",
	pgerrcode.DeadlockDetected:       "error_busy",
	pgerrcode.DiskFull:               "error_server_full",
	pgerrcode.ReadOnlySQLTransaction: "error_server_readonly", // it is a standby, or set so
	pgerrcode.TooManyConnections:     "error_server_connections",
	pgerrcode.IOError:                "error_server_damaged",
	pgerrcode.DataCorrupted:          "error_server_damaged",
	pgerrcode.IndexCorrupted:         "error_server_damaged",

	pgerrcode.IdleInTransactionSessionTimeout: unreachable,
}

// postgresTrouble is troubleOf for PostgreSQL.
func postgresTrouble(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return connectionTrouble(err)
	}
	if text, known := postgresTroubles[e.Code]; known {
		return text
	}
	if pgerrcode.IsConnectionException(e.Code) || pgerrcode.IsOperatorIntervention(e.Code) {
		return unreachable
	}
	return ""
}

// unreachable is the message for a server that cannot be reached, is starting or stopping,
// or has ended the connection; silent for one that does not answer.
const (
	unreachable = "error_database_unreachable"
	silent      = "error_database_silent"
)

func connectionTrouble(err error) string {
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, errSilent):
		return silent
	case connect || network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF):
		return unreachable
	default:
		return ""
	}
}

// isUnstorable reports whether a text has characters that PostgreSQL does not store: one of
// the value 0, or bytes that are no UTF-8.
func isUnstorable(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == pgerrcode.CharacterNotInRepertoire || e.Code == pgerrcode.UntranslatableCharacter)
}
