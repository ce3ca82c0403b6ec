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

// dialServer returns a connection that waits so long for each answer, and the end of the
// server, which says only what the test does.
func dialServer(t *testing.T, wait time.Duration) (conn, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	below, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	p := &patience{}
	p.Store(int64(wait))
	conn, err = p.limit(t.Context(), nil, below)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, server
}

// say lets an end of a connection say something, which the other one reads.
func say(t *testing.T, from, to net.Conn, what string) {
	t.Helper()
	_, err := from.Write([]byte(what))
	require.NoError(t, err)
	_, err = io.ReadFull(to, make([]byte, len(what)))
	require.NoError(t, err)
}

// Nobody waits without end for a server that does not answer, or stops in the middle of an
// answer, and it has words for a person.
func TestPatientConn_silentServer(t *testing.T) {
	for name, said := range map[string]string{
		"nothing":     "",
		"a part":      "T\x00\x00",
		"nearly all":  "C\x00\x00\x00\x0dSELECT 1\x00Z\x00\x00\x00\x05",
		"not the end": "Z\x00\x00\x00\x05IT",
	} {
		t.Run(name, func(t *testing.T) {
			conn, server := dialServer(t, 20*time.Millisecond)
			say(t, conn, server, "Q")
			say(t, server, conn, said)
			_, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, errSilent)
			var timeout net.Error
			require.NotErrorAs(t, err, &timeout, "the driver would keep the connection")
			require.Equal(t, "error_database_silent", services.AsError(mapErr(err)).Text)
			_, err = conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
}

// A server that nobody has asked is not silent, before the first question and between two
// of them, however its last answer was divided.
func TestPatientConn_nothingAsked(t *testing.T) {
	const limit = 20 * time.Millisecond
	conn, server := dialServer(t, limit)
	waits := func() {
		t.Helper()
		read := make(chan error, 1)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		select {
		case err := <-read:
			require.NoError(t, err)
			t.Fatal("the read has not waited")
		case <-time.After(5 * limit):
		}
		_, err := server.Write([]byte("N"))
		require.NoError(t, err)
		require.NoError(t, <-read)
	}
	waits()
	for _, parts := range [][]string{{"Z\x00\x00\x00\x05I"}, {"T", "Z\x00", "\x00\x00\x05", "T"}} {
		say(t, conn, server, "Q")
		for _, part := range parts {
			say(t, server, conn, part)
		}
		waits()
	}
}

// The end of a query's context is told as such: the driver then sets a deadline.
func TestPatientConn_endOfAQuery(t *testing.T) {
	conn, server := dialServer(t, time.Hour)
	say(t, conn, server, "Q")
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
