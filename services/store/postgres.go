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
	// lockTimeout is how long a write waits for those of others, as with SQLite.
	lockTimeout = "5000" // ms
	// idleTimeout is after how long the server ends a transaction of a program that has
	// stopped in its middle, which would keep all others from writing.
	idleTimeout = "5000" // ms
)

func (s *Store) postgresEngine() engine {
	return engine{
		like:        "ILIKE",
		nextCluster: `SELECT nextval(pg_get_serial_sequence('clusters', 'id'))`,
		enter:       s.lockLeadership,
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
	s := &Store{log: log, now: time.Now}
	s.engine = s.postgresEngine()
	s.w = openPool(config, 1, map[string]string{
		"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout,
	})
	s.r = openPool(config, readers, map[string]string{"default_transaction_read_only": "on"})
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s on %s: %w", config.Database, config.Host, err), s.closePools())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.migratePostgres(ctx); err != nil {
		return err
	}
	return s.Ping(ctx)
}

// openPool returns a pool of at most size connections with some settings of the session.
func openPool(base *pgx.ConnConfig, size int, settings map[string]string) *sql.DB {
	config := base.Copy()
	for key, value := range settings {
		config.RuntimeParams[key] = value
	}
	config.RuntimeParams["application_name"] = "kube-node-manager"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

// postgresTrouble is troubleOf for PostgreSQL.
func postgresTrouble(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return connectionTrouble(err)
	}
	switch {
	case e.Code == pgerrcode.LockNotAvailable, e.Code == pgerrcode.DeadlockDetected:
		return "error_busy"
	case e.Code == pgerrcode.DiskFull:
		return "error_database_full"
	case e.Code == pgerrcode.ReadOnlySQLTransaction: // the server is a standby
		return "error_database_readonly"
	case pgerrcode.IsConnectionException(e.Code), pgerrcode.IsOperatorIntervention(e.Code),
		e.Code == pgerrcode.TooManyConnections, e.Code == pgerrcode.IdleInTransactionSessionTimeout:
		return unreachable
	default:
		return ""
	}
}

// unreachable is the message for a server that cannot be reached, is starting or stopping,
// or has ended the connection.
const unreachable = "error_database_unreachable"

func connectionTrouble(err error) string {
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[*net.OpError](err)
	if connect || network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreachable
	}
	return ""
}

// isUnstorable reports whether a text has characters that PostgreSQL does not store: one of
// the value 0, or bytes that are no UTF-8.
func isUnstorable(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == pgerrcode.CharacterNotInRepertoire || e.Code == pgerrcode.UntranslatableCharacter)
}
