package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/views/ui"
)

// backURL returns the page that led to the plan.
func backURL(v View) string { return cmp.Or(v.Back, ui.AllNodesURL(v.Cluster)) }

// crumbs are the pages above a plan: the nodes of its cluster, or the batch that it
// would undo or retry.
func crumbs(ctx context.Context, v View) []ui.Crumb {
	if v.Origin != nil {
		return []ui.Crumb{
			{Text: ui.T(ctx, "nav_batches"), URL: ui.AllBatchesURL},
			{Text: v.Origin.ID, URL: ui.BatchURL(v.Origin.ID)},
		}
	}
	return ui.NodeCrumbs(ctx, v.Cluster, v.Back)
}

// here returns the name of the page, behind its crumbs.
func here(ctx context.Context, v View) string {
	if retries(v) {
		return ui.T(ctx, "crumb_retry")
	}
	return ui.OperationName(ctx, v.Operation)
}

// heading returns the heading of the page: "Drain 5 nodes of prod".
func heading(ctx context.Context, f ui.Frame, v View) string {
	if retries(v) {
		name := ui.OperationName(ctx, v.Operation)
		return ui.N(ctx, "plan_heading_retry", len(v.Names), "Operation", name, "Cluster", v.Cluster)
	}
	id := "plan_heading_" + ui.OperationID(v.Operation)
	if !ui.HasMessage(ctx, id) {
		return f.Title
	}
	return ui.N(ctx, id, len(v.Names), "Cluster", where(ctx, v))
}

// Title returns the title of the page: "Drain nodes · prod".
func Title(ctx context.Context, operation, cluster string) string {
	name := ui.OperationID(operation)
	if ui.HasMessage(ctx, "plan_title_"+name) {
		return ui.T(ctx, "plan_title_"+name, "Cluster", cluster)
	}
	return ui.T(ctx, "plan_title", "Operation", ui.T(ctx, "operation_"+name), "Cluster", cluster)
}

// planLabel names the plan; several plans on one page have different names.
func planLabel(ctx context.Context, v View) string {
	label := ui.T(ctx, "plan_label")
	if v.Number == 0 {
		return label
	}
	return label + " · " + v.Cluster
}

// changeGroup is the nodes to which an operation does the same.
type changeGroup struct {
	Kind   string
	Before string
	After  string // "" when nothing changes
	Text   string // why nothing can be done
	Nodes  []string
}

// changeGroups groups the nodes of a plan by what happens to them: blocked ones first,
// then those that change, then the others.
func changeGroups(ctx context.Context, v View) []changeGroup {
	groups := map[changeKey]*changeGroup{}
	for _, n := range v.Nodes {
		key := changeKeyOf(ctx, n)
		g, ok := groups[key]
		if !ok {
			g = &changeGroup{Kind: key.kind, Before: key.before, After: key.after, Text: key.text}
			groups[key] = g
		}
		g.Nodes = append(g.Nodes, n.Node)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b changeKey) int {
		return cmp.Or(
			cmp.Compare(a.rank, b.rank),
			cmp.Compare(len(groups[b].Nodes), len(groups[a].Nodes)),
			cmp.Compare(a.before+a.text, b.before+b.text),
		)
	})
	out := make([]changeGroup, len(keys))
	for i, key := range keys {
		out[i] = *groups[key]
	}
	return out
}

// changeKey is the same for the nodes of a group; rank orders the groups.
type changeKey struct {
	rank                      int
	kind, before, after, text string
}

func changeKeyOf(ctx context.Context, n Node) changeKey {
	before := ui.SchedulingWord(ctx, n.Before)
	switch {
	case len(n.Blockers) > 0:
		return changeKey{0, "bad", "", "", strings.Join(n.Blockers, " ")}
	case n.Changes:
		return changeKey{1, "run", before, ui.SchedulingWord(ctx, n.After), ""}
	default:
		return changeKey{2, "same", before, "", ""}
	}
}

// doWords returns the text of the button, with numbers.
func doWords(ctx context.Context, v View) string {
	if v.When.Approval {
		return ui.T(ctx, "do_ask_approval")
	}
	if v.Origin != nil {
		return originWords(ctx, v)
	}
	if v.Drain != nil {
		return drainWords(ctx, v)
	}
	n := v.Summary.Changed
	if n == 0 {
		n = len(v.Names) // nothing would change, as the plan says
	}
	return ui.N(ctx, "plan_do_"+ui.OperationID(v.Operation), n)
}

// dangerous reports whether the batch would evict pods, change protected keys, or
// affect a large part of the cluster.
func dangerous(v View) bool {
	if v.When.Approval { // it asks somebody
		return false
	}
	if v.drains() || len(v.Reach) > 0 {
		return true
	}
	return v.Change != nil && (v.Change.Evictions.Any() || len(v.Change.Named) > 0)
}

// drainWords returns the text of the button of a drain.
func drainWords(ctx context.Context, v View) string {
	c := v.Drain.Counts
	switch {
	case c.Restart > 0:
		return ui.N(ctx, "plan_do_replace", c.Restart, "Nodes", ui.N(ctx, "nodes_count", len(v.Names)), "Evict", c.Evict)
	case c.Cordon > 0 && c.Evict > 0:
		return ui.N(ctx, "plan_do_both", c.Evict, "Nodes", ui.Number(c.Cordon))
	case c.Evict > 0:
		return ui.N(ctx, "plan_do_evict", c.Evict)
	case c.Cordon > 0:
		return ui.N(ctx, "plan_do_cordon", c.Cordon)
	default:
		return ui.N(ctx, "plan_do_drain", len(v.Names))
	}
}
