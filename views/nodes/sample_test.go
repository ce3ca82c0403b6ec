package nodes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
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
		{
			Status: node.StatusReady, Scheduling: node.Cordoned, Unschedulable: true,
			Actors: []node.Actor{{Kind: node.ActorKured, Mark: "a<b>", Since: &since}, {Kind: node.ActorCordon}},
			Lifecycle: []node.Lifecycle{
				{Type: "Drained", Reason: "DrainCompleted", Message: "a<b>", Batch: "b1", Since: since},
				{Type: "MaintenanceInProgress", Since: since},
			},
		},
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

func nodesView() *nodes.ListView {
	list, oldest := sampleNodes(), viewstest.Noon.Add(-9*24*time.Hour)
	usage := node.Usages{"": {}}
	for i, n := range list {
		usage[""][n.Name] = node.Usage{CPU: int64(i) * 2000, Memory: 16 << 30, Pods: 82}
	}
	return &nodes.ListView{
		Cluster: viewstest.OddCluster, MayChange: true, IdempotencyKey: "key-1", Now: viewstest.Noon,
		Page: node.Page{
			Query: node.Query{
				Text: "a&b", Role: "worker", Label: "team=web", Taint: "gpu", Sort: "cpu", Desc: true, Page: 2, Size: 100,
			},
			Nodes: list, Usage: usage, Total: 389, Match: 206, Before: 100, Pages: 3, AsOf: viewstest.Noon.Add(-2 * time.Second),
			Summary: node.Summary{
				Ready: 379, Limited: 2, Cordoned: 6, NotReady: 2, OldestCordon: &oldest,
				Roles: []string{"control-plane", "worker"}, Versions: []string{"v1.36.3", "v1.36.2"},
				Zones: []string{"eu-1a", "eu-1b"},
			},
		},
	}
}

func changedNodes(change func(*nodes.ListView)) *nodes.ListView {
	v := nodesView()
	change(v)
	return v
}

// allNodes is the table of all clusters, of which one is down and one not the user's.
func allNodes() *nodes.ListView {
	v := nodesView()
	v.Cluster, v.Page.Usage = "", node.Usages{}
	v.Page.Query.Clusters = []string{"edge", viewstest.OddCluster}
	for i, c := range viewstest.Clusters() {
		v.Clusters = append(v.Clusters, nodes.Member{Cluster: c, MayChange: i != 1, MayDrain: i == 0})
		r := node.Reading{Cluster: c.Name, AsOf: viewstest.Noon}
		if c.Down != nil {
			r.Problem = c.Down
		}
		if c.Unread != nil {
			r = node.Reading{Cluster: c.Name, Problem: c.Unread}
		}
		v.Page.Readings = append(v.Page.Readings, r)
	}
	for i, n := range v.Page.Nodes {
		n.Cluster = viewstest.Clusters()[i%4].Name
	}
	return v
}

func nodeView() nodes.View {
	n := sampleNodes()[1]
	return nodes.View{
		Cluster: viewstest.OddCluster, AsOf: viewstest.Noon, Now: viewstest.Noon, MayChange: true, IdempotencyKey: "key-3",
		Tab: nodes.TabOverview,
		Node: node.Detail{
			Node: *n, Info: node.Info{OSImage: "Ubuntu", OS: "linux", Architecture: "amd64"},
			Conditions: []node.Condition{
				{Type: "Ready", Status: "True", Since: viewstest.Noon},
				{Type: "DiskPressure", Status: "Unknown", Since: viewstest.Noon},
			},
			Addresses: []node.Address{{Type: "InternalIP", Address: "10.0.0.1"}},
			Resources: []node.Resource{
				{Name: "cpu", Unit: "cpu", Capacity: 8000, Allocatable: 7910, Requested: 6150, InUse: 2110},
				{Name: "pods", Capacity: 110, Allocatable: 110, Requested: -1, InUse: -1},
			},
			Pods: []node.Pod{
				{Namespace: "web", Name: "front-1", Phase: "Running", CreatedAt: viewstest.Noon},
				{Namespace: "web", Name: "front-2", Phase: "CrashLoopBackOff"},
			},
		},
	}
}

// tabView is a tab of a node with something in each of its parts.
func tabView(tab nodes.Tab) nodes.View {
	v := nodeView()
	v.Tab, v.Past, v.MayDrain, v.MayForce = tab, past(), true, true
	v.Node.Annotations = map[string]string{"short": "a<b>", "empty": "", "long": strings.Repeat("x", 20<<10)}
	v.Pods, v.PodPlan = samplePods()
	v.Events = inspect.Events{Total: 300, Items: []inspect.Event{
		{Type: "Warning", Reason: "Rebooted", Message: "<i>", Source: "kubelet", Count: 3, Last: viewstest.Noon},
		{Type: "Normal", Reason: "Drain", Count: 1},
	}}
	renewed := viewstest.Noon.Add(-time.Minute)
	v.Lease = inspect.Lease{Found: true, Holder: "<a>", Duration: 40 * time.Second, Renewed: &renewed}
	v.Object = inspect.Object{
		Images: []inspect.Image{{Name: "a:1", Others: []string{"b"}, Bytes: 5 << 20}, {}}, ImageCount: 4, ImageBytes: 6 << 20,
		Manifest: inspect.Manifest{YAML: "a: <b>\n", Managed: "managedFields: []\n", Cut: true},
	}
	v.Audit = []store.Entry{
		{
			Action: store.ActionBatchCreate, Object: "b1", Actor: "grace", Kept: true, Result: store.ResultOK,
			After: []byte(`{"operation":"drain","total":3}`),
		},
		{Action: store.ActionBatchEnd, Object: "b2", Result: store.ResultFailed},
	}
	return v
}

// samplePods has a pod with each verdict.
func samplePods() (inspect.PodPage, drain.Plan) {
	p := inspect.PodPage{Query: inspect.PodQuery{Sort: "cpu", Desc: true, Page: 1}, Pages: 3, Match: 250, Total: 300}
	plan := drain.Plan{Unread: []string{"daemonsets"}, Counts: drain.Counts{
		Evict: 3, Blocked: 1, Unknown: 1, Skip: 1, Wait: 1, Acknowledge: 1, Never: 1,
	}}
	for i, verdict := range drain.Verdicts() {
		name := fmt.Sprintf("front-%d", i)
		pod := inspect.Pod{
			Pod: node.Pod{
				Namespace: "web", Name: name, UID: "pod-" + name, Phase: "Running", Owner: "ReplicaSet/front", Restarts: i,
				CPU: 250, Memory: 1 << 30, CreatedAt: viewstest.Noon,
			},
			Judged: drain.Judged{Verdict: verdict, Budget: "web/front"},
		}
		if i%2 == 0 {
			pod.Allows = &drain.Demand{Name: "web/front", Allowed: i}
		}
		p.Pods = append(p.Pods, pod)
	}
	return p, plan
}

// nodePages are the pages of nodes, in every state that is designed.
func nodePages() map[string]templ.Component {
	f, p := viewstest.Frame(), viewstest.Problem()
	dock := viewstest.Docked(viewstest.Batch(store.StateRunning))
	pages := map[string]templ.Component{
		"nodes":             nodes.ListPage(dock, nodesView()),
		"nodes of a viewer": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.MayChange = false })),
		"nodes loading":     nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Loading, v.Page.Usage = true, nil })),
		"nodes stale": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) {
			v.Page.Stale = services.NewError(services.CodeUnavailable, "no such text")
		})),
		"nodes of all":      nodes.ListPage(f, allNodes()),
		"nodes unreachable": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Problem, v.Page = &p, node.Page{} })),
		"no nodes":          nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Page = node.Page{} })),
		"no match":          nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.Page.Match, v.Page.Nodes = 0, nil })),
		"columns":           nodes.ColumnsPage(f, nodes.NewColumnsForm([]string{"cpu", "label:team"})),
		"nodes with columns": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) {
			v.Columns = append(node.ColumnKeys(), "label:team")
		})),
		"nodes with drain": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) { v.MayDrain = true })),
		"nodes for a template": nodes.ListPage(f, changedNodes(func(v *nodes.ListView) {
			v.Apply = &nodes.ApplyTemplate{Kind: "labels", ID: 3, Name: "<gold>"}
			v.Page.Query.Apply = "labels-3"
		})),
		"nodes for no template": nodes.ListPage(
			f, changedNodes(func(v *nodes.ListView) { v.Apply = &nodes.ApplyTemplate{} }),
		),
		"node":            nodes.Page(dock, nodeView()),
		"node with drain": nodes.Page(f, drainableNode()),
	}
	for _, tab := range nodes.Tabs() {
		pages["node, "+string(tab)] = nodes.Page(f, tabView(tab))
		bare := nodeView()
		bare.Tab, bare.MayChange, bare.Loading = tab, false, true
		pages["node, bare "+string(tab)] = nodes.Page(f, bare)
		refused := nodeView()
		refused.Tab, refused.Problem = tab, &p
		pages["node, refused "+string(tab)] = nodes.Page(f, refused)
	}
	return pages
}

func TestPages_areSound(t *testing.T) {
	viewstest.RequirePages(t, nodePages())
	viewstest.RequireFragments(t, map[string]templ.Component{"nodes table": nodes.Table(nodesView())})
}
