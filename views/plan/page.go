package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/views/ui"
)

// backURL is the page that a plan came from.
func backURL(v View) string { return cmp.Or(v.Back, ui.AllNodesURL(v.Cluster)) }

// crumbs are the pages above a plan: the nodes of its cluster, or the batch
// that it goes back to.
func crumbs(ctx context.Context, v View) []ui.Crumb {
	if v.Origin != nil {
		return []ui.Crumb{{Text: ui.T(ctx, "nav_batches"), URL: ui.AllBatchesURL}, {Text: v.Origin.ID, URL: ui.BatchURL(v.Origin.ID)}}
	}
	return ui.NodeCrumbs(ctx, v.Cluster, v.Back)
}

// here names the plan in the line of pages above it.
func here(ctx context.Context, v View) string {
	if retries(v) {
		return ui.T(ctx, "crumb_retry")
	}
	return ui.OperationName(ctx, v.Operation)
}

// heading is the page in a line: "Drain 5 nodes of prod".
func heading(ctx context.Context, f ui.Frame, v View) string {
	if retries(v) {
		return ui.N(ctx, "plan_heading_retry", len(v.Names), "Operation", ui.OperationName(ctx, v.Operation), "Cluster", v.Cluster)
	}
	id := "plan_heading_" + ui.OperationID(v.Operation)
	if !ui.HasMessage(ctx, id) {
		return f.Title
	}
	return ui.N(ctx, id, len(v.Names), "Cluster", v.Cluster)
}

// Title is the page in the browser's tab: "Drain nodes · prod".
func Title(ctx context.Context, operation, cluster string) string {
	if id := "plan_title_" + ui.OperationID(operation); ui.HasMessage(ctx, id) {
		return ui.T(ctx, id, "Cluster", cluster)
	}
	return ui.T(ctx, "plan_title", "Operation", ui.T(ctx, "operation_"+ui.OperationID(operation)), "Cluster", cluster)
}

// changeGroup is nodes that an operation does the same to.
type changeGroup struct {
	Kind   string
	Before string
	After  string // "" when nothing changes
	Text   string // why nothing can be done
	Nodes  []string
}

// changeGroups puts the nodes of a plan together by what happens to them: what
// cannot be done first, then what changes, then what is so already.
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
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(groups[b].Nodes), len(groups[a].Nodes)), cmp.Compare(a.before+a.text, b.before+b.text))
	})
	out := make([]changeGroup, len(keys))
	for i, key := range keys {
		out[i] = *groups[key]
	}
	return out
}

type changeKey struct {
	rank                      int
	kind, before, after, text string
}

func changeKeyOf(ctx context.Context, n Node) changeKey {
	switch before := ui.SchedulingWord(ctx, n.Before); {
	case len(n.Blockers) > 0:
		return changeKey{0, "bad", "", "", strings.Join(n.Blockers, " ")}
	case n.Changes:
		return changeKey{1, "run", before, ui.SchedulingWord(ctx, n.After), ""}
	default:
		return changeKey{2, "same", before, "", ""}
	}
}

// doWords are what the button does, in words and numbers.
func doWords(ctx context.Context, v View) string {
	if v.Origin != nil {
		return originWords(ctx, v)
	}
	if v.Drain != nil {
		return drainWords(ctx, v)
	}
	n := v.Summary.Changed
	if n == 0 {
		n = len(v.Names) // nothing changes, which the plan says
	}
	return ui.N(ctx, "plan_do_"+ui.OperationID(v.Operation), n)
}

// dangerous reports whether the deed takes something away that does not come
// back with another click: pods, or what somebody else relies on; or reaches
// far.
func dangerous(v View) bool {
	return v.drains() || len(v.Reach) > 0 || v.Change != nil && (v.Change.Evictions.Any() || len(v.Change.Named) > 0)
}

func drainWords(ctx context.Context, v View) string {
	switch c := v.Drain.Counts; {
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
