package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// addFactor adds a second factor with these recovery codes to a user.
func addFactor(t *testing.T, s *Store, user int64, codes ...string) Factor {
	t.Helper()
	f := Factor{
		UserID: user, CreatedAt: time.Date(2026, 11, 26, 4, 5, 6, 0, time.UTC), LastStep: 7,
		FactorSecret: FactorSecret{KeyID: "k", DataKey: []byte("data key"), Secret: []byte("sealed")},
		Recovery:     len(codes),
	}
	require.NoError(t, s.InsertFactor(t.Context(), f, asBytes(codes)))
	return f
}

func asBytes(texts []string) (all [][]byte) {
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return all
}

func TestFactor(t *testing.T) {
	s := openAudit(t)
	id := addUser(t, s, "ada")
	_, err := s.Factor(t.Context(), id)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	want := addFactor(t, s, id, "one", "two")
	require.Equal(t, ActionFactorAdd, last(t, s).Action)
	got, err := s.Factor(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, want, got)
	u, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.True(t, u.Factor)
	require.Equal(t, int64(2), u.AuthEpoch, "other logins end")
	require.Equal(t, services.CodeConflict, services.CodeOf(s.InsertFactor(t.Context(), want, nil)))
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.InsertFactor(t.Context(), Factor{UserID: 99}, nil)))

	require.NoError(t, s.DeleteFactor(t.Context(), id))
	require.Equal(t, ActionFactorRemove, last(t, s).Action)
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.DeleteFactor(t.Context(), id)))
	u, err = s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.False(t, u.Factor)
	require.Equal(t, int64(3), u.AuthEpoch)
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.UseRecovery(t.Context(), id, []byte("one"))), "went with it")
}

// No code works twice, and no older one after it.
func TestUseStep(t *testing.T) {
	s := openTest(t)
	id := addUser(t, s, "ada")
	addFactor(t, s, id)
	require.NoError(t, s.UseStep(t.Context(), id, 8))
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.UseStep(t.Context(), id, 8)))
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.UseStep(t.Context(), id, 7)))
	require.NoError(t, s.UseStep(t.Context(), id, 9))
}

func TestRecovery(t *testing.T) {
	s := openAudit(t)
	ada, bob := addUser(t, s, "ada"), addUser(t, s, "bob")
	addFactor(t, s, ada, "one", "two")
	addFactor(t, s, bob, "one")
	use := func(id int64, code string) services.Code {
		return services.CodeOf(s.UseRecovery(t.Context(), id, []byte(code)))
	}
	require.Empty(t, use(ada, "one"))
	require.JSONEq(t, `{"left":1}`, string(last(t, s).After))
	require.Equal(t, services.CodeNotFound, use(ada, "one"))
	require.Equal(t, services.CodeNotFound, use(bob, "two"), "somebody else's")
	require.NoError(t, s.ReplaceRecovery(t.Context(), ada, asBytes([]string{"three"})))
	require.Equal(t, services.CodeNotFound, use(ada, "two"))
	require.Empty(t, use(ada, "three"))
	require.Empty(t, use(bob, "one"))
	require.Equal(t, services.CodeNotFound, services.CodeOf(s.ReplaceRecovery(t.Context(), addUser(t, s, "cy"), nil)))
}
