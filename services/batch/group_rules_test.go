package batch_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// two is two clusters with a process over both that has a clock, and the request for them.
type two struct {
	*process
	clock *clock
	names []string
	nodes map[string][]string
}

func twoAt(t *testing.T, at string) two {
	t.Helper()
	t.Parallel()
	g := two{clock: clockAt(t, at), nodes: map[string][]string{}}
	var kubeconfigs []string
	for _, c := range kubetest.AcquireN(t, 2) {
		g.nodes[c.Name] = c.Nodes(t, 3)
		g.names, kubeconfigs = append(g.names, c.Name), append(kubeconfigs, c.Kubeconfig)
	}
	g.process = startProcessAt(t, strings.Join(kubeconfigs, string(os.PathListSeparator)), t.TempDir(), usual, g.clock.now)
	return g
}

// asks submits an operation on all nodes of both clusters; exceed are the clusters whose
// limits are passed.
func (g two) asks(ctx context.Context, operation string, f form.Fields, exceed ...string) ([]batch.View, error) {
	all := requests(operation, "", g.nodes, g.names...)
	for i := range all {
		all[i].Fields = f
		for _, name := range exceed {
			if name == all[i].Cluster {
				all[i].Consents.Exceed = name
			}
		}
	}
	return g.engine.SubmitAll(ctx, all)
}

func statesOf(views []batch.View) []store.State { return []store.State{views[0].State, views[1].State} }

// first returns the id of a field error, or that of the error.
func first(err error) string {
	said := services.AsError(err)
	if len(said.Fields) > 0 {
		return said.Fields[0].Text
	}
	return said.Text
}

// The limit of one of the clusters stops all batches, unless an administrator passes it by
// typing the name of that cluster.
func TestGroup_exceedsALimit(t *testing.T) {
	g := twoAt(t, thursday)
	g.rule(t, g.names[1], form.Fields{"limit_cluster": {"1"}})
	admin := as(t, services.RoleAdmin)
	_, err := g.asks(admin, "cordon", nil)
	require.Equal(t, "error_exceed_cluster", first(err))
	require.Equal(t, g.names[1], services.AsError(err).Fields[0].Args["Cluster"])
	_, err = g.asks(admin, "cordon", nil, g.names[0])
	require.Equal(t, "error_exceed_cluster", first(err), "the other cluster was typed")
	_, err = g.asks(as(t, services.RoleUser), "cordon", nil, g.names...)
	require.Equal(t, "error_limit_cluster", first(err))
	history, err := g.engine.List(admin, batch.Query{})
	require.NoError(t, err)
	require.Empty(t, history.Items, "nothing was started anywhere")

	views, err := g.asks(admin, "cordon", nil, g.names[1])
	require.NoError(t, err)
	for i, v := range views {
		v = g.wait(t, v.ID)
		require.Equal(t, batch.Counts{Succeeded: 3}, v.Counts)
		require.Equal(t, i == 1, batch.RolloutOf(v.Batch).Exceed)
	}
}

// Each batch of a group begins in the next window of its own cluster, and one that may run
// only in windows is refused by name.
func TestGroup_windows(t *testing.T) {
	g := twoAt(t, thursday)
	window := func(name, day string) {
		g.rule(t, name, form.Fields{
			"window_days_1": {day}, "window_start_1": {"22:00"}, "window_length_1": {"2h"}, "windows_only": {"1"},
		})
	}
	window(g.names[0], "fri")
	inWindow := form.Fields{"start": {batch.StartWindow}}
	admin := as(t, services.RoleAdmin)
	_, err := g.asks(admin, "drain", inWindow)
	require.Equal(t, "error_window_none", first(err))
	require.Equal(t, g.names[1], services.AsError(err).Fields[0].Args["Cluster"])
	_, err = g.asks(admin, "drain", nil)
	require.Equal(t, "error_window_only", first(err))
	require.Equal(t, g.names[0], services.AsError(err).Fields[0].Args["Cluster"])

	window(g.names[1], "sat")
	views, err := g.asks(admin, "drain", inWindow)
	require.NoError(t, err)
	require.Equal(t, []store.State{store.StateScheduled, store.StateScheduled}, statesOf(views))
	require.Equal(t, "2026-11-27T22:00:00Z", views[0].Schedule.At.Format(time.RFC3339))
	require.Equal(t, "2026-11-28T22:00:00Z", views[1].Schedule.At.Format(time.RFC3339))
	g.on(t, g.clock, "2026-11-27T22:00:01Z")
	require.Equal(t, batch.Counts{Succeeded: 3}, g.wait(t, views[0].ID).Counts)
	require.Equal(t, store.StateScheduled, g.view(t, views[1].ID).State)
	g.on(t, g.clock, "2026-11-28T22:00:01Z")
	require.Equal(t, batch.Counts{Succeeded: 3}, g.wait(t, views[1].ID).Counts)

	later, err := g.asks(admin, "uncordon", form.Fields{"start_at": {"2026-11-30T10:00:00Z"}})
	require.NoError(t, err)
	require.Equal(t, []store.State{store.StateScheduled, store.StateScheduled}, statesOf(later))
	require.Equal(t, later[0].Schedule.At, later[1].Schedule.At)
}

// The plans of a group are approved together, by somebody else, and as they were shown; a
// cluster without the rule does not wait.
func TestGroup_approval(t *testing.T) {
	g := twoAt(t, thursday)
	g.rule(t, g.names[0], form.Fields{"approval_drain": {"1"}})
	views, err := g.asks(as(t, services.RoleAdmin), "drain", nil)
	require.NoError(t, err)
	require.Equal(t, []store.State{store.StateProposed, store.StateRunning}, statesOf(views))
	require.Equal(t, batch.Counts{Succeeded: 3}, g.wait(t, views[1].ID).Counts)
	_, err = g.engine.Reject(second(t), views[0].ID, "not today")
	require.NoError(t, err)

	g.rule(t, g.names[1], form.Fields{"approval_drain": {"1"}})
	views, err = g.asks(as(t, services.RoleAdmin), "drain", nil)
	require.NoError(t, err)
	require.Equal(t, []store.State{store.StateProposed, store.StateProposed}, statesOf(views))
	group := batch.GroupOf(views[0].ID)
	shown, parts, digest, err := g.engine.PlansOf(second(t), group)
	require.NoError(t, err)
	require.Equal(t, []string{views[0].ID, views[1].ID}, []string{shown[0].ID, shown[1].ID})
	require.Len(t, parts[1].Nodes, 3)
	for plan, want := range map[string]string{"": "error_approval_plan", parts[0].Digest: "error_plan_changed"} {
		require.Equal(t, want, first(g.engine.ApproveAll(second(t), group, plan)))
	}
	require.Equal(t, "error_approval_own", first(g.engine.ApproveAll(as(t, services.RoleAdmin), group, digest)))
	require.Equal(t, store.StateProposed, g.view(t, views[0].ID).State, "nothing was approved")

	require.NoError(t, g.engine.ApproveAll(second(t), group, digest))
	for _, v := range views {
		v = g.wait(t, v.ID)
		require.Equal(t, store.StateSucceeded, v.State)
		require.Equal(t, "eve", v.Approval.By)
	}
	_, _, _, err = g.engine.PlansOf(second(t), group)
	require.Equal(t, "error_approval_state", first(err))
}
