package ui

import (
	"cmp"
	"context"
	"slices"

	"kube-node-manager/services/change"
)

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

// The kinds of a line of a diff: the shape and the word of each.
const (
	diffAdd    = string(change.Added)
	DiffSet    = "set" // added or changed: a form cannot know
	DiffChange = string(change.Changed)
	DiffRemove = string(change.Removed)
	DiffSame   = string(change.Unchanged)
	DiffCordon = string(change.Scheduling) // of an undo: the scheduling; Before and After are "true" where it is cordoned
)

// DiffLine is what becomes of one label, taint or annotation.
type DiffLine struct {
	Kind    string
	Key     string // of a label or an annotation, or a taint's "key:Effect"
	Text    string // the whole, as kubectl writes it; of a change, nothing
	Before  string // of a change
	After   string
	Reason  string // of a cordon that comes back
	Various bool   // before, the nodes of the group had different values
}

// Diffs compares the labels, taints and annotations of a change, in the order of the
// keys. Annotations that explain a cordon are part of it, and no lines.
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

// InDiffOrder sorts lines by their kind: what is added first, what stays last.
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
