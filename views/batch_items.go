package views

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// itemTook is how long a node took, once it has begun.
func itemTook(it batch.Item, now time.Time) (time.Duration, bool) {
	if it.StartedAt == nil {
		return 0, false
	}
	end := now
	if it.EndedAt != nil {
		end = *it.EndedAt
	}
	return end.Sub(*it.StartedAt), true
}

// itemState reads what an item recorded before or after, as the operation wrote
// it; nothing for an item of which nothing is known.
func itemState(raw json.RawMessage) operation.State {
	var s operation.State
	_ = json.Unmarshal(raw, &s)
	return s
}

// itemDiffs are the labels and taints that an item changed, once it has ended
// well, or nobody knows how.
func itemDiffs(it batch.Item) []diffLine {
	if it.State != store.ItemSucceeded && !it.Unknown {
		return nil
	}
	lines := inDiffOrder(diffsOf(itemState(it.Before), itemState(it.After)))
	return slices.DeleteFunc(lines, func(d diffLine) bool { return d.Kind == diffSame })
}

// recomputed reports whether an item's node had changed since the plan.
func recomputed(it batch.Item) bool { return itemState(it.After).Recomputed }

// itemDiffsShown is how many changes of a node a line has room for.
const itemDiffsShown = 4

// diffTitle lists changes for a title, one a line.
func diffTitle(ctx context.Context, lines []diffLine) string {
	out := make([]string, len(lines))
	for i, d := range lines {
		out[i] = T(ctx, "diff_"+d.Kind) + " " + d.Text
		if d.Kind == diffChange {
			out[i] = d.Key + ": " + valueWord(ctx, d.Before) + " → " + valueWord(ctx, d.After)
		}
	}
	return strings.Join(out, "\n")
}

// change is one thing that an operation did to a node.
type change struct {
	Key, Before, After string // "" stands for: not there
}

// switched reports whether the change is a switch turned on or off.
func (c change) switched() bool { return c.After == "true" || c.After == "false" }

// switchWord says what a switch does, not what its field is called.
func switchWord(ctx context.Context, c change) string {
	if c.Key != "unschedulable" {
		return c.Key
	}
	if c.After == "true" {
		return T(ctx, "change_cordoned")
	}
	return T(ctx, "change_uncordoned")
}

// switchClass strikes out what was turned off, unless its word says so itself.
func switchClass(c change) string {
	if c.After == "false" && c.Key != "unschedulable" {
		return "del"
	}
	return "add"
}

// deepWord says in short what became of a node's annotations.
func deepWord(ctx context.Context, deep []change) string {
	for _, c := range deep {
		switch {
		case c.Key != unprefixed(node.AnnotationReason):
		case c.After == "":
			return T(ctx, "change_reason_removed")
		default:
			return T(ctx, "change_reason_set")
		}
	}
	return "+" + strconv.Itoa(len(deep))
}

// changesOf compares what an item recorded before and after. The plain fields
// are worth a chip; what lies deeper (annotations) goes into one line each.
func changesOf(it batch.Item) (plain, deep []change) {
	if it.State != store.ItemSucceeded && !it.Unknown {
		return nil, nil
	}
	before, after := fields(it.Before), fields(it.After)
	if after == nil {
		return nil, nil
	}
	for _, key := range bothKeys(before, after) {
		b, a := before[key], after[key]
		if podField(key) || diffField(key) {
			continue
		}
		if bs, as := fields(b), fields(a); bs != nil || as != nil {
			deep = append(deep, differences(bs, as)...)
		} else if scalar(b) != scalar(a) {
			plain = append(plain, change{key, scalar(b), scalar(a)})
		}
	}
	return plain, deep
}

// diffField reports whether a recorded field is shown by itemDiffs, or is no
// change of the node.
func diffField(key string) bool { return key == "labels" || key == "taints" || key == "recomputed" }

func differences(before, after map[string]json.RawMessage) []change {
	var out []change
	for _, key := range bothKeys(before, after) {
		if b, a := scalar(before[key]), scalar(after[key]); b != a {
			out = append(out, change{unprefixed(key), b, a})
		}
	}
	return out
}

func bothKeys(a, b map[string]json.RawMessage) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = make(map[string]json.RawMessage, len(b))
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// fields reads one level of a recorded state; nil for what is no object.
func fields(raw json.RawMessage) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// scalar gives a recorded value as a person reads it, "" for null and nothing.
func scalar(raw json.RawMessage) string {
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case json.Unmarshal(raw, &s) == nil:
		return s
	default:
		return string(raw)
	}
}

// changeLines lists changes for a title, one a line.
func changeLines(changes []change) string {
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.Key + ": " + orDash(c.Before) + " → " + orDash(c.After)
	}
	return strings.Join(lines, "\n")
}
