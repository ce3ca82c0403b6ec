package store

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/store/storetest/postgres"
)

// openShared opens the database of a server of the test's own.
func openShared(t *testing.T) *Store {
	t.Helper()
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	s, err := OpenPostgres(t.Context(), server.URL("postgres"), quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(t.Context())) })
	return s
}

// One replica leads at a time, and one that has lost the leadership writes nothing more,
// even if it leads again.
func TestLead(t *testing.T) {
	s := openShared(t)
	_, ok, err := s.Leader(t.Context())
	require.NoError(t, err)
	require.False(t, ok)

	first, err := s.Lead(t.Context(), Leader{Holder: "a", Address: "10.0.0.1:8081"}, time.Hour)
	require.NoError(t, err)
	require.NoError(t, first.PutSetting(t.Context(), "by", "first"))
	second, err := s.Lead(t.Context(), Leader{Holder: "b"}, time.Hour)
	require.NoError(t, err)
	require.Nil(t, second, "another one leads")
	leader, ok, err := s.Leader(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, Leader{Token: 1, Holder: "a", Address: "10.0.0.1:8081"}, leader)

	require.NoError(t, first.KeepLead(t.Context(), -time.Second)) // it is over
	require.NoError(t, first.PutSetting(t.Context(), "by", "first, late"), "nobody else leads yet")
	second, err = s.Lead(t.Context(), Leader{Holder: "b"}, time.Hour)
	require.NoError(t, err)
	require.NoError(t, second.PutSetting(t.Context(), "by", "second"))
	err = first.PutSetting(t.Context(), "by", "first, too late")
	require.ErrorIs(t, err, ErrNotLeading)
	require.Equal(t, services.CodeUnavailable, services.CodeOf(err))
	require.ErrorIs(t, first.KeepLead(t.Context(), time.Hour), ErrNotLeading)
	require.NoError(t, first.EndLead(t.Context()), "it ends nothing of the other one")
	require.NoError(t, second.KeepLead(t.Context(), time.Hour))

	require.NoError(t, second.EndLead(t.Context()))
	again, err := s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	require.NotNil(t, again)
	require.ErrorIs(t, first.PutSetting(t.Context(), "by", "first, of an earlier term"), ErrNotLeading)
	value, err := again.Setting(t.Context(), "by")
	require.NoError(t, err)
	require.Equal(t, "second", value)
}

// The renewal waits neither for a write that takes long nor for those that wait for it.
func TestKeepLead_besideWrites(t *testing.T) {
	s := openShared(t)
	leading, err := s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, leading.write(ctx, func(*sql.Tx) error {
		return leading.KeepLead(ctx, time.Hour)
	}))
}

// A replica that takes over waits for what the one before still writes.
func TestLead_waitsForTheLastWrite(t *testing.T) {
	s := openShared(t)
	first, err := s.Lead(t.Context(), Leader{Holder: "a"}, -time.Second) // it is over at once
	require.NoError(t, err)
	var second *Store
	var taken sync.WaitGroup
	require.NoError(t, first.write(t.Context(), func(*sql.Tx) error {
		taken.Go(func() { second, err = s.Lead(t.Context(), Leader{Holder: "b"}, time.Hour) })
		require.Eventually(t, func() bool {
			const asks = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE NOT granted)"
			var waits bool
			return s.r.QueryRowContext(t.Context(), asks).Scan(&waits) == nil && waits
		}, time.Minute, 10*time.Millisecond)
		return nil
	}))
	taken.Wait()
	require.NoError(t, err)
	require.NotNil(t, second)
	require.ErrorIs(t, first.PutSetting(t.Context(), "by", "first"), ErrNotLeading)
}

// A program of an earlier version works until one of this version takes over. Then it writes
// nothing more, forwards its requests, and cannot take the leadership again.
func TestLead_besideAnEarlierVersion(t *testing.T) {
	server, err := postgres.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	config, err := pgx.ParseConfig(server.URL("postgres"))
	require.NoError(t, err)
	old := &Store{w: openPool(config, 1, nil), log: quiet()}
	provider, err := old.provider(goose.DialectPostgres, "postgres")
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 20)
	require.NoError(t, err)
	change := func(query string) int64 {
		result, err := old.w.ExecContext(t.Context(), query)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		return n
	}
	const (
		takes = `UPDATE leadership SET token = token + 1, holder = 'old', held_until = clock_timestamp() + INTERVAL '1 hour'
			WHERE held_until < clock_timestamp()`
		renews = `UPDATE leadership SET held_until = clock_timestamp() + INTERVAL '1 hour' WHERE token = 2`
	)
	require.Equal(t, int64(1), change(takes))

	s, err := OpenPostgres(t.Context(), server.URL("postgres"), quiet())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(t.Context())) })
	leader, ok, err := s.Leader(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, Leader{Token: 1, Holder: "old"}, leader)
	leading, err := s.Lead(t.Context(), Leader{Holder: "new"}, time.Hour)
	require.NoError(t, err)
	require.Nil(t, leading, "its time is not over")

	change("UPDATE leadership SET held_until = '-infinity'; UPDATE leadership_term SET held_until = '-infinity'")
	require.Equal(t, int64(1), change(takes), "another one of the earlier version")
	require.Equal(t, int64(1), change(renews))
	leading, err = s.Lead(t.Context(), Leader{Holder: "new"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, int64(3), leading.token, "no earlier one has this token")
	require.Zero(t, change(renews))
	require.Zero(t, change(takes))
	leads, err := list(t.Context(), old.w, "read who leads", scanString,
		"SELECT holder FROM leadership WHERE held_until >= clock_timestamp()")
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, leads)
	require.NoError(t, old.w.Close())
}

// A command that needs the database for itself is refused while a replica works, and keeps
// replicas from working.
func TestClaim_onPostgres(t *testing.T) {
	s := openShared(t)
	leading, err := s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	require.ErrorContains(t, s.Claim(t.Context()), "stop all of them first")
	require.NoError(t, leading.EndLead(t.Context()))
	require.NoError(t, s.Claim(t.Context()))
	leading, err = s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	require.Nil(t, leading)
}

// A command beside the replicas needs no leadership.
func TestLead_commandsWrite(t *testing.T) {
	s := openShared(t)
	_, err := s.Lead(t.Context(), Leader{Holder: "a"}, time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.PutSetting(t.Context(), "by", "command"))
}
