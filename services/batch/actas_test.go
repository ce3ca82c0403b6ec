package batch_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// Where the program acts as its users, the API server decides by their rights: what one
// may not do is shown by the plan, and ends a batch with the rest not tried.
func TestActAs_theClusterDecides(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3)
	o := usual
	o.ActAs = batch.ActAs{In: func(string) bool { return true }, Prefix: "knm:", Groups: []string{"platform"}}
	p := startProcess(t, kubetest.WriteKubeconfig(t, c.Name, c.User(t, kubetest.ActingRules()...)), t.TempDir(), o)
	refused, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: names,
	})
	require.NoError(t, err)
	require.NotNil(t, refused.Refusal, "the plan says so before")
	require.Equal(t, "error_cluster_forbidden_user", services.AsError(refused.Refusal).Text)
	require.Equal(t, "knm:oncall", services.AsError(refused.Refusal).Args["User"])
	one, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: names, Fields: form.Fields{"parallel": {"1"}},
	})
	require.NoError(t, err)
	v := p.wait(t, one.ID)
	require.Equal(t, store.StateFailed, v.State)
	require.Equal(t, 1, v.Counts.Failed)
	require.Equal(t, 2, v.Counts.Skipped, "one refusal is enough")

	c.AllowPatchNodes(t, rbacv1.UserKind, "knm:oncall")
	v = p.wait(t, p.submit(t, c.Name, "cordon", names...).ID)
	require.Equal(t, batch.Counts{Succeeded: 3}, v.Counts)

	// Somebody else has the rights of their groups, as far as these are passed on.
	_, err = p.store.Writer().ExecContext(t.Context(), `INSERT INTO users
		(id, name, password_hash, groups, role, created_at) VALUES (8, 'eve', 'x', '["platform","knm-admins"]', 'user', 0)`)
	require.NoError(t, err)
	eve := services.WithActor(t.Context(), services.Actor{ID: 8, Name: "eve", Role: services.RoleUser})
	uncordon := func(ctx context.Context) batch.View {
		v, err := p.engine.Submit(ctx, batch.Request{Cluster: c.Name, Operation: "uncordon", Nodes: names})
		require.NoError(t, err)
		return p.wait(t, v.ID)
	}
	c.AllowPatchNodes(t, rbacv1.GroupKind, "knm:knm-admins")
	require.Equal(t, store.StateFailed, uncordon(eve).State, "the group is not on the list")
	c.AllowPatchNodes(t, rbacv1.GroupKind, "knm:platform")
	require.Equal(t, batch.Counts{Succeeded: 3}, uncordon(eve).Counts)
}

// If the account may not act as its users, that is what is missing, and not a right of the
// user.
func TestActAs_accountMayNot(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 1)
	o := usual
	o.ActAs = batch.ActAs{In: func(string) bool { return true }}
	p := startProcess(t, kubetest.WriteKubeconfig(t, c.Name, c.User(t, kubetest.ReadingRules()...)), t.TempDir(), o)
	plan, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: names,
	})
	require.NoError(t, err)
	require.Equal(t, "error_cluster_impersonate", services.AsError(plan.Refusal).Text)
}
