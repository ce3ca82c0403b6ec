package plan

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/change"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/ui"
)

// cordonLine returns what an undo does to the scheduling of a node; Kind is "" when
// the undo does not touch it.
func cordonLine(before, after change.State) ui.DiffLine {
	if before.Unschedulable == nil || after.Unschedulable == nil {
		return ui.DiffLine{}
	}
	d := ui.DiffLine{
		Kind: ui.DiffCordon, Key: ui.DiffCordon,
		Before: strconv.FormatBool(*before.Unschedulable), After: strconv.FormatBool(*after.Unschedulable),
	}
	reason := after.Annotations[node.AnnotationReason]
	if reason != nil && *after.Unschedulable {
		d.Reason = *reason
	}
	d.Text = d.Before + d.After + d.Reason // tells groups apart
	return d
}

// diffs compares what a plan touches: scheduling, labels, taints and annotations.
func diffs(before, after change.State) []ui.DiffLine {
	lines := ui.Diffs(before, after)
	cordon := cordonLine(before, after)
	if cordon.Kind == "" {
		return lines
	}
	return append([]ui.DiffLine{cordon}, lines...)
}

// How much of a plan of labels, taints or annotations is shown; the rest is counted.
const (
	groupsShown = 30 // groups of nodes
	linesShown  = 40 // lines of a group
	sameShown   = 6  // lines of a group that change nothing
)

// Change is the part of a plan that only labels, taints and annotations have.
type Change struct {
	Fields    url.Values // the fields of the operation, for the form
	Edit      string     // address of the form that they came from
	Template  string     // name of the template that they came from, or ""
	Evictions operation.Evictions
	Named     []string     // protected keys in the request, which an administrator has to confirm
	Source    []node.Taint // of a copy: the taints to copy
	Left      []node.Taint // of a copy: protected, so not copied
	Copies    bool         // it is a copy of taints
	Moved     bool         // the nodes, and so the plan, have changed since it was last shown
}

// diffGroup is the nodes with the same change.
type diffGroup struct {
	Kind  string // "bad", "run" or "same"
	Text  string // why nothing can be done
	Lines []ui.DiffLine
	Nodes []string
}

// diffGroups groups the nodes of a plan by their change, those that are blocked
// first, and counts the nodes of the groups that are not shown. Groups do not differ
// by values that are removed, and when there are too many, not by old values either.
func diffGroups(v View) (shown []diffGroup, restNodes int) {
	groups := groupDiffs(v, false)
	if len(groups) > groupsShown {
		groups = groupDiffs(v, true)
	}
	slices.SortStableFunc(groups, func(a, b diffGroup) int {
		return cmp.Or(cmp.Compare(groupRank(a), groupRank(b)), cmp.Compare(len(b.Nodes), len(a.Nodes)))
	})
	shown = groups[:min(len(groups), groupsShown)]
	for _, g := range groups[len(shown):] {
		restNodes += len(g.Nodes)
	}
	return shown, restNodes
}

func groupRank(g diffGroup) int { return slices.Index([]string{"bad", "run", "same"}, g.Kind) }

// groupDiffs groups the nodes by the signature of their change.
func groupDiffs(v View, coarse bool) []diffGroup {
	var order []string
	groups := map[string]*diffGroup{}
	for _, n := range v.Nodes {
		one := diffGroupOf(n)
		key := one.signature(coarse)
		g, ok := groups[key]
		if !ok {
			g = &one
			groups[key] = g
			order = append(order, key)
		}
		g.join(n.Node, one.Lines)
	}
	out := make([]diffGroup, len(order))
	for i, key := range order {
		out[i] = *groups[key]
	}
	return out
}

func diffGroupOf(n Node) diffGroup {
	switch {
	case len(n.Blockers) > 0:
		return diffGroup{Kind: "bad", Text: strings.Join(n.Blockers, " ")}
	case n.Changes:
		return diffGroup{Kind: "run", Lines: diffs(n.Before, n.After)}
	default:
		return diffGroup{Kind: "same", Lines: diffs(n.Before, n.After)}
	}
}

// signature is the same for changes that belong to one group.
func (g diffGroup) signature(coarse bool) string {
	var s strings.Builder
	write := func(parts ...string) {
		for _, part := range parts {
			s.WriteString(part)
			s.WriteByte(0)
		}
	}
	write(g.Kind, g.Text)
	for _, d := range g.Lines {
		write(d.Kind, d.Key)
		switch {
		case d.Kind == ui.DiffChange && !coarse:
			write(d.Before, d.After)
		case d.Kind == ui.DiffChange:
			write(d.After)
		case d.Kind != ui.DiffRemove:
			write(d.Text)
		}
	}
	return s.String()
}

// join adds a node. A line whose old value differs from the group's is marked, so
// that the group shows no old value.
func (g *diffGroup) join(name string, lines []ui.DiffLine) {
	g.Nodes = append(g.Nodes, name)
	for i, d := range lines {
		if g.Lines[i].Before != d.Before || g.Lines[i].Kind == ui.DiffRemove && g.Lines[i].Text != d.Text {
			g.Lines[i].Various = true
		}
	}
}

// linesShown returns the lines of a group that are shown, and how many are not: what
// changes comes first, then a few lines that do not.
func (g diffGroup) linesShown() (shown []ui.DiffLine, rest int) {
	same := 0
	for _, d := range ui.InDiffOrder(g.Lines) {
		if d.Kind == ui.DiffSame {
			same++
		}
		if len(shown) < linesShown && (d.Kind != ui.DiffSame || g.Kind == "same" || same <= sameShown) {
			shown = append(shown, d)
		}
	}
	return shown, len(g.Lines) - len(shown)
}

// protectedKey is a protected label or taint and how many of the nodes keep it.
type protectedKey struct {
	Key   string
	Nodes int
}

// protectedKeys returns what a replacement keeps because it is protected, the keys
// of most nodes first.
func protectedKeys(v View) []protectedKey {
	nodes := map[string]int{}
	for _, n := range v.Nodes {
		for _, key := range n.Protected {
			nodes[key]++
		}
	}
	keys := largestFirst(nodes, itself)
	out := make([]protectedKey, len(keys))
	for i, key := range keys {
		out[i] = protectedKey{key, nodes[key]}
	}
	return out
}

// changeTally returns the counts at the top of the plan.
func changeTally(v View) []ui.Count {
	always := []ui.Count{
		{ID: "tally_changed", Count: v.Summary.Changed},
		{ID: "tally_unchanged", Count: v.Summary.Unchanged},
	}
	return append(always, occurring([]ui.Count{
		{ID: "tally_blocked", Count: v.Summary.Blocked, Class: "bad"},
		{ID: "tally_protected", Count: len(protectedKeys(v))},
	})...)
}

// occurring returns the counts that are not 0.
func occurring(counts []ui.Count) []ui.Count {
	return slices.DeleteFunc(counts, func(c ui.Count) bool { return c.Count <= 0 })
}

// evicting returns the nodes that would lose the most pods.
func evicting(e operation.Evictions, most int) []nodeCount {
	names := largestFirst(e.ByNode, itself)
	out := make([]nodeCount, min(most, len(names)))
	for i := range out {
		out[i] = nodeCount{names[i], e.ByNode[names[i]]}
	}
	return out
}

// confirmPods returns the value of the field that consents to the evictions: their
// number, or "unknown".
func confirmPods(e operation.Evictions) string {
	if e.Unread {
		return "unknown"
	}
	return strconv.Itoa(e.Pods)
}

// confirmPodsWords says what the user consents to.
func confirmPodsWords(ctx context.Context, e operation.Evictions) string {
	if e.Unread {
		return ui.T(ctx, "opt_confirm_pods_unknown")
	}
	return ui.N(ctx, "opt_confirm_pods", e.Pods)
}

type nodeCount struct {
	Node  string
	Count int
}

// mayDo reports whether there is something to do and the user may do it: only an
// administrator may change protected keys.
func mayDo(v View) bool {
	for _, part := range v.Parts {
		if part.Problem != nil {
			return false
		}
	}
	return v.Change == nil || v.Summary.Changed > 0 && (len(v.Change.Named) == 0 || v.MayForce)
}

// changeFields returns the fields of the operation as hidden fields, in alphabetical
// order.
func changeFields(c *Change) []ui.Pair {
	var out []ui.Pair
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		for _, value := range c.Fields[name] {
			out = append(out, ui.Pair{Name: name, Value: value})
		}
	}
	return out
}
