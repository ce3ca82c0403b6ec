package nodes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/viewstest"
)

func drainableNode() nodes.View {
	v := nodeView()
	v.MayDrain = true
	return v
}

// past is what batches did to a node, in every state.
func past() []batch.NodeItem {
	var out []batch.NodeItem
	for _, it := range viewstest.BatchPage(store.StatePartial).Items {
		out = append(out, batch.NodeItem{Batch: viewstest.Batch(store.StatePartial).Batch, Item: it})
	}
	return out
}

// sampleNodes has one node of every kind that the table tells apart.
func sampleNodes() []*node.Node {
	since := viewstest.Noon.Add(-12 * time.Minute)
	nodes := []*node.Node{
		{Status: node.StatusReady, Scheduling: node.Schedulable},
		{
			Status: node.StatusReady, Scheduling: node.Cordoned, Unschedulable: true, Reason: strings.Repeat("r", 200),
			ReasonBy: "oncall", ReasonSince: &since,
		},
		{Status: node.StatusReady, Scheduling: node.Cordoned, Unschedulable: true},
		{
			Status: node.StatusReady, Scheduling: node.Limited,
			Taints: []node.Taint{{Key: "gpu", Value: "true", Effect: "NoSchedule"}},
		},
		{Status: node.StatusNotReady, Scheduling: node.Schedulable, StatusReason: "kubelet stopped"},
		{Status: node.StatusUnknown, Scheduling: node.Cordoned, Unschedulable: true, StatusReason: "gone"},
	}
	for i, n := range nodes {
		n.Name, n.UID = fmt.Sprintf("ip-10-0-0-%d.eu.compute.internal", i), fmt.Sprintf("uid-%d", i)
		n.Version, n.Zone, n.Pool, n.Roles = "v1.36.3", "eu-1a", "general", []string{"worker"}
		n.CreatedAt, n.AllocatableCPU, n.AllocatableMemory, n.AllocatablePods = viewstest.Noon.Add(
			-204*24*time.Hour,
		), 8000, 32<<30, 110
		n.Labels = map[string]string{"kubernetes.io/hostname": n.Name}
		for l := range 40 {
			n.Labels[fmt.Sprintf("example.com/label-%d", l)] = "<b>&\"'"
		}
	}
	nodes[0].Name = strings.Repeat("very-long-", 6) + `<script>alert("1")</script>`
	return nodes
}

func nodesView() nodes.ListView {
	list, oldest := sampleNodes(), viewstest.Noon.Add(-9*24*time.Hour)
	usage := node.Usages{"": {}}
	for i, n := range list {
		usage[""][n.Name] = node.Usage{CPU: int64(i) * 2000, Memory: 16 << 30, Pods: 82}
	}
	return nodes.ListView{
		Cluster: viewstest.OddCluster, MayChange: true, IdempotencyKey: "key-1", Now: viewstest.Noon,
		Page: node.Page{
			Query: node.Query{
				Text: "a&b", Role: "worker", Label: "team=web", Taint: "gpu", Sort: "cpu", Desc: true, Page: 2, Size: 100,
			},
			Nodes: list, Usage: usage, Total: 389, Match: 206, Pages: 3, AsOf: viewstest.Noon.Add(-2 * time.Second),
			Summary: node.Summary{
				Ready: 379, Limited: 2, Cordoned: 6, NotReady: 2, OldestCordon: &oldest,
				Roles: []string{"control-plane", "worker"}, Versions: []string{"v1.36.3", "v1.36.2"},
				Zones: []string{"eu-1a", "eu-1b"},
			},
		},
	}
}

func changedNodes(change func(*nodes.ListView)) nodes.ListView {
	v := nodesView()
	change(&v)
	return v
}

func nodeView() nodes.View {
	n := sampleNodes()[1]
	return nodes.View{
		Cluster: viewstest.OddCluster, AsOf: viewstest.Noon, Now: viewstest.Noon, MayChange: true, IdempotencyKey: "key-3",
		Node: node.Detail{
			Node: *n, Info: node.Info{OSImage: "Ubuntu", OS: "linux", Architecture: "amd64"},
			Conditions: []node.Condition{
				{Type: "Ready", Status: "True", Since: viewstest.Noon},
				{Type: "DiskPressure", Status: "Unknown", Since: viewstest.Noon},
			},
			Addresses: []node.Address{{Type: "InternalIP", Address: "10.0.0.1"}},
			Resources: []node.Resource{
				{Name: "cpu", Unit: "cpu", Capacity: 8000, Allocatable: 7910, Requested: 6150},
				{Name: "pods", Capacity: 110, Allocatable: 110, Requested: -1},
			},
			Pods: []node.Pod{
				{Namespace: "web", Name: "front-1", Phase: "Running", CreatedAt: viewstest.Noon},
				{Namespace: "web", Name: "front-2", Phase: "CrashLoopBackOff"},
			},
		},
	}
}

// nodePages are the pages of nodes, in every state that is designed.
func nodePages() map[string]templ.Component {
	f, p := viewstest.Frame(), viewstest.Problem()
	dock := viewstest.Docked(viewstest.Batch(store.StateRunning))
	return map[string]templ.Component{
		"nodes":             nodes.ListPage(dock, nodesView()),
		"nodes of a viewer": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.MayChange = false })),
		"nodes loading":     nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Loading, v.Page.Usage = true, nil })),
		"nodes stale": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) {
			v.Page.Stale = services.NewError(services.CodeUnavailable, "no such text")
		})),
		"nodes unreachable": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Problem, v.Page = &p, node.Page{} })),
		"no nodes":          nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Page = node.Page{} })),
		"no match":          nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Page.Match, v.Page.Nodes = 0, nil })),
		"nodes with drain":  nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.MayDrain = true })),
		"nodes for a template": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) {
			v.Apply = &nodes.ApplyTemplate{Kind: "labels", ID: 3, Name: "<gold>"}
			v.Page.Query.Apply = "labels-3"
		})),
		"nodes for no template": nodes.ListPage(
			f, changedNodes(func(v *nodes.ListView) { v.Apply = &nodes.ApplyTemplate{} }),
		),
		"node":             nodes.Page(dock, nodeView()),
		"node with drain":  nodes.Page(f, drainableNode()),
		"node with a past": nodes.Page(f, livedNode()),
	}
}

// livedNode is a node to which batches have done something.
func livedNode() nodes.View {
	v := nodeView()
	v.Past = past()
	return v
}

func TestPages_areSound(t *testing.T) {
	viewstest.RequirePages(t, nodePages())
	viewstest.RequireFragments(t, map[string]templ.Component{"nodes table": nodes.Table(nodesView())})
}
