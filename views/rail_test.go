package views_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/views"
)

// The worst of a cluster gives its mark, wherever it is shown.
func TestClusterView_worst(t *testing.T) {
	want := map[string]struct{ mark, words string }{
		oddCluster: {"ok", "all nodes are ready"},
		"held":     {"hold", "3 of 1,204 nodes are cordoned"},
		"broken":   {"bad", "1 of 1,204 nodes is not ready"},
		"edge":     {"bad", "no answer since 2026-11-23 11:00:00 UTC. The cluster cannot be reached at 10.0.0.1:6443."},
		"blind":    {"bad", "its nodes cannot be read. Our account in the cluster may not list nodes."},
		"new":      {"", "not checked yet"},
	}
	doc := document(t, render(t, "en", views.ClustersPage(frame(), sampleClusters())))
	for i, c := range sampleClusters() {
		require.Equal(t, want[c.Name].mark, c.Worst(), c.Name)
		line := doc.Find(".rail .clusters .line").Eq(i)
		require.Equal(t, c.Name+": "+want[c.Name].words, line.AttrOr("title", ""))
		require.True(t, line.Find(".st").HasClass(want[c.Name].mark) || want[c.Name].mark == "", c.Name)
	}
	all := views.ClusterView{Nodes: 3, Cordoned: 3}
	require.Equal(t, "hold", all.Worst(), "all nodes cordoned is not green")
}

func TestClustersPage_saysWhatIsKnown(t *testing.T) {
	doc := document(t, render(t, "en", views.ClustersPage(frame(), sampleClusters())))
	states := map[string]string{}
	for _, row := range doc.Find("#clusters tbody tr").EachIter() {
		states[row.Find("td.name").Text()] = strings.Join(strings.Fields(row.Find("td").Eq(1).Find("[id^=state]").Text()), " ")
	}
	require.Equal(t, "answers", states["held"])
	require.Contains(t, states["edge"], "does not answer since 60 min ago The cluster cannot be reached at 10.0.0.1:6443.")
	require.Contains(t, states["blind"], "nodes cannot be read")
	require.Equal(t, "not checked yet", states["new"])
}

// The digest changes with what the rail shows, and with nothing else.
func TestRail_digest(t *testing.T) {
	was := views.Rail{Clusters: sampleClusters(), Running: 1}
	later := views.Rail{Clusters: sampleClusters(), Running: 1, Work: "moved"}
	later.Clusters[0].At = noon.AddDate(0, 0, 1)
	require.Equal(t, was.Digest(), later.Digest())
	seen := map[string]bool{was.Digest(): true}
	for _, change := range []func(r *views.Rail){
		func(r *views.Rail) { r.Running = 0 },
		func(r *views.Rail) { r.Clusters[0].Nodes++ },
		func(r *views.Rail) { r.Clusters[0].NotReady++ },
		func(r *views.Rail) { r.Clusters[0].Cordoned++ },
		func(r *views.Rail) { r.Clusters[3].Down = nil },
		func(r *views.Rail) { r.Clusters[4].Unread = nil },
		func(r *views.Rail) { r.Clusters[5].At = noon },
	} {
		now := views.Rail{Clusters: sampleClusters(), Running: 1}
		change(&now)
		require.False(t, seen[now.Digest()])
		seen[now.Digest()] = true
	}
}
