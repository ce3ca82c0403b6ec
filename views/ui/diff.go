package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

func cordonWord(ctx context.Context, unschedulable string) string {
	on := unschedulable == "true"
	return SchedulingWord(ctx, operation.State{Unschedulable: &on})
}

func SchedulingWord(ctx context.Context, s operation.State) string {
	switch {
	case s.Unschedulable == nil:
		return Unknown
	case *s.Unschedulable:
		return T(ctx, "sched_cordoned")
	default:
		return T(ctx, "sched_schedulable")
	}
}

// The kinds of a line of a diff: the shape and the word of each.
const (
	diffAdd    = "add"
	DiffSet    = "set" // added or changed: a form cannot know
	DiffChange = "change"
	DiffRemove = "remove"
	DiffSame   = "same"
	DiffCordon = "cordon" // of an undo: the scheduling; Before and After are "true" where it is cordoned
)

// DiffLine is what becomes of one label or taint.
type DiffLine struct {
	Kind    string
	Key     string // a label's key, or a taint's "key:Effect"
	Text    string // the whole, as kubectl writes it; of a change, nothing
	Before  string // of a change
	After   string
	Reason  string // of a cordon that comes back
	Various bool   // before, the nodes of the group had different values
}

// Diffs compares what a plan touches, in the order of the keys.
func Diffs(before, after operation.State) []DiffLine {
	var out []DiffLine
	for _, key := range slices.Sorted(maps.Keys(mergedKeys(before.Labels, after.Labels))) {
		out = append(out, diffOf(key, before.Labels[key], after.Labels[key], func(value string) string { return key + "=" + value }))
	}
	for _, id := range slices.Sorted(maps.Keys(mergedKeys(before.Taints, after.Taints))) {
		out = append(out, diffOf(id, taintValue(before.Taints[id]), taintValue(after.Taints[id]), func(value string) string {
			key, effect, _ := strings.Cut(id, ":")
			return node.Taint{Key: key, Value: value, Effect: effect}.String()
		}))
	}
	return slices.DeleteFunc(out, func(d DiffLine) bool { return d.Kind == "" })
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
func diffOf(key string, before, after *string, text func(value string) string) DiffLine {
	switch {
	case before == nil && after == nil:
		return DiffLine{}
	case before == nil:
		return DiffLine{Kind: diffAdd, Key: key, Text: text(*after)}
	case after == nil:
		return DiffLine{Kind: DiffRemove, Key: key, Text: text(*before)}
	case *before == *after:
		return DiffLine{Kind: DiffSame, Key: key, Text: text(*after)}
	default:
		return DiffLine{Kind: DiffChange, Key: key, Before: *before, After: *after}
	}
}

func InDiffOrder(lines []DiffLine) []DiffLine {
	rank := func(d DiffLine) int {
		return slices.Index([]string{DiffCordon, diffAdd, DiffChange, DiffRemove, DiffSame}, d.Kind)
	}
	return slices.SortedStableFunc(slices.Values(lines), func(a, b DiffLine) int { return cmp.Compare(rank(a), rank(b)) })
}

// removedText gives what goes; when the nodes had different values, the key
// alone.
func (d DiffLine) removedText() string {
	if d.Various {
		return d.Key
	}
	return d.Text
}

// beforeWord gives the value that is replaced.
func (d DiffLine) beforeWord(ctx context.Context) string {
	if d.Various {
		return T(ctx, "diff_various")
	}
	return ValueWord(ctx, d.Before)
}

// diffShape gives the mark of a kind of line.
func diffShape(kind string) string {
	switch kind {
	case DiffSame:
		return "same"
	case DiffSet:
		return "diff-add"
	case DiffCordon:
		return "diff-change"
	default:
		return "diff-" + kind
	}
}
