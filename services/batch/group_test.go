package batch_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// twoClusters leases two clusters with nodes, and returns a function that starts a process
// over both.
func twoClusters(t *testing.T) (start func() *process, names []string, nodes map[string][]string) {
	t.Helper()
	t.Parallel()
	nodes = map[string][]string{}
	dir := t.TempDir()
	var kubeconfigs []string
	for _, c := range kubetest.AcquireN(t, 2) {
		nodes[c.Name] = c.Nodes(t, 3)
		names, kubeconfigs = append(names, c.Name), append(kubeconfigs, c.Kubeconfig)
	}
	kubeconfig := strings.Join(kubeconfigs, string(os.PathListSeparator))
	return func() *process { return startProcess(t, kubeconfig, dir, usual) }, names, nodes
}

// requests asks for an operation on nodes of several clusters, with one key.
func requests(operation, key string, nodes map[string][]string, names ...string) (all []batch.Request) {
	for _, name := range names {
		all = append(all, batch.Request{
			Cluster: name, Operation: operation, Nodes: nodes[name], Reason: "kernel", IdempotencyKey: key,
		})
	}
	return all
}

// One submission is one batch for each cluster, which are found again together; the same
// key is the same batches, and another content with it a conflict.
func TestGroup_oneBatchForEachCluster(t *testing.T) {
	start, names, nodes := twoClusters(t)
	p := start()
	ctx := as(t, services.RoleUser)
	asked := requests("cordon", "key-1", nodes, names...)

	parts, digest, err := p.engine.PreviewAll(ctx, asked)
	require.NoError(t, err)
	require.Equal(t, names, []string{parts[0].Cluster, parts[1].Cluster})
	require.Len(t, parts[1].Nodes, 3)
	for i := range asked {
		asked[i].Consents.Plan = digest
	}
	var group sync.WaitGroup
	answers := make([][]batch.View, 8)
	for i := range answers {
		group.Go(func() {
			views, err := p.engine.SubmitAll(ctx, asked)
			require.NoError(t, err)
			answers[i] = views
		})
	}
	group.Wait()
	ids := []string{answers[0][0].ID, answers[0][1].ID}
	for _, views := range answers {
		require.Equal(t, ids, []string{views[0].ID, views[1].ID}, "the same key is the same batches")
	}
	id := batch.GroupOf(ids[0])
	require.True(t, batch.IsGroup(id))
	require.Equal(t, id, batch.GroupOf(ids[1]))
	for i, name := range names {
		require.Equal(t, store.StateSucceeded, p.wait(t, ids[i]).State)
		for _, status := range p.table(t, name) {
			require.Equal(t, "Ready,SchedulingDisabled", status)
		}
	}

	_, err = p.engine.SubmitAll(ctx, requests("cordon", "key-1", nodes, names[0]))
	require.Equal(t, "error_key_reused", text(err), "one of the clusters alone")
	_, err = p.engine.SubmitAll(ctx, requests("uncordon", "key-1", nodes, names...))
	require.Equal(t, "error_key_reused", text(err))
	p.submit(t, names[0], "uncordon", nodes[names[0]][0])
	history, err := p.engine.List(ctx, batch.Query{Group: id})
	require.NoError(t, err)
	require.Len(t, history.Items, 2)
}

// Nothing is started anywhere if it cannot be started in one of the clusters, or if the
// plans are not those that were shown.
func TestGroup_allOrNothing(t *testing.T) {
	start, names, nodes := twoClusters(t)
	p := start()
	half := services.WithActor(t.Context(), services.Actor{
		ID: 7, Name: "oncall", Role: services.RoleUser, Clusters: map[string]services.Role{names[1]: services.RoleViewer},
	})
	none := func(err error) {
		t.Helper()
		require.Error(t, err)
		history, err := p.engine.List(as(t, services.RoleViewer), batch.Query{})
		require.NoError(t, err)
		require.Empty(t, history.Items)
	}
	_, err := p.engine.SubmitAll(half, requests("cordon", "", nodes, names...))
	none(err)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))

	ctx := as(t, services.RoleUser)
	moved := requests("cordon", "", nodes, names...)
	moved[0].Consents.Plan, moved[1].Consents.Plan = "another", "another"
	_, err = p.engine.SubmitAll(ctx, moved)
	none(err)
	require.Equal(t, "error_plan_changed", text(err))

	_, err = p.engine.SubmitAll(ctx, append(moved[:1:1], batch.Request{Cluster: "nowhere", Operation: "cordon"}))
	none(err)
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
	_, err = p.engine.SubmitAll(ctx, nil)
	none(err)
	many := make([]batch.Request, batch.MaxGroup+1)
	_, err = p.engine.SubmitAll(ctx, many)
	none(err)
	require.Equal(t, "node: error_clusters_many", text(err))
}

// Both batches of a group are there after a restart, and go on.
func TestGroup_survivesARestart(t *testing.T) {
	start, names, nodes := twoClusters(t)
	p := start()
	asked := requests("label", "key", nodes, names...)
	for i := range asked {
		asked[i].Fields = form.Fields{"label": {"tier=gold"}, "canary": {"1"}}
	}
	views, err := p.engine.SubmitAll(as(t, services.RoleUser), asked)
	require.NoError(t, err)
	for _, v := range views {
		p.atGate(t, v.ID)
	}
	p.stop()

	p = start()
	again, err := p.engine.SubmitAll(as(t, services.RoleUser), asked)
	require.NoError(t, err)
	require.Len(t, again, 2)
	for i, v := range again {
		require.Equal(t, views[i].ID, v.ID)
		_, err = p.engine.Resume(as(t, services.RoleUser), v.ID, nil)
		require.NoError(t, err)
		require.Equal(t, batch.Counts{Succeeded: 3}, p.wait(t, v.ID).Counts)
	}
}
