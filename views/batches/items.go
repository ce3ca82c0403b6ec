package batches

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
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
func itemDiffs(it batch.Item) []ui.DiffLine {
	if it.State != store.ItemSucceeded && !it.Unknown {
		return nil
	}
	lines := ui.InDiffOrder(ui.Diffs(itemState(it.Before), itemState(it.After)))
	return slices.DeleteFunc(lines, func(d ui.DiffLine) bool { return d.Kind == ui.DiffSame })
}

// recomputed reports whether an item's node had changed since the plan.
func recomputed(it batch.Item) bool { return itemState(it.After).Recomputed }

// itemDiffsShown is how many changes of a node a line has room for.
const itemDiffsShown = 4

// diffTitle lists changes for a title, one a line.
func diffTitle(ctx context.Context, lines []ui.DiffLine) string {
	out := make([]string, len(lines))
	for i, d := range lines {
		out[i] = ui.T(ctx, "diff_"+d.Kind) + " " + d.Text
		if d.Kind == ui.DiffChange {
			out[i] = d.Key + ": " + ui.ValueWord(ctx, d.Before) + " → " + ui.ValueWord(ctx, d.After)
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
		return ui.T(ctx, "change_cordoned")
	}
	return ui.T(ctx, "change_uncordoned")
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
		case c.Key != ui.Unprefixed(node.AnnotationReason):
		case c.After == "":
			return ui.T(ctx, "change_reason_removed")
		default:
			return ui.T(ctx, "change_reason_set")
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
			out = append(out, change{ui.Unprefixed(key), b, a})
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
		lines[i] = c.Key + ": " + ui.OrDash(c.Before) + " → " + ui.OrDash(c.After)
	}
	return strings.Join(lines, "\n")
}

// podField reports whether a recorded field is of the node's pods, and so no
// change of the node.
func podField(key string) bool { return key == "evictedPods" || key == "skippedPods" }

// itemPodCounts gives how many pods an item evicted and how many stayed.
func itemPodCounts(it batch.Item) (evicted, stayed int) {
	var after operation.State
	if json.Unmarshal(it.After, &after) != nil {
		return 0, 0
	}
	return after.EvictedPods, after.SkippedPods
}

// ReportURL gives every node of a batch as CSV.
func ReportURL(id string) string { return ui.BatchURL(id) + "/report.csv" }

// ItemsURL gives the page of a batch with some of its nodes; what q leaves at
// its default is left out.
func ItemsURL(id string, q batch.ItemQuery) string {
	values := url.Values{}
	if q.State != "" {
		values.Set("state", q.State)
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	return ui.WithQuery(ui.BatchURL(id), values)
}

// itemTab is a state that a page of nodes can be limited to.
type itemTab struct {
	Word    string
	Kind    string // of the shape; "" for the first, which is all
	Count   int
	URL     string
	Current bool
}

// itemTabs are all nodes, and each state that some of them have. Where all are
// in one state there is nothing to choose.
func itemTabs(ctx context.Context, v PageView) []itemTab {
	id, state := v.Batch.ID, v.Query.State
	tabs := []itemTab{{Word: ui.T(ctx, "items_all"), Count: v.Counts.Total(), URL: ItemsURL(id, batch.ItemQuery{}), Current: state == ""}}
	for _, s := range batch.ItemStates() {
		if n := v.Counts.Of(s); n > 0 || string(s) == state {
			tabs = append(tabs, itemTab{itemWord(ctx, v.Batch.Batch, s), itemKind(s), n, ItemsURL(id, batch.ItemQuery{State: string(s)}), string(s) == state})
		}
	}
	if len(tabs) < 3 && state == "" {
		return nil
	}
	return tabs
}

// itemRange gives the numbers of the first and the last node of a page.
func itemRange(p batch.ItemPage) (first, last int) {
	if len(p.Items) == 0 {
		return 0, 0
	}
	first = (p.Query.Page-1)*batch.ItemPageSize + 1
	return first, first + len(p.Items) - 1
}

// turned gives a query for another page.
func turned(q batch.ItemQuery, by int) batch.ItemQuery {
	q.Page += by
	return q
}

// errorGroups are the groups that a page shows.
func errorGroups(p batch.ItemPage) []batch.ItemErrors {
	return p.Errors[:min(len(p.Errors), batch.ErrorsShown)]
}
