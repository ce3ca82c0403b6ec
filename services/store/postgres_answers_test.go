package store

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// dialSilent returns a connection to a server that never answers.
func dialSilent(t *testing.T, wait time.Duration) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	p := &patience{}
	p.Store(int64(wait))
	limited, err := p.limit(t.Context(), nil, conn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = limited.Close() })
	return limited
}

// Nobody waits without end for a server that does not answer, and it has words for a person.
func TestPatientConn_silentServer(t *testing.T) {
	conn := dialSilent(t, 20*time.Millisecond)
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, errSilent)
	var timeout net.Error
	require.NotErrorAs(t, err, &timeout, "the driver would keep the connection")
	require.Equal(t, "error_database_silent", services.AsError(mapErr(err)).Text)
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

// The end of a query's context is told as such: the driver then sets a deadline.
func TestPatientConn_endOfAQuery(t *testing.T) {
	conn := dialSilent(t, time.Hour)
	require.NoError(t, conn.SetDeadline(time.Now()))
	_, err := conn.Read(make([]byte, 1))
	require.NotErrorIs(t, err, errSilent)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

// Connections that the server has ended are not used for a query.
func TestOpenPostgres_terminatedConnections(t *testing.T) {
	s := openShared(t)
	for round := range 10 {
		rows, err := s.r.QueryContext(t.Context(), "SELECT 1") // so that there are two
		require.NoError(t, err)
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, rows.Close())
		_, err = s.w.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
			WHERE application_name = 'kube-node-manager' AND pid <> pg_backend_pid()`)
		require.NoError(t, err)
		require.NoError(t, s.Ping(t.Context()), "round %d", round)
	}
}

// What is wrong with the server has words for a person.
func TestMapErr_postgresTroubles(t *testing.T) {
	for code, want := range map[string]string{
		pgerrcode.LockNotAvailable:       "error_busy",
		pgerrcode.DiskFull:               "error_server_full",
		pgerrcode.ReadOnlySQLTransaction: "error_server_readonly",
		pgerrcode.TooManyConnections:     "error_server_connections",
		pgerrcode.DataCorrupted:          "error_server_damaged",
		pgerrcode.AdminShutdown:          "error_database_unreachable",
		pgerrcode.CannotConnectNow:       "error_database_unreachable",
	} {
		err := mapErr(errors.Join(&pgconn.PgError{Code: code}))
		require.Equal(t, services.CodeUnavailable, services.CodeOf(err), code)
		require.Equal(t, want, services.AsError(err).Text)
	}
	require.Equal(t, "error_database_unreachable", services.AsError(mapErr(io.ErrUnexpectedEOF)).Text)
	require.Equal(t, "error_database_silent", services.AsError(unanswered(context.DeadlineExceeded)).Text)
}
