package ui_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

func TestURLs_takeEveryName(t *testing.T) {
	for _, name := range []string{
		"prod", "arn:aws:eks:eu-central-1:1234:cluster/prod", "kubernetes-admin@kubernetes", "gke_p_z/c", "a b", "a?b#c",
		"100%", "a%2Fb", "生产", "a;b,c", `a"b`, "a+b&c=d",
	} {
		for _, address := range []string{
			ui.ClusterURL(name), ui.ClusterTestURL(name), ui.NodesURL(name, node.Query{}), ui.NodeURL(name, name),
			ui.BatchesURL(name),
			ui.PreviewURL(name), ui.BatchURL(name), ui.BatchControlURL(name, "cancel"), ui.NodeTabURL(name, name, "pods"),
			ui.NodesCSVURL(name, node.Query{}),
		} {
			u, err := url.Parse(address)
			require.NoError(t, err, address)
			require.Contains(t, u.EscapedPath(), url.PathEscape(name), address)
			require.Contains(t, u.Path, "/"+name, address)
			require.Empty(t, u.Fragment, address)
		}
		u, err := url.Parse(ui.OneBatchURL(name, "cordon", name))
		require.NoError(t, err)
		require.Equal(t, url.Values{"operation": {"cordon"}, "node": {name}}, u.Query())
		u, err = url.Parse(ui.EventsURL(name, name))
		require.NoError(t, err)
		require.Equal(t, url.Values{"cluster": {name}, "batch": {name}}, u.Query())
	}
}

func TestNodesURL_leavesDefaultsOut(t *testing.T) {
	tests := map[string]node.Query{
		"/clusters/c/nodes":                         {Sort: "name", Page: 1, Size: 50},
		"/clusters/c/nodes?dir=desc&sort=name":      {Sort: "name", Desc: true},
		"/clusters/c/nodes?fresh=1":                 {Fresh: true},
		"/clusters/c/nodes?page=2&size=200":         {Page: 2, Size: 200},
		"/clusters/c/nodes?label=a%3Db&q=x&role=r":  {Text: "x", Role: "r", Label: "a=b"},
		"/clusters/c/nodes?sched=cordoned&taint=k":  {Scheduling: node.Cordoned, Taint: "k"},
		"/clusters/c/nodes?sort=cpu&status=Ready":   {Status: node.StatusReady, Sort: "cpu", Size: 7},
		"/clusters/c/nodes?sort=age&status=Unknown": {Status: node.StatusUnknown, Sort: "age", Page: -1},
	}
	for want, q := range tests {
		require.Equal(t, want, ui.NodesURL("c", q))
	}
	require.Equal(t, "/clusters/c/nodes?q=x&usage=1", ui.NodesUsageURL("c", node.Query{Text: "x"}))
	require.Equal(
		t, "/clusters/c/nodes.csv?q=x", ui.NodesCSVURL("c", node.Query{Text: "x", Page: 3, Size: 100, Fresh: true}),
	)
}

func TestLoginURL(t *testing.T) {
	require.Equal(t, "/login", ui.LoginURL(""))
	require.Equal(t, "/login", ui.LoginURL("/"))
	require.Equal(t, "/login?next=%2Fclusters%2Fa%252Fb%3Fx%3D1", ui.LoginURL("/clusters/a%2Fb?x=1"))
}

func TestAssetURL(t *testing.T) {
	require.Equal(t, "/static/0/app.css", ui.AssetURL(t.Context(), "app.css"))
	ctx := ui.WithAssets(t.Context(), func(name string) string { return "/s/" + name })
	require.Equal(t, "/s/app.css", ui.AssetURL(ctx, "app.css"))
}
