package store

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// All data keys are encrypted again or none, and the audit log has no credentials.
func TestRewrapSecrets(t *testing.T) {
	s := openTest(t)
	addCluster(t, s, "a")
	addCluster(t, s, "b")
	user := addUser(t, s, "ada")
	addFactor(t, s, user, "one")
	clusters := func(c Cluster) (ClusterAccess, error) {
		return ClusterAccess{KeyID: "new", DataKey: []byte("d"), Secret: c.Secret}, nil
	}
	failed := errors.New("no key")
	_, err := s.RewrapSecrets(t.Context(), clusters, func(Factor) (FactorSecret, error) {
		return FactorSecret{}, failed
	}, nil)
	require.ErrorIs(t, err, failed)
	all, err := s.Clusters(t.Context())
	require.NoError(t, err)
	require.Equal(t, "k", all[0].KeyID)

	n, err := s.RewrapSecrets(t.Context(), clusters, func(f Factor) (FactorSecret, error) {
		return FactorSecret{KeyID: "new", DataKey: []byte("d"), Secret: f.Secret}, nil
	}, nil)
	require.NoError(t, err)
	require.Equal(t, Rewrapped{Clusters: 2, Factors: 1}, n)
	f, err := s.Factor(t.Context(), user)
	require.NoError(t, err)
	require.Equal(t, FactorSecret{KeyID: "new", DataKey: []byte("d"), Secret: []byte("sealed")}, f.FactorSecret)
	entries, err := s.Entries(t.Context(), EntryQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, ActionClusterRotate, entries[0].Action)
	for _, e := range entries {
		require.NotContains(t, string(e.After), "sealed")
	}
}
