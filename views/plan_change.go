package views

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// What a plan of labels or taints shows at most. What is left out is said.
const (
	planGroupsShown = 30  // groups of nodes
	planLinesShown  = 40  // changes of one group
	planSameShown   = 6   // of one group, what is so already
	planNamesShown  = 200 // names of one group, in its fold
)

// PlanChange is what the plan of labels or taints has beside its nodes.
type PlanChange struct {
	Fields    url.Values // the operation's own fields, as the form sends them again
	Edit      string     // URL of the form that they came from
	Template  string     // name of the template that they came from, or ""
	Evictions operation.Evictions
	Named     []string     // protected keys that are named: an administrator has to confirm
	Source    []node.Taint // of a copy: what is copied
	Left      []node.Taint // of a copy: protected, so it stays behind
	Moved     bool         // the nodes have changed, so this plan is another than the one shown before
}

// The kinds of a line of a diff: the shape and the word of each.
const (
	diffAdd    = "add"
	diffSet    = "set" // added or changed: a form cannot know
	diffChange = "change"
	diffRemove = "remove"
	diffSame   = "same"
	diffCordon = "cordon" // of an undo: the scheduling; Before and After are "true" where it is cordoned
)

// diffLine is what becomes of one label or taint.
type diffLine struct {
	Kind    string
	Key     string // a label's key, or a taint's "key:Effect"
	Text    string // the whole, as kubectl writes it; of a change, nothing
	Before  string // of a change
	After   string
	Reason  string // of a cordon that comes back
	Various bool   // before, the nodes of the group had different values
}

// diffsOf compares what a plan touches, in the order of the keys.
func diffsOf(before, after operation.State) []diffLine {
	var out []diffLine
	for _, key := range slices.Sorted(maps.Keys(mergedKeys(before.Labels, after.Labels))) {
		out = append(out, diffOf(key, before.Labels[key], after.Labels[key], func(value string) string { return key + "=" + value }))
	}
	for _, id := range slices.Sorted(maps.Keys(mergedKeys(before.Taints, after.Taints))) {
		out = append(out, diffOf(id, taintValue(before.Taints[id]), taintValue(after.Taints[id]), func(value string) string {
			key, effect, _ := strings.Cut(id, ":")
			return node.Taint{Key: key, Value: value, Effect: effect}.String()
		}))
	}
	return slices.DeleteFunc(out, func(d diffLine) bool { return d.Kind == "" })
}

func mergedKeys[T any](a, b map[string]T) map[string]bool {
	keys := make(map[string]bool, len(a))
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

func taintValue(t *node.Taint) *string {
	if t == nil {
		return nil
	}
	return &t.Value
}

// diffOf compares two values; what was not there and is not there is no line.
func diffOf(key string, before, after *string, text func(value string) string) diffLine {
	switch {
	case before == nil && after == nil:
		return diffLine{}
	case before == nil:
		return diffLine{Kind: diffAdd, Key: key, Text: text(*after)}
	case after == nil:
		return diffLine{Kind: diffRemove, Key: key, Text: text(*before)}
	case *before == *after:
		return diffLine{Kind: diffSame, Key: key, Text: text(*after)}
	default:
		return diffLine{Kind: diffChange, Key: key, Before: *before, After: *after}
	}
}

// diffGroup is nodes with the same change.
type diffGroup struct {
	Kind  string // "bad", "run" or "same"
	Text  string // why nothing can be done
	Lines []diffLine
	Nodes []string
}

// diffGroups puts the nodes of a plan together by what becomes of them, those
// that nothing can be done with first. The value that goes does not tell groups
// apart; when even so there are too many, neither does the one that is replaced.
func diffGroups(v PlanView) (shown []diffGroup, restNodes int) {
	groups := groupDiffs(v, false)
	if len(groups) > planGroupsShown {
		groups = groupDiffs(v, true)
	}
	slices.SortStableFunc(groups, func(a, b diffGroup) int {
		return cmp.Or(cmp.Compare(groupRank(a), groupRank(b)), cmp.Compare(len(b.Nodes), len(a.Nodes)))
	})
	shown = groups[:min(len(groups), planGroupsShown)]
	for _, g := range groups[len(shown):] {
		restNodes += len(g.Nodes)
	}
	return shown, restNodes
}

func groupRank(g diffGroup) int { return slices.Index([]string{"bad", "run", "same"}, g.Kind) }

func groupDiffs(v PlanView, coarse bool) []diffGroup {
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

func diffGroupOf(n PlanNode) diffGroup {
	switch {
	case len(n.Blockers) > 0:
		return diffGroup{Kind: "bad", Text: strings.Join(n.Blockers, " ")}
	case n.Changes:
		return diffGroup{Kind: "run", Lines: planDiffs(n.Before, n.After)}
	default:
		return diffGroup{Kind: "same", Lines: planDiffs(n.Before, n.After)}
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
		case d.Kind == diffChange && !coarse:
			write(d.Before, d.After)
		case d.Kind == diffChange:
			write(d.After)
		case d.Kind != diffRemove:
			write(d.Text)
		}
	}
	return s.String()
}

// join adds a node; where its value before was another than the group's, the
// group does not name one.
func (g *diffGroup) join(name string, lines []diffLine) {
	g.Nodes = append(g.Nodes, name)
	for i, d := range lines {
		if g.Lines[i].Before != d.Before || g.Lines[i].Kind == diffRemove && g.Lines[i].Text != d.Text {
			g.Lines[i].Various = true
		}
	}
}

// linesShown gives what a group tells: what changes, and of what is so already
// the first.
func (g diffGroup) linesShown() (shown []diffLine, rest int) {
	same := 0
	for _, d := range inDiffOrder(g.Lines) {
		if d.Kind == diffSame {
			same++
		}
		if len(shown) < planLinesShown && (d.Kind != diffSame || g.Kind == "same" || same <= planSameShown) {
			shown = append(shown, d)
		}
	}
	return shown, len(g.Lines) - len(shown)
}

func inDiffOrder(lines []diffLine) []diffLine {
	rank := func(d diffLine) int {
		return slices.Index([]string{diffCordon, diffAdd, diffChange, diffRemove, diffSame}, d.Kind)
	}
	return slices.SortedStableFunc(slices.Values(lines), func(a, b diffLine) int { return cmp.Compare(rank(a), rank(b)) })
}

// removedText gives what goes; when the nodes had different values, the key
// alone.
func (d diffLine) removedText() string {
	if d.Various {
		return d.Key
	}
	return d.Text
}

// beforeWord gives the value that is replaced.
func (d diffLine) beforeWord(ctx context.Context) string {
	if d.Various {
		return T(ctx, "diff_various")
	}
	return valueWord(ctx, d.Before)
}

// diffShape gives the mark of a kind of line.
func diffShape(kind string) string {
	switch kind {
	case diffSame:
		return "same"
	case diffSet:
		return "diff-add"
	case diffCordon:
		return "diff-change"
	default:
		return "diff-" + kind
	}
}

// protectedKey is a protected label or taint and how many of the nodes keep it.
type protectedKey struct {
	Key   string
	Nodes int
}

// protectedKeys are what a replacement leaves alone, what most nodes have first.
func protectedKeys(v PlanView) []protectedKey {
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
func changeTally(v PlanView) []count {
	out := []count{{"tally_changed", v.Summary.Changed, ""}, {"tally_unchanged", v.Summary.Unchanged, ""}}
	for _, rare := range []count{{"tally_blocked", v.Summary.Blocked, "bad"}, {"tally_protected", len(protectedKeys(v)), ""}} {
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
		return T(ctx, "opt_confirm_pods_unknown")
	}
	return N(ctx, "opt_confirm_pods", e.Pods)
}

type nodeCount struct {
	Node  string
	Count int
}

// mayDo reports whether there is something to carry out, and whether this person
// may: protected keys are an administrator's.
func mayDo(v PlanView) bool {
	return v.Change == nil || v.Summary.Changed > 0 && (len(v.Change.Named) == 0 || v.MayForce)
}

// changeFields are the operation's own fields as hidden fields, in an order that
// does not change.
func changeFields(c *PlanChange) []pair {
	var out []pair
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		for _, value := range c.Fields[name] {
			out = append(out, pair{name, value})
		}
	}
	return out
}

// firstNames cuts a list of names.
func firstNames(names []string, most int) (shown []string, rest int) {
	shown = names[:min(most, len(names))]
	return shown, len(names) - len(shown)
}

// manyNodes is from how many nodes on their names travel in one field: a page
// of thousands of fields is slow.
const manyNodes = 1000
