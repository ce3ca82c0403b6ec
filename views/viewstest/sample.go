package viewstest

import (
	"time"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

var Noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const OddCluster = "arn:aws:eks:eu-central-1:1234:cluster/prod@eu"

func Frame() ui.Frame {
	return ui.Frame{
		Title: "prod", Current: "nodes", Cluster: OddCluster, User: "oncall", Role: services.RoleAdmin, Running: 1,
		Clusters: Clusters(), Path: "/x?y=1&z=2", Stream: ui.EventsURL(OddCluster, ""), Now: Noon,
	}
}

// Clusters has one cluster of every state.
func Clusters() []ui.Cluster {
	down := services.NewError(services.CodeUnavailable, "error_cluster_unreachable", "Address", "10.0.0.1:6443")
	known := ui.Cluster{At: Noon, Since: Noon.Add(-time.Hour), Nodes: 1204, Source: "in-cluster", Version: "v1.36.3"}
	cordoned, broken, silent, unread := known, known, known, known
	known.Name, cordoned.Name, broken.Name, silent.Name, unread.Name = OddCluster, "held", "broken", "edge", "blind"
	cordoned.Cordoned = 3
	broken.NotReady, broken.Cordoned = 1, 2
	silent.Nodes, silent.Down = -1, down
	unread.Unread = services.NewError(services.CodeForbidden, "error_cluster_forbidden", "Call", "list nodes")
	return []ui.Cluster{known, cordoned, broken, silent, unread, {Name: "new", Nodes: -1, Source: "kubeconfig"}}
}

func Problem() ui.Problem {
	return ui.Problem{
		Status: 503, Code: services.CodeUnavailable, Text: "The cluster cannot be reached.", Hint: "Look.",
		RetryURL: "/again", AccessURL: "/access", RequestID: "req-1",
		Fields: map[string]string{"b": "second", "a": "first"},
	}
}
