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

// cordonLine is what an undo does to the scheduling of a node; Kind is "" where
// that stays as it is.
func cordonLine(before, after change.State) ui.DiffLine {
	if before.Unschedulable == nil || after.Unschedulable == nil {
		return ui.DiffLine{}
	}
	d := ui.DiffLine{Kind: ui.DiffCordon, Key: ui.DiffCordon, Before: strconv.FormatBool(*before.Unschedulable), After: strconv.FormatBool(*after.Unschedulable)}
	if why := after.Annotations[node.AnnotationReason]; why != nil && *after.Unschedulable {
		d.Reason = *why
	}
	d.Text = d.Before + d.After + d.Reason // tells groups apart
	return d
}

// diffs compares what a plan touches: the scheduling, labels and taints.
func diffs(before, after change.State) []ui.DiffLine {
	lines := ui.Diffs(before, after)
	if d := cordonLine(before, after); d.Kind != "" {
		lines = append([]ui.DiffLine{d}, lines...)
	}
	return lines
}

// What a plan of labels, taints or annotations shows at most. What is left out is said.
const (
	groupsShown = 30 // groups of nodes
	linesShown  = 40 // changes of one group
	sameShown   = 6  // of one group, what is so already
)

// Change is what the plan of labels, taints or annotations has beside its nodes.
type Change struct {
	Fields    url.Values // the operation's own fields, as the form sends them again
	Edit      string     // URL of the form that they came from
	Template  string     // name of the template that they came from, or ""
	Evictions operation.Evictions
	Named     []string     // protected keys that are named: an administrator has to confirm
	Source    []node.Taint // of a copy: what is copied
	Left      []node.Taint // of a copy: protected, so it stays behind
	Copies    bool         // it is a copy of taints
	Moved     bool         // the nodes have changed, so this plan is another than the one shown before
}

// diffGroup is nodes with the same change.
type diffGroup struct {
	Kind  string // "bad", "run" or "same"
	Text  string // why nothing can be done
	Lines []ui.DiffLine
	Nodes []string
}

// diffGroups puts the nodes of a plan together by what becomes of them, those
// that nothing can be done with first. The value that goes does not tell groups
// apart; when even so there are too many, neither does the one that is replaced.
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

// signature tells groups apart.
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

// join adds a node; where its value before was another than the group's, the
// group does not name one.
func (g *diffGroup) join(name string, lines []ui.DiffLine) {
	g.Nodes = append(g.Nodes, name)
	for i, d := range lines {
		if g.Lines[i].Before != d.Before || g.Lines[i].Kind == ui.DiffRemove && g.Lines[i].Text != d.Text {
			g.Lines[i].Various = true
		}
	}
}

// linesShown gives what a group tells: what changes, and of what is so already
// the first.
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

// protectedKeys are what a replacement leaves alone, what most nodes have first.
func protectedKeys(v View) []protectedKey {
	nodes := map[string]int{}
	for _, n := range v.Nodes {
		for _, key := range n.Protected {
			nodes[key]++
		}
	}
	keys := slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(nodes[b], nodes[a]), cmp.Compare(a, b))
	})
	out := make([]protectedKey, len(keys))
	for i, key := range keys {
		out[i] = protectedKey{key, nodes[key]}
	}
	return out
}

// changeTally gives the counts on top of the plan.
func changeTally(v View) []ui.Count {
	out := []ui.Count{{ID: "tally_changed", Count: v.Summary.Changed}, {ID: "tally_unchanged", Count: v.Summary.Unchanged}}
	for _, rare := range []ui.Count{{ID: "tally_blocked", Count: v.Summary.Blocked, Class: "bad"}, {ID: "tally_protected", Count: len(protectedKeys(v))}} {
		if rare.Count > 0 {
			out = append(out, rare)
		}
	}
	return out
}

// evicting gives the nodes that would lose the most pods.
func evicting(e operation.Evictions, most int) []nodeCount {
	names := slices.SortedFunc(maps.Keys(e.ByNode), func(a, b string) int {
		return cmp.Or(cmp.Compare(e.ByNode[b], e.ByNode[a]), cmp.Compare(a, b))
	})
	out := make([]nodeCount, min(most, len(names)))
	for i := range out {
		out[i] = nodeCount{names[i], e.ByNode[names[i]]}
	}
	return out
}

// confirmPods gives the value that agrees to the evictions: their number, or
// that nobody knows it.
func confirmPods(e operation.Evictions) string {
	if e.Unread {
		return "unknown"
	}
	return strconv.Itoa(e.Pods)
}

// confirmPodsWords are what the person agrees to.
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

// mayDo reports whether there is something to carry out, and whether this person
// may: protected keys are an administrator's.
func mayDo(v View) bool {
	return v.Change == nil || v.Summary.Changed > 0 && (len(v.Change.Named) == 0 || v.MayForce)
}

// changeFields are the operation's own fields as hidden fields, in an order that
// does not change.
func changeFields(c *Change) []ui.Pair {
	var out []ui.Pair
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		for _, value := range c.Fields[name] {
			out = append(out, ui.Pair{Name: name, Value: value})
		}
	}
	return out
}
