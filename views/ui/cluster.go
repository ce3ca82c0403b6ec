package ui

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"
)

// Cluster is the state of one cluster, for the rail, the page of all clusters and
// every other place that shows it.
type Cluster struct {
	Name     string
	Server   string    // address of the API server
	Source   string    // "kubeconfig", "in-cluster" or "imported"
	Colour   string    // one of cluster.Colours, or ""
	Labels   []string  // "key=value", in order
	Position int       // in lists, from 1; 0 is after all others
	Disabled bool      // nobody calls it
	ActAs    bool      // changes are made in the name of their user
	Version  string    // of the API server; "" until it is known
	At       time.Time // of its last answer or failed call; zero before the first
	Since    time.Time // when it became reachable, or unreachable
	Down     error     // why it is unreachable, or nil
	Unread   error     // why its nodes could not be listed the last time, or nil
	Nodes    int       // -1 until they are known
	NotReady int
	Cordoned int // ready, but cordoned
}

// Worst returns the mark of the cluster's worst state, "" when nothing is known.
// Nodes that are only limited by a taint do not count: every control plane has
// some.
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

// Word returns what the mark stands for, in words.
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

// ElementID returns an element id for the cluster, whose name may hold any
// character.
func (v Cluster) ElementID(prefix string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(v.Name)) // a hash never fails to write
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}

// Swatch returns the style class of the cluster's colour, "" for none.
func (v Cluster) Swatch() string {
	if v.Colour == "" {
		return ""
	}
	return "swatch " + v.Colour
}
