package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// consents reports whether the form of a plan carries its digest: it is then
// carried out as shown or not at all.
func consents(v View) bool { return v.Change != nil || len(v.Reach) > 0 }

// reachWords says how far a plan goes in one part of the cluster.
func reachWords(ctx context.Context, r batch.Reach) string {
	percent := r.Nodes * 100 / max(r.Of, 1)
	return ui.N(ctx, "reach_"+ui.OperationID(r.Kind), r.Nodes, "Of", ui.Number(r.Of), "Name", r.Name, "Percent", ui.Number(percent))
}

// reachShown is how many parts of a cluster are named; what is left out is
// counted.
const reachShown = 12

// leaveShown is how many nodes have a button of their own to leave them out or
// to put them back. Any other goes with its group, or by its name.
const leaveShown = 40

// leaveGroup is nodes that can be left out together.
type leaveGroup struct {
	Text  string
	Nodes []string
}

// leaveGroups are the groups of a plan's nodes that a person may want to leave
// out: what is in the way first, then the parts of the cluster. A group of all
// nodes is none.
func leaveGroups(ctx context.Context, v View) []leaveGroup {
	out := troubleGroups(ctx, v)
	control := leaveGroup{Text: ui.T(ctx, "leave_control_plane")}
	pools, zones := map[string][]string{}, map[string][]string{}
	for _, n := range v.Nodes {
		if n.Control {
			control.Nodes = append(control.Nodes, n.Node)
		}
		pools[n.Pool] = append(pools[n.Pool], n.Node)
		zones[n.Zone] = append(zones[n.Zone], n.Node)
	}
	out = append(out, control)
	out = append(out, partGroups(ctx, "leave_pool", pools)...)
	out = append(out, partGroups(ctx, "leave_zone", zones)...)
	return slices.DeleteFunc(out, func(g leaveGroup) bool { return len(g.Nodes) == 0 || len(g.Nodes) == len(v.Nodes) })
}

func partGroups(ctx context.Context, id string, parts map[string][]string) []leaveGroup {
	var out []leaveGroup
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if name != "" {
			out = append(out, leaveGroup{ui.T(ctx, id, "Name", name), parts[name]})
		}
	}
	return out
}

// troubleGroups are the nodes where something is in the way, by what it is.
func troubleGroups(ctx context.Context, v View) []leaveGroup {
	nodes := map[string][]string{}
	for _, n := range v.Nodes {
		if len(n.Blockers) > 0 {
			text := strings.Join(n.Blockers, " ")
			nodes[text] = append(nodes[text], n.Node)
		}
	}
	if v.Drain != nil {
		for _, n := range v.Drain.Nodes {
			for id, pods := range troubles(n.Counts) {
				if pods > 0 {
					nodes[ui.T(ctx, id)] = append(nodes[ui.T(ctx, id)], n.Node)
				}
			}
		}
	}
	texts := slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(nodes[b]), len(nodes[a])), cmp.Compare(a, b))
	})
	out := make([]leaveGroup, len(texts))
	for i, text := range texts {
		out[i] = leaveGroup{text, nodes[text]}
	}
	return out
}

// troubles counts the pods of a node that keep it from being drained, by what
// its group is called.
func troubles(c drain.Counts) map[string]int {
	return map[string]int{"leave_never": c.Never, "leave_blocked": c.Blocked, "leave_consent": c.Acknowledge}
}

// leavesNodes reports whether some of a plan's nodes can be left out.
func leavesNodes(v View) bool { return len(v.Nodes) > 1 && v.Pod == nil }
