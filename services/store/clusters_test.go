package store

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

// sealAs returns credentials that say for which row and version they are.
func sealAs(server string) SealFunc {
	return func(id, version int64) (ClusterAccess, error) {
		return ClusterAccess{
			Server: server, Kind: "token", Version: version, KeyID: "k", DataKey: []byte{byte(id), byte(version)},
			Secret: []byte("sealed"),
		}, nil
	}
}

func addCluster(t *testing.T, s *Store, name string) Cluster {
	t.Helper()
	made, err := s.InsertCluster(t.Context(), Cluster{
		Name: name, Labels: map[string]string{"env": "prod"}, CreatedBy: "ada", CreatedAt: noon,
	}, sealAs("https://a"))
	require.NoError(t, err)
	return made
}

func TestInsertCluster(t *testing.T) {
	s := openTest(t)
	made := addCluster(t, s, "prod")
	require.Equal(t, []byte{byte(made.ID), 1}, made.DataKey, "it was sealed for its own id")
	all, err := s.Clusters(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Cluster{made}, all)
	require.Equal(t, "ada", made.UpdatedBy)

	_, err = s.InsertCluster(t.Context(), Cluster{Name: "prod", CreatedBy: "bob", CreatedAt: noon}, sealAs("https://b"))
	requireNameTaken(t, err)
	failed := errors.New("no key")
	_, err = s.InsertCluster(t.Context(), Cluster{Name: "new", CreatedBy: "bob", CreatedAt: noon},
		func(int64, int64) (ClusterAccess, error) { return ClusterAccess{}, failed })
	require.ErrorIs(t, err, failed)

	gone, err := s.DeleteCluster(t.Context(), "prod")
	require.NoError(t, err)
	require.Equal(t, made, gone)
	require.Greater(t, addCluster(t, s, "prod").ID, made.ID, "an id is never used again")
}

// What was set for a context does not stand in the way of an import.
func TestInsertCluster_replacesAContext(t *testing.T) {
	s := openTest(t)
	set := ClusterChange{Name: "prod", Make: true, By: "ada", At: noon, Open: true}
	set.Set = func(c *Cluster) { c.Colour = "red" }
	made, err := s.UpdateCluster(t.Context(), set)
	require.NoError(t, err)
	require.False(t, made.Imported)
	_, err = s.DeleteCluster(t.Context(), "prod")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err), "a context cannot be deleted")
	require.True(t, addCluster(t, s, "prod").Imported)
}

func TestUpdateCluster(t *testing.T) {
	s := openTest(t)
	made := addCluster(t, s, "prod")
	changed, err := s.UpdateCluster(t.Context(), ClusterChange{
		Name: "prod", By: "bob", At: noon, Open: true, Seal: sealAs("https://b"),
		Set: func(c *Cluster) { c.Disabled = true },
	})
	require.NoError(t, err)
	require.Equal(t, []byte{byte(made.ID), 2}, changed.DataKey)
	require.Equal(t, []any{"https://b", int64(2), true, "bob", "ada"},
		[]any{changed.Server, changed.Version, changed.Disabled, changed.UpdatedBy, changed.CreatedBy})
	_, err = s.UpdateCluster(t.Context(), ClusterChange{Name: "none", Set: func(*Cluster) {}})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

// A rename takes the history along, and the audit log keeps what it said.
func TestUpdateCluster_rename(t *testing.T) {
	s := openTest(t)
	addCluster(t, s, "prod")
	addCluster(t, s, "other")
	made := addTemplate(t, s, "labels", "GPU pool")
	_, err := s.w.ExecContext(t.Context(), `INSERT INTO users (id, name, password_hash, role, created_at)
		VALUES (7, 'eve', 'x', 'none', 0);
		INSERT INTO grants (user_id, cluster, role) VALUES (7, 'prod', 'user'), (7, 'prod-eu', 'admin')`)
	require.NoError(t, err)
	_, err = s.InsertToken(t.Context(), Token{UserID: 7, Name: "ci", Hash: []byte{0}, Clusters: []string{"prod"}})
	require.NoError(t, err)
	b := aBatch("01A")
	b.Cluster = "prod"
	require.NoError(t, s.InsertBatch(t.Context(), b, nil))
	rename := ClusterChange{Name: "prod", By: "ada", At: noon, Open: true, Set: func(c *Cluster) { c.Name = "prod-eu" }}
	_, err = s.UpdateCluster(t.Context(), rename)
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "a batch runs")
	_, err = s.DeleteCluster(t.Context(), "prod")
	require.Equal(t, services.CodeConflict, services.CodeOf(err), "a batch runs")

	b.State = StateSucceeded
	require.NoError(t, s.SetBatch(t.Context(), b))
	_, err = s.UpdateCluster(t.Context(), rename)
	require.NoError(t, err)
	stored, err := s.Batch(t.Context(), b.ID)
	require.NoError(t, err)
	require.Equal(t, "prod-eu", stored.Cluster)
	template, err := s.Template(t.Context(), "labels", made.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"prod-eu"}, template.Clusters)
	var rights string
	const read = `SELECT string_agg(cluster || role, ',') || (SELECT clusters FROM tokens) FROM grants`
	require.NoError(t, s.r.QueryRowContext(t.Context(), read).Scan(&rights))
	require.Equal(t, `prod-euuser["prod-eu"]`, rights, "what was granted, and not what an earlier cluster had")

	entries, err := s.Entries(t.Context(), EntryQuery{Cluster: "prod", Limit: 10})
	require.NoError(t, err)
	require.Equal(t, ActionClusterRename, entries[0].Action)
	require.Contains(t, string(entries[0].Before), `"prod"`)
	require.Contains(t, string(entries[0].After), `"prod-eu"`)
	require.Equal(t, ActionBatchEnd, entries[1].Action, "the entries of before have the old name")

	rename.Name, rename.Set = "prod-eu", func(c *Cluster) { c.Name = "other" }
	_, err = s.UpdateCluster(t.Context(), rename)
	requireNameTaken(t, err)
}

// A later cluster of the same name gives nobody rights that they had in the first one.
func TestDeleteCluster_grants(t *testing.T) {
	s := openTest(t)
	addCluster(t, s, "prod")
	id, err := s.InsertUser(t.Context(), User{Name: "eve", Role: "none", CreatedAt: noon, Grants: []services.Grant{
		{Cluster: "other", Role: "user"}, {Cluster: "prod", Role: "admin"},
	}})
	require.NoError(t, err)
	hidden, err := s.InsertUser(t.Context(), User{Name: "bob", Role: "viewer", CreatedAt: noon, Grants: []services.Grant{
		{Cluster: "prod", Role: "none"},
	}})
	require.NoError(t, err)
	_, err = s.DeleteCluster(t.Context(), "prod")
	require.NoError(t, err)
	eve, err := s.UserByID(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []services.Grant{{Cluster: "other", Role: "user"}}, eve.Grants)
	bob, err := s.UserByID(t.Context(), hidden)
	require.NoError(t, err)
	require.Equal(t, []services.Grant{{Cluster: "prod", Role: "none"}}, bob.Grants)
}

// Neither is it a cluster of their tokens, and no token is for more clusters than before.
func TestDeleteCluster_tokens(t *testing.T) {
	s := openTest(t)
	addCluster(t, s, "prod")
	id := addUser(t, s, "ada")
	for i, clusters := range [][]string{nil, {"prod"}, {"other", "prod", "third"}, {"other"}} {
		_, err := s.InsertToken(t.Context(), Token{
			UserID: id, Name: "t", Hash: []byte{byte(i)}, CreatedAt: noon, Clusters: clusters,
		})
		require.NoError(t, err)
	}
	_, err := s.DeleteCluster(t.Context(), "prod")
	require.NoError(t, err)
	tokens, err := s.Tokens(t.Context(), id)
	require.NoError(t, err)
	var left [][]string
	for _, token := range tokens {
		left = append(left, token.Clusters)
	}
	require.ElementsMatch(t, [][]string{nil, {"other", "third"}, {"other"}}, left)
}
