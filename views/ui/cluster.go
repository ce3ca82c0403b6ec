package ui

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"
)

// Cluster is what is known of one cluster, for the rail, the page of all
// clusters and wherever else a cluster's state is shown.
type Cluster struct {
	Name     string
	Server   string    // address of the API server
	Source   string    // "kubeconfig" or "in-cluster"
	Version  string    // of the API server; "" while it has not told
	At       time.Time // of its last answer, or of the last try that failed; zero while nobody has asked
	Since    time.Time // since when it answers, or does not
	Down     error     // why it does not answer
	Unread   error     // why its nodes could not be read the last time
	Nodes    int       // -1 while they are not known
	NotReady int
	Cordoned int // that are ready otherwise
}

// Worst returns the mark of the cluster: that of the worst that is known of it, ""
// while nothing is. Nodes that only a taint limits are as they should be: every
// control plane has some.
func (v Cluster) Worst() string {
	switch {
	case v.Down != nil, v.Unread != nil, v.NotReady > 0:
		return "bad"
	case v.Cordoned > 0:
		return "hold"
	case v.Nodes >= 0:
		return "ok"
	default:
		return ""
	}
}

// Word says what the mark stands for.
func (v Cluster) Word(ctx context.Context) string {
	switch {
	case v.Down != nil:
		return T(ctx, "cluster_down_since", "Time", exact(ctx, v.Since), "Why", NewProblem(ctx, v.Down).Text)
	case v.Unread != nil:
		return T(ctx, "cluster_unread", "Why", NewProblem(ctx, v.Unread).Text)
	case v.NotReady > 0:
		return N(ctx, "cluster_not_ready", v.NotReady, "Total", Number(v.Nodes))
	case v.Cordoned > 0 && v.Cordoned == v.Nodes:
		return T(ctx, "cluster_all_cordoned")
	case v.Cordoned > 0:
		return N(ctx, "cluster_cordoned", v.Cordoned, "Total", Number(v.Nodes))
	case v.Nodes >= 0:
		return T(ctx, "cluster_all_ready")
	case v.At.IsZero():
		return T(ctx, "cluster_unchecked")
	default:
		return T(ctx, "cluster_nodes_unknown")
	}
}

// ElementID returns an id that a selector takes; a cluster's name may hold anything.
func (v Cluster) ElementID(prefix string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(v.Name)) // a hash never fails
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}
