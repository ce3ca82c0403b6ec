package change

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Part names a part of a node.
type Part string

// The parts, in the order in which Diff lists them.
const (
	Scheduling  Part = "scheduling"
	Labels      Part = "labels"
	Taints      Part = "taints"
	Annotations Part = "annotations"
)

// Kind says what became of one thing.
type Kind string

// The kinds of a line.
const (
	Added     Kind = "add"
	Changed   Kind = "change"
	Removed   Kind = "remove"
	Unchanged Kind = "same"
)

// Line is one thing that a change touches.
type Line struct {
	Part Part
	// Key is that of a label or an annotation, or a taint's "key:Effect"; "" of the
	// scheduling.
	Key string
	// Before and After are the values; nil where it is absent. A cordoned node's
	// scheduling is "true".
	Before, After *string
}

// Kind returns what became of it.
func (l Line) Kind() Kind {
	switch {
	case l.Before == nil:
		return Added
	case l.After == nil:
		return Removed
	case *l.Before == *l.After:
		return Unchanged
	default:
		return Changed
	}
}

// Text returns the thing with a value as kubectl writes it: key=value, or
// key=value:Effect of a taint.
func (l Line) Text(value string) string {
	switch l.Part {
	case Scheduling:
		return value
	case Taints:
		key, effect, _ := strings.Cut(l.Key, ":")
		return Taint{Key: key, Value: value, Effect: effect}.String()
	default:
		return l.Key + "=" + value
	}
}

// Diff compares what a change touches: the scheduling, labels, taints and
// annotations, each by its key. What is absent before and after is no line; what
// stays as it is has the kind Unchanged.
func Diff(before, after State) []Line {
	var lines []Line
	if before.Unschedulable != nil && after.Unschedulable != nil {
		lines = append(lines, Line{Scheduling, "", boolText(before.Unschedulable), boolText(after.Unschedulable)})
	}
	lines = append(lines, diff(Labels, before.Labels, after.Labels)...)
	lines = append(lines, diff(Taints, taintValues(before.Taints), taintValues(after.Taints))...)
	return append(lines, diff(Annotations, before.Annotations, after.Annotations)...)
}

func diff(part Part, before, after map[string]*string) []Line {
	keys := make(map[string]bool, len(before))
	for _, values := range []map[string]*string{before, after} {
		for key := range values {
			keys[key] = true
		}
	}
	var lines []Line
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if before[key] != nil || after[key] != nil {
			lines = append(lines, Line{part, key, before[key], after[key]})
		}
	}
	return lines
}

func boolText(b *bool) *string {
	text := strconv.FormatBool(*b)
	return &text
}

func taintValues(taints map[string]*Taint) map[string]*string {
	values := make(map[string]*string, len(taints))
	for id, t := range taints {
		values[id] = nil
		if t != nil {
			values[id] = &t.Value
		}
	}
	return values
}
