package nodes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
	"kube-node-manager/views/viewstest"
)

// fleetView has something in every part of the overview.
func fleetView() nodes.FleetView {
	text, since := "<b>", viewstest.Noon.Add(-50*time.Hour)
	f := node.Fleet{
		Total:    node.Share{Nodes: 389, Ready: 300, Limited: 2, Cordoned: 60, NotReady: 27},
		Versions: []node.Share{{Value: "v1.37.2", Nodes: 300, Ready: 300}, {Value: "v1.33.0", Nodes: 1, NotReady: 1}, {}},
		Resources: []node.Room{
			{Name: "cpu", Unit: "cpu", Allocatable: 96_500, Requested: 90_100, Free: 3000},
			{Name: "memory", Unit: "memory", Allocatable: 1 << 40, Requested: 1 << 38, Free: 1 << 37},
			{Name: "pods", Allocatable: 1100, Requested: 0, Free: 7},
		},
		AsOf: viewstest.Noon, UsageKnown: true,
	}
	for i := range 14 {
		f.Pools = append(f.Pools, node.Share{Value: fmt.Sprintf("pool-%d", i), Nodes: i + 1, Cordoned: 1, NotReady: i})
		lost := &node.Node{Name: fmt.Sprintf("lost-%d", i), Status: node.StatusNotReady, StatusReason: "<i>", NoContact: true}
		held := &node.Node{Name: fmt.Sprintf("held-%d", i), Status: node.StatusReady, Unschedulable: true}
		held.Reason, held.ReasonBy = "disk & swap", "li"
		if i > 0 {
			held.ReasonSince = &since
		}
		f.Lost, f.Cordons = append(f.Lost, lost), append(f.Cordons, held)
		f.Drift = append(f.Drift, node.Drift{
			Pool: "pool-1", Key: fmt.Sprintf("example.com/key-%d", i), Want: &text, Agree: 9, Odd: []node.Odd{{Node: "a"}},
		})
	}
	f.Drift = append(f.Drift[:2:2], node.Drift{
		Pool: "pool-2", Key: "dedicated", Effect: "NoSchedule", Agree: 20,
		Odd: []node.Odd{{Node: "a", Value: &text}, {Node: "b"}, {Node: "c"}, {Node: "d"}, {Node: "e"}},
	})
	return nodes.FleetView{
		Cluster: viewstest.OddCluster, Fleet: f, Server: "v1.37.2", MayChange: true, Now: viewstest.Noon,
		Batches: []batch.View{viewstest.Batch(store.StateRunning).View, viewstest.Batch(store.StateFailed).View},
	}
}

func TestFleetPages_areSound(t *testing.T) {
	f, p := viewstest.Frame(), viewstest.Problem()
	changed := func(change func(v *nodes.FleetView)) templ.Component {
		v := fleetView()
		change(&v)
		return nodes.FleetPage(f, v)
	}
	viewstest.RequirePages(t, map[string]templ.Component{
		"overview":             nodes.FleetPage(f, fleetView()),
		"overview of a viewer": changed(func(v *nodes.FleetView) { v.MayChange = false }),
		"overview loading": changed(func(v *nodes.FleetView) {
			v.Loading, v.Fleet.Resources = true, []node.Room{{Name: "cpu", Unit: "cpu", Requested: -1}}
		}),
		"overview stale": changed(func(v *nodes.FleetView) {
			v.Fleet.Stale = services.NewError(services.CodeUnavailable, "no such text")
			v.Fleet.UsageError = v.Fleet.Stale
		}),
		"overview of nothing":  changed(func(v *nodes.FleetView) { v.Fleet, v.Batches, v.Server = node.Fleet{}, nil, "" }),
		"overview unreachable": changed(func(v *nodes.FleetView) { v.Fleet, v.Problem = node.Fleet{}, &p }),
	})
}

// Every bar leads to the table of its nodes, and each drift to the plan that repairs it.
func TestFleetPage_links(t *testing.T) {
	doc := viewstest.Document(t, viewstest.Render(t, "en", nodes.FleetPage(viewstest.Frame(), fleetView())))
	cluster := viewstest.OddCluster
	pool := doc.Find("#fleet-pools li").First()
	require.Equal(t, ui.NodesURL(cluster, node.Query{Pool: "pool-0"}), pool.Find("a.cut").AttrOr("href", ""))
	require.Equal(t, ui.NodesURL(cluster, node.Query{Pool: "pool-0", Status: node.StatusReady, Scheduling: node.Cordoned}),
		pool.Find("svg a").First().AttrOr("href", ""))
	require.Equal(t, "2 more", viewstest.Squeezed(doc.Find("#fleet-pools summary")))
	require.Contains(t, viewstest.Squeezed(doc.Find("#fleet-versions")),
		"v1.33.0: 1 kubelet is 4 minor versions behind the API server.")
	require.Equal(t, 8, doc.Find("#fleet-attention h3:contains('not ready') + ul li").Length())

	repair := doc.Find("#fleet-drift li").Last()
	require.Equal(t, ui.PreviewURL(cluster), repair.Find("form").AttrOr("action", ""))
	require.Equal(t, "taint", repair.Find("[name=operation]").AttrOr("value", ""))
	require.Equal(t, "dedicated:NoSchedule-", repair.Find("[name=taint]").AttrOr("value", ""))
	require.Equal(t, 5, repair.Find("[name=node]").Length())
	require.Contains(t, viewstest.Squeezed(repair), "only on 5 nodes of pool-2")
	label := doc.Find("#fleet-drift li").First()
	require.Equal(t, "example.com/key-0=<b>", label.Find("[name=label]").AttrOr("value", ""))
	require.Contains(t, viewstest.Squeezed(label), "on 9 nodes of pool-1, but 1 differs a missing")
}
