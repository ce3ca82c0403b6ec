package views_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const oddCluster = "arn:aws:eks:eu-central-1:1234:cluster/prod@eu"

func frame() views.Frame {
	return views.Frame{
		Title: "prod", Current: "nodes", Cluster: oddCluster, User: "oncall", Role: services.RoleAdmin, Running: 1,
		Clusters: sampleClusters(), Path: "/x?y=1&z=2", Stream: views.EventsURL(oddCluster, ""), Now: noon,
	}
}

// sampleClusters has one cluster of every state.
func sampleClusters() []views.ClusterView {
	down := services.NewError(services.CodeUnavailable, "error_cluster_unreachable", "Address", "10.0.0.1:6443")
	known := views.ClusterView{At: noon, Since: noon.Add(-time.Hour), Nodes: 1204, Source: "in-cluster", Version: "v1.36.3"}
	cordoned, broken, silent, unread := known, known, known, known
	known.Name, cordoned.Name, broken.Name, silent.Name, unread.Name = oddCluster, "held", "broken", "edge", "blind"
	cordoned.Cordoned = 3
	broken.NotReady, broken.Cordoned = 1, 2
	silent.Nodes, silent.Down = -1, down
	unread.Unread = services.NewError(services.CodeForbidden, "error_cluster_forbidden", "Call", "list nodes")
	return []views.ClusterView{known, cordoned, broken, silent, unread, {Name: "new", Nodes: -1, Source: "kubeconfig"}}
}

// sampleNodes has one node of every kind that the table tells apart.
func sampleNodes() []*node.Node {
	since := noon.Add(-12 * time.Minute)
	nodes := []*node.Node{
		{Status: node.StatusReady, Scheduling: node.Schedulable},
		{Status: node.StatusReady, Scheduling: node.Cordoned, Unschedulable: true, Reason: strings.Repeat("r", 200), ReasonBy: "oncall", ReasonSince: &since},
		{Status: node.StatusReady, Scheduling: node.Cordoned, Unschedulable: true},
		{Status: node.StatusReady, Scheduling: node.Limited, Taints: []node.Taint{{Key: "gpu", Value: "true", Effect: "NoSchedule"}}},
		{Status: node.StatusNotReady, Scheduling: node.Schedulable, StatusReason: "kubelet stopped"},
		{Status: node.StatusUnknown, Scheduling: node.Cordoned, Unschedulable: true, StatusReason: "gone"},
	}
	for i, n := range nodes {
		n.Name, n.UID = fmt.Sprintf("ip-10-0-0-%d.eu.compute.internal", i), fmt.Sprintf("uid-%d", i)
		n.Version, n.Zone, n.Pool, n.Roles = "v1.36.3", "eu-1a", "general", []string{"worker"}
		n.CreatedAt, n.AllocatableCPU, n.AllocatableMemory, n.AllocatablePods = noon.Add(-204*24*time.Hour), 8000, 32<<30, 110
		n.Labels = map[string]string{"kubernetes.io/hostname": n.Name}
		for l := range 40 {
			n.Labels[fmt.Sprintf("example.com/label-%d", l)] = "<b>&\"'"
		}
	}
	nodes[0].Name = strings.Repeat("very-long-", 6) + `<script>alert("1")</script>`
	return nodes
}

func nodesView() views.NodesView {
	nodes, oldest := sampleNodes(), noon.Add(-9*24*time.Hour)
	usage := map[string]node.Usage{}
	for i, n := range nodes {
		usage[n.Name] = node.Usage{CPU: int64(i) * 2000, Memory: 16 << 30, Pods: 82}
	}
	return views.NodesView{
		Cluster: oddCluster, MayChange: true, IdempotencyKey: "key-1", Now: noon,
		Page: node.Page{
			Query: node.Query{Text: "a&b", Role: "worker", Label: "team=web", Taint: "gpu", Sort: "cpu", Desc: true, Page: 2, Size: 100},
			Nodes: nodes, Usage: usage, Total: 389, Match: 206, Pages: 3, AsOf: noon.Add(-2 * time.Second),
			Summary: node.Summary{Ready: 379, Limited: 2, Cordoned: 6, NotReady: 2, OldestCordon: &oldest, Roles: []string{"control-plane", "worker"}, Versions: []string{"v1.36.3", "v1.36.2"}, Zones: []string{"eu-1a", "eu-1b"}},
		},
	}
}

func changedNodes(change func(*views.NodesView)) views.NodesView {
	v := nodesView()
	change(&v)
	return v
}

func batchView(state store.State) views.BatchView {
	v := batch.View{
		Batch:   batch.Batch{ID: "b1", Cluster: oddCluster, Operation: "cordon", By: "oncall", Reason: "kernel", State: state, CreatedAt: noon, Total: 240, RetryOf: "b0", UndoOf: "b-1"},
		Counts:  batch.Counts{Succeeded: 152, Unchanged: 12, Failed: 3, Running: 16, Pending: 57},
		Running: []string{"n1", "n2"}, Rate: 41.2, Remaining: 3 * time.Second, Elapsed: 4 * time.Second,
		Failed: []batch.Item{
			{Node: "n3.x", State: store.ItemFailed, Error: &store.Text{ID: "problem_unknown"}},
			{Node: "n4.x", State: store.ItemFailed, Error: &store.Text{ID: "problem_unknown"}, Unknown: true},
		},
	}
	switch {
	case state == store.StateSucceeded:
		v.Counts, v.Failed = batch.Counts{Succeeded: 228, Unchanged: 12}, nil
	case state.Ended():
		v.Counts = batch.Counts{Succeeded: 140, Failed: 3, Cancelled: 97}
		v.EndedAt = &noon
	}
	return views.BatchView{View: v, MayControl: true, More: 2, IdempotencyKey: "key-2"}
}

func batchPageView(state store.State) views.BatchPageView {
	v := views.BatchPageView{Batch: batchView(state), Now: noon}
	v.Query.Page, v.Pages, v.Match, v.Counts, v.Errors = 1, 1, 8, v.Batch.Counts, itemErrors()
	for _, s := range []store.ItemState{store.ItemPending, store.ItemRunning, store.ItemWaiting, store.ItemSucceeded, store.ItemUnchanged, store.ItemFailed, store.ItemSkipped, store.ItemCancelled} {
		v.Items = append(v.Items, batch.Item{
			Node: string(s) + ".x", State: s, Attempts: 1, StartedAt: &noon, EndedAt: &noon,
			Before: json.RawMessage(`{"unschedulable":false,"pool":"a","annotations":{"k/reason":null}}`),
			After:  json.RawMessage(`{"unschedulable":true,"pool":"b","annotations":{"k/reason":"why"}}`),
		})
	}
	return v
}

func nodeView() views.NodeView {
	n := sampleNodes()[1]
	return views.NodeView{
		Cluster: oddCluster, AsOf: noon, Now: noon, MayChange: true, IdempotencyKey: "key-3",
		Node: node.Detail{
			Node: *n, Info: node.Info{OSImage: "Ubuntu", OS: "linux", Architecture: "amd64"},
			Conditions: []node.Condition{{Type: "Ready", Status: "True", Since: noon}, {Type: "DiskPressure", Status: "Unknown", Since: noon}},
			Addresses:  []node.Address{{Type: "InternalIP", Address: "10.0.0.1"}},
			Resources:  []node.Resource{{Name: "cpu", Unit: "cpu", Capacity: 8000, Allocatable: 7910, Requested: 6150}, {Name: "pods", Capacity: 110, Allocatable: 110, Requested: -1}},
			Pods:       []node.Pod{{Namespace: "web", Name: "front-1", Phase: "Running", CreatedAt: noon}, {Namespace: "web", Name: "front-2", Phase: "CrashLoopBackOff"}},
		},
	}
}

func problem() views.Problem {
	return views.Problem{
		Status: 503, Code: services.CodeUnavailable, Text: "The cluster cannot be reached.", Hint: "Look.",
		RetryURL: "/again", RequestID: "req-1", Fields: map[string]string{"b": "second", "a": "first"},
	}
}

// pages are whole documents, in every state that is designed.
func pages() map[string]templ.Component {
	f, p := frame(), problem()
	dock := batchView(store.StateRunning)
	docked := frame()
	docked.Dock = &dock
	out := map[string]templ.Component{
		"sign in":           views.SignIn(views.SignInForm{Next: "/x"}),
		"sign in again":     views.SignIn(views.SignInForm{Name: "a", Problem: &p}),
		"setup":             views.Setup(views.SetupForm{}),
		"setup again":       views.Setup(views.SetupForm{Code: "c", Name: "n", Problem: &views.Problem{Text: "No.", Fields: map[string]string{"code": "x", "name": "x", "password": "x", "password2": "x"}}}),
		"nodes":             views.NodesPage(docked, nodesView()),
		"nodes of a viewer": views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.MayChange = false })),
		"nodes loading":     views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Loading, v.Page.Usage = true, nil })),
		"nodes stale":       views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Page.Stale = services.NewError(services.CodeUnavailable, "no such text") })),
		"nodes unreachable": views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Problem, v.Page = &p, node.Page{} })),
		"no nodes":          views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Page = node.Page{} })),
		"no match":          views.NodesPage(f, changedNodes(func(v *views.NodesView) { v.Page.Match, v.Page.Nodes = 0, nil })),
		"node":              views.NodePage(docked, nodeView()),
		"clusters":          views.ClustersPage(f, sampleClusters()),
		"no clusters":       views.ClustersPage(f, nil),
		"error":             views.ErrorPage(f, p),
		"error, no frame":   views.ErrorPage(views.Frame{}, views.Problem{Text: "Oh."}),
		"bare error":        views.BareError(p),
	}
	for _, s := range []store.State{store.StateRunning, store.StateSucceeded, store.StatePartial, store.StateFailed, store.StateCancelled, store.StateInterrupted} {
		out["batch "+string(s)] = views.BatchPage(docked, batchPageView(s))
	}
	maps.Copy(out, planPages())
	maps.Copy(out, historyPages())
	maps.Copy(out, changePages())
	maps.Copy(out, controlPages())
	return out
}

// fragments are what HTMX and the event stream swap.
func fragments() map[string]templ.Component {
	return map[string]templ.Component{
		"drain panel":   views.BatchPanel(drainingView()),
		"drain answer":  views.BatchAnswer(drainingView()),
		"drain items":   views.BatchItems(drainedPage()),
		"nodes table":   views.NodesTable(nodesView()),
		"batch items":   views.BatchItems(batchPageView(store.StateRunning)),
		"no items":      views.BatchItems(views.BatchPageView{}),
		"batch panel":   views.BatchPanel(batchView(store.StateRunning)),
		"batch answer":  views.BatchAnswer(batchView(store.StateRunning)),
		"flash":         views.Flash(problem()),
		"cluster row":   views.ClusterRow(views.ClusterView{Name: "edge", Nodes: -1}, noon),
		"rail update":   views.RailUpdate(views.Rail{Clusters: sampleClusters(), Running: 2}, true, noon),
		"empty problem": views.Flash(views.Problem{}),
	}
}

func render(t *testing.T, locale string, c templ.Component) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(views.WithLocale(t.Context(), locale), &out); err != nil {
		t.Fatalf("render: %v", err)
	}
	return out.String()
}
