package store

import (
	"testing"
	"time"

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
