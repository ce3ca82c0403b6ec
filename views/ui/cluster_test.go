package ui_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// The mark of a cluster is that of its worst state, wherever it is shown.
func TestCluster_worst(t *testing.T) {
	want := map[string]struct{ mark, words string }{
		viewstest.OddCluster: {"ok", "all nodes are ready"},
		"held":               {"hold", "3 of 1,204 nodes are cordoned"},
		"broken":             {"bad", "1 of 1,204 nodes is not ready"},
		"edge": {
			"bad", "unreachable since 2026-11-23 11:00:00 UTC. Cannot connect to the cluster at 10.0.0.1:6443.",
		},
		"blind": {"bad", "nodes cannot be listed. The cluster does not allow Kube Node Manager to list nodes."},
		"new":   {"", "not checked yet"},
	}
	doc := viewstest.Document(t, viewstest.Render(t, "en", ui.ErrorPage(viewstest.Frame(), viewstest.Problem())))
	for i, c := range viewstest.Clusters() {
		require.Equal(t, want[c.Name].mark, c.Worst(), c.Name)
		line := doc.Find(".rail .clusters .line[id]").Eq(i)
		require.Equal(t, c.Name+": "+want[c.Name].words, line.AttrOr("title", ""))
		require.True(t, line.Find(".st").HasClass(want[c.Name].mark) || want[c.Name].mark == "", c.Name)
	}
	all := ui.Cluster{Nodes: 3, Cordoned: 3}
	require.Equal(t, "hold", all.Worst(), "all nodes cordoned is not green")
}

// The digest changes with what the rail shows, and with nothing else.
func TestRail_digest(t *testing.T) {
	was := ui.Rail{Clusters: viewstest.Clusters(), Running: 1}
	later := ui.Rail{Clusters: viewstest.Clusters(), Running: 1, Work: "moved"}
	later.Clusters[0].At = viewstest.Noon.AddDate(0, 0, 1)
	require.Equal(t, was.Digest(), later.Digest())
	seen := map[string]bool{was.Digest(): true}
	for _, change := range []func(r *ui.Rail){
		func(r *ui.Rail) { r.Running = 0 },
		func(r *ui.Rail) { r.Clusters[0].Nodes++ },
		func(r *ui.Rail) { r.Clusters[0].NotReady++ },
		func(r *ui.Rail) { r.Clusters[0].Cordoned++ },
		func(r *ui.Rail) { r.Clusters[3].Down = nil },
		func(r *ui.Rail) { r.Clusters[4].Unread = nil },
		func(r *ui.Rail) { r.Clusters[5].At = viewstest.Noon },
	} {
		now := ui.Rail{Clusters: viewstest.Clusters(), Running: 1}
		change(&now)
		require.False(t, seen[now.Digest()])
		seen[now.Digest()] = true
	}
}
