package ui

import (
	"cmp"
	"context"
	"slices"

	"kube-node-manager/services/change"
)

// cordonWord is SchedulingWord for Before and After of a line.
func cordonWord(ctx context.Context, unschedulable string) string {
	on := unschedulable == "true"
	return SchedulingWord(ctx, change.State{Unschedulable: &on})
}

// SchedulingWord says whether a node is cordoned.
func SchedulingWord(ctx context.Context, s change.State) string {
	switch {
	case s.Unschedulable == nil:
		return Unknown
	case *s.Unschedulable:
		return T(ctx, "sched_cordoned")
	default:
		return T(ctx, "sched_schedulable")
	}
}

// The kinds of lines.
const (
	diffAdd    = string(change.Added)
	DiffSet    = "set" // added or changed, which a form cannot tell
	DiffChange = string(change.Changed)
	DiffRemove = string(change.Removed)
	DiffSame   = string(change.Unchanged)
	DiffCordon = string(change.Scheduling) // Before and After are "true" when the node is cordoned
)

// DiffLine is the change of one label, taint or annotation.
type DiffLine struct {
	Kind    string
	Key     string // of a label or an annotation, or a taint's "key:Effect"
	Text    string // in the syntax of kubectl; "" for a change
	Before  string // of a change
	After   string
	Reason  string // of a cordon that is restored
	Various bool   // the nodes of a group had different values before
}

// Diffs compares labels, taints and annotations, in the order of the keys. It skips
// the annotations that explain a cordon.
func Diffs(before, after change.State) []DiffLine {
	var out []DiffLine
	for _, line := range change.Diff(before, after) {
		explains := line.Part == change.Annotations && before.Unschedulable != nil
		if line.Part != change.Scheduling && !explains {
			out = append(out, diffLine(line))
		}
	}
	return out
}

func diffLine(line change.Line) DiffLine {
	d := DiffLine{Kind: string(line.Kind()), Key: line.Key}
	switch line.Kind() {
	case change.Changed:
		d.Before, d.After = *line.Before, *line.After
	case change.Removed:
		d.Text = line.Text(*line.Before)
	default:
		d.Text = line.Text(*line.After)
	}
	return d
}

// InDiffOrder sorts lines by their kind: added ones first, unchanged ones last.
func InDiffOrder(lines []DiffLine) []DiffLine {
	rank := func(d DiffLine) int {
		return slices.Index([]string{DiffCordon, diffAdd, DiffChange, DiffRemove, DiffSame}, d.Kind)
	}
	byRank := func(a, b DiffLine) int { return cmp.Compare(rank(a), rank(b)) }
	return slices.SortedStableFunc(slices.Values(lines), byRank)
}

// removedText returns what is removed; only the key when the nodes had different
// values.
func (d DiffLine) removedText() string {
	if d.Various {
		return d.Key
	}
	return d.Text
}

// beforeWord returns the old value of a change.
func (d DiffLine) beforeWord(ctx context.Context) string {
	if d.Various {
		return T(ctx, "diff_various")
	}
	return ValueWord(ctx, d.Before)
}

// diffShape returns the mark of a kind of line.
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
