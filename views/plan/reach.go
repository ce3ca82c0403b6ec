package plan

import (
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// consents reports whether the form carries the digest of the plan, so that it is
// carried out exactly as shown or not at all.
func consents(v View) bool { return v.Change != nil || len(v.Reach) > 0 || len(othersOf(v)) > 0 }

// reachWords says how much of a part of the cluster a plan affects.
func reachWords(ctx context.Context, r batch.Reach) string {
	percent := r.Nodes * 100 / max(r.Of, 1)
	return ui.N(ctx, "reach_"+ui.OperationID(r.Kind), r.Nodes,
		"Of", ui.Number(r.Of), "Name", r.Name, "Percent", ui.Number(percent))
}

// reachShown is how many parts of the cluster are listed.
const reachShown = 12

// leaveShown is how many nodes have a button to leave them out or to put them back.
// Others are left out as part of a group, or by typing their names.
const leaveShown = 40

// leaveGroup is a group of nodes that can be left out together.
type leaveGroup struct {
	Text  string
	Nodes []string
}

// leaveGroups returns the groups that the user may want to leave out: nodes with
// problems first, then the parts of the cluster. A group of all nodes is left out.
func leaveGroups(ctx context.Context, v View) []leaveGroup {
	control := leaveGroup{Text: ui.T(ctx, "leave_control_plane")}
	pools, zones := map[string][]string{}, map[string][]string{}
	for _, n := range v.Nodes {
		if n.Control {
			control.Nodes = append(control.Nodes, n.Node)
		}
		pools[n.Pool] = append(pools[n.Pool], n.Node)
		zones[n.Zone] = append(zones[n.Zone], n.Node)
	}
	out := slices.Concat(
		troubleGroups(ctx, v), []leaveGroup{control},
		partGroups(ctx, "leave_pool", pools), partGroups(ctx, "leave_zone", zones))
	return slices.DeleteFunc(out, func(g leaveGroup) bool {
		return len(g.Nodes) == 0 || len(g.Nodes) == len(v.Nodes)
	})
}

// partGroups returns the groups of the parts that have a name.
func partGroups(ctx context.Context, id string, parts map[string][]string) []leaveGroup {
	var out []leaveGroup
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if name != "" {
			out = append(out, leaveGroup{ui.T(ctx, id, "Name", name), parts[name]})
		}
	}
	return out
}

// troubleGroups returns the nodes with problems, grouped by problem.
func troubleGroups(ctx context.Context, v View) []leaveGroup {
	nodes := map[string][]string{}
	for _, n := range v.Nodes {
		if len(n.Blockers) > 0 {
			text := strings.Join(n.Blockers, " ")
			nodes[text] = append(nodes[text], n.Node)
		}
	}
	if v.Drain != nil {
		addTroubles(ctx, nodes, v.Drain.Nodes)
	}
	texts := largestFirst(nodes, length)
	out := make([]leaveGroup, len(texts))
	for i, text := range texts {
		out[i] = leaveGroup{text, nodes[text]}
	}
	return out
}

// addTroubles adds the nodes that a pod keeps from being drained.
func addTroubles(ctx context.Context, nodes map[string][]string, drained []drain.NodePlan) {
	for _, n := range drained {
		for id, pods := range troubles(n.Counts) {
			if pods > 0 {
				text := ui.T(ctx, id)
				nodes[text] = append(nodes[text], n.Node)
			}
		}
	}
}

// troubles counts the pods that keep a node from being drained, by the message of
// their group.
func troubles(c drain.Counts) map[string]int {
	return map[string]int{"leave_never": c.Never, "leave_blocked": c.Blocked, "leave_consent": c.Acknowledge}
}

// leavesNodes reports whether nodes of the plan can be left out.
func leavesNodes(v View) bool { return len(v.Nodes) > 1 && v.Pod == nil }
