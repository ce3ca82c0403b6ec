package views

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/operation"
)

// namesShown is how many names a sentence lists before it counts the rest.
const namesShown = 8

// planBack is the page that a plan came from.
func planBack(v PlanView) string { return cmp.Or(v.Back, NodesURL(v.Cluster, zeroQuery)) }

// planCrumbs are the pages above a plan: the nodes of its cluster, or the batch
// that it goes back to.
func planCrumbs(ctx context.Context, v PlanView) []crumb {
	if v.Origin != nil {
		return []crumb{{T(ctx, "nav_batches"), AllBatchesURL}, {v.Origin.ID, BatchURL(v.Origin.ID)}}
	}
	return nodeCrumbs(ctx, v.Cluster, v.Back)
}

// planHere names the plan in the line of pages above it.
func planHere(ctx context.Context, v PlanView) string {
	if retries(v) {
		return T(ctx, "crumb_retry")
	}
	return operationName(ctx, v.Operation)
}

// planHeading is the page in a line: "Drain 5 nodes of prod".
func planHeading(ctx context.Context, f Frame, v PlanView) string {
	if retries(v) {
		return N(ctx, "plan_heading_retry", len(v.Names), "Operation", operationName(ctx, v.Operation), "Cluster", v.Cluster)
	}
	id := "plan_heading_" + idOf(v.Operation)
	if !has(ctx, id) {
		return f.Title
	}
	return N(ctx, id, len(v.Names), "Cluster", v.Cluster)
}

// PlanTitle is the page in the browser's tab: "Drain nodes · prod".
func PlanTitle(ctx context.Context, operation, cluster string) string {
	if id := "plan_title_" + idOf(operation); has(ctx, id) {
		return T(ctx, id, "Cluster", cluster)
	}
	return T(ctx, "plan_title", "Operation", T(ctx, "operation_"+idOf(operation)), "Cluster", cluster)
}

// idOf gives an operation's name as ids of messages have it.
func idOf(operation string) string { return strings.ReplaceAll(operation, "-", "_") }

// planNote is something that a person should know before: what, and what to do.
type planNote struct {
	Kind  string // class and shape
	Title string
	Text  string
	Field string // the option that it asks for, or ""
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
func changeGroups(ctx context.Context, v PlanView) []changeGroup {
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

func changeKeyOf(ctx context.Context, n PlanNode) changeKey {
	switch before := schedulingWord(ctx, n.Before); {
	case len(n.Blockers) > 0:
		return changeKey{0, "bad", "", "", strings.Join(n.Blockers, " ")}
	case n.Changes:
		return changeKey{1, "run", before, schedulingWord(ctx, n.After), ""}
	default:
		return changeKey{2, "same", before, "", ""}
	}
}

func schedulingWord(ctx context.Context, s operation.State) string {
	switch {
	case s.Unschedulable == nil:
		return unknown
	case *s.Unschedulable:
		return T(ctx, "sched_cordoned")
	default:
		return T(ctx, "sched_schedulable")
	}
}

// changeNotes are the warnings of a plan that is not a drain's, each once with
// the nodes that it is about.
func changeNotes(ctx context.Context, v PlanView) []planNote {
	nodes := map[string][]string{}
	for _, n := range v.Nodes {
		for _, text := range n.Warnings {
			nodes[text] = append(nodes[text], n.Node)
		}
	}
	return notesByText(ctx, "warn", nodes)
}

// notesByText makes a note of every sentence with the names that it is about,
// those of most names first.
func notesByText(ctx context.Context, kind string, names map[string][]string) []planNote {
	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(names[b]), len(names[a])), cmp.Compare(a, b))
	})
	out := make([]planNote, len(texts))
	for i, text := range texts {
		out[i] = planNote{Kind: kind, Title: someNames(ctx, names[text]), Text: text}
	}
	return out
}

// someNames lists names and counts those that are too many to list.
func someNames(ctx context.Context, names []string) string {
	if len(names) <= namesShown {
		return joined(names)
	}
	return joined(names[:namesShown]) + " " + T(ctx, "plan_more", "N", Number(len(names)-namesShown))
}

// doWords are what the button does, in words and numbers.
func doWords(ctx context.Context, v PlanView) string {
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
	return N(ctx, "plan_do_"+idOf(v.Operation), n)
}

// dangerous reports whether the deed takes something away that does not come
// back with another click: pods, or what somebody else relies on; or reaches
// far.
func dangerous(v PlanView) bool {
	return v.Operation == "drain" || len(v.Reach) > 0 || v.Change != nil && (v.Change.Evictions.Any() || len(v.Change.Named) > 0)
}

func drainWords(ctx context.Context, v PlanView) string {
	switch c := v.Drain.Counts; {
	case c.Cordon > 0 && c.Evict > 0:
		return N(ctx, "plan_do_both", c.Evict, "Nodes", Number(c.Cordon))
	case c.Evict > 0:
		return N(ctx, "plan_do_evict", c.Evict)
	case c.Cordon > 0:
		return N(ctx, "plan_do_cordon", c.Cordon)
	default:
		return N(ctx, "plan_do_drain", len(v.Names))
	}
}
