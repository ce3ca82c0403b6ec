package batch

import (
	"maps"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// The parts of a cluster that a Reach is about.
const (
	ReachShare        = "share"         // many of all nodes
	ReachCluster      = "cluster"       // all of the nodes that take pods
	ReachControlPlane = "control-plane" // those of the control plane
	ReachPool         = "pool"          // those of one pool
	ReachZone         = "zone"          // those of one zone
)

// Reach is why a plan goes far: it closes a large share of the cluster to new
// pods, or leaves one of its parts without a node that takes any.
type Reach struct {
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"` // of the pool or the zone
	Nodes int    `json:"nodes"`          // of that part, that the plan closes or drains
	Of    int    `json:"of"`             // all nodes of that part
}

// ReachLimit is the share of a cluster from which a plan goes far: at least Nodes
// nodes, and more than Percent of all.
type ReachLimit struct {
	Percent int
	Nodes   int
}

// passed reports whether a plan for so many of all nodes goes far.
func (l ReachLimit) passed(nodes, all int) bool {
	return nodes > 0 && nodes >= l.Nodes && nodes*100 > all*l.Percent
}

// reachOf says how far a plan over a cluster's nodes goes, the widest first. It
// is pure. Drains says that it takes the pods off its nodes too, also off those
// that are closed already.
func reachOf(all []*node.Node, plans []NodePlan, drains bool, limit ReachLimit) []Reach {
	touched, closed := map[string]bool{}, map[string]bool{}
	for _, p := range plans {
		closed[p.Node] = len(p.Blockers) == 0 && closes(p.Plan)
		touched[p.Node] = closed[p.Node] || drains && len(p.Blockers) == 0
	}
	var out []Reach
	for _, part := range partsOf(all) {
		r := Reach{Kind: part.kind, Name: part.name, Of: len(part.nodes)}
		for _, n := range part.nodes {
			if touched[n.Name] {
				r.Nodes++
			}
		}
		if part.kind == ReachCluster && limit.passed(r.Nodes, r.Of) {
			out = append(out, Reach{Kind: ReachShare, Nodes: r.Nodes, Of: r.Of})
		}
		if part.emptied(closed) {
			out = append(out, r)
		}
	}
	return out
}

// closes reports whether a plan keeps new pods off its node that came there
// before.
func closes(p operation.Plan) bool {
	if after := p.After.Unschedulable; after != nil && *after {
		before := p.Before.Unschedulable
		if before == nil || !*before {
			return true
		}
	}
	for id, after := range p.After.Taints {
		before := p.Before.Taints[id]
		if after != nil && repels(*after) && (before == nil || before.Value != after.Value) {
			return true
		}
	}
	return false
}

// repels reports whether a taint keeps pods off a node. The one that follows a
// cordon does not count: the cordon itself does.
func repels(t node.Taint) bool {
	return (t.Effect == "NoSchedule" || t.Effect == "NoExecute") && t.Key != "node.kubernetes.io/unschedulable"
}

// part is some nodes of a cluster that belong together.
type part struct {
	kind, name string
	nodes      []*node.Node
}

// partsOf returns the whole cluster, its control plane, its pools and its zones.
func partsOf(all []*node.Node) []part {
	control := part{kind: ReachControlPlane}
	pools, zones := map[string][]*node.Node{}, map[string][]*node.Node{}
	for _, n := range all {
		if n.ControlPlane() {
			control.nodes = append(control.nodes, n)
		}
		pools[n.Pool] = append(pools[n.Pool], n)
		zones[n.Zone] = append(zones[n.Zone], n)
	}
	out := []part{{kind: ReachCluster, nodes: all}, control}
	out = append(out, named(ReachPool, pools)...)
	return append(out, named(ReachZone, zones)...)
}

// named makes parts of nodes by name; nodes without one belong to none.
func named(kind string, nodes map[string][]*node.Node) []part {
	var out []part
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if name != "" {
			out = append(out, part{kind: kind, name: name, nodes: nodes[name]})
		}
	}
	return out
}

// emptied reports whether the part has a node that takes pods, and none once
// these are closed.
func (p part) emptied(closed map[string]bool) bool {
	common := p.common()
	open, left := 0, 0
	for _, n := range p.nodes {
		if !takesPods(n, common) {
			continue
		}
		open++
		if !closed[n.Name] {
			left++
		}
	}
	return open > 0 && left == 0
}

// common returns the taints that all nodes of a part have: a pool for special pods
// or a control plane is meant to have them, and is open to its own.
func (p part) common() map[string]bool {
	count := map[string]int{}
	for _, n := range p.nodes {
		for _, t := range n.Taints {
			count[t.ID()]++
		}
	}
	common := make(map[string]bool, len(count))
	for id, nodes := range count {
		common[id] = nodes == len(p.nodes)
	}
	return common
}

// takesPods reports whether new pods can come to a node, those of its part at
// least.
func takesPods(n *node.Node, common map[string]bool) bool {
	return n.Status == node.StatusReady && !n.Unschedulable &&
		!slices.ContainsFunc(n.Taints, func(t node.Taint) bool { return repels(t) && !common[t.ID()] })
}

// guarded refuses a person's request that reaches far, or meets others, unless it carries the digest
// of its plan: then they have seen how far. That it is the digest of this very
// plan is checked with the other consents.
func (p Preview) guarded(q Request) error {
	unseen := len(p.Reach)+len(p.Exceeded) > 0 || p.agreedOthers(q.Consents) != nil
	if !q.Guarded || !unseen || q.Consents.Plan != "" {
		return nil
	}
	return services.NewError(services.CodeConflict, TextReach)
}

// TextReach says that a plan reaches so far that it has to be seen first, or meets others.
const TextReach = "error_reach"
