package batches

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/node"
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

// stateOf returns a state that may not be known; the zero State then.
func stateOf(s *change.State) change.State {
	if s == nil {
		return change.State{}
	}
	return *s
}

// itemDiffs are the labels, taints and annotations that an item changed, once it has ended
// well, or nobody knows how.
func itemDiffs(it batch.Item) []ui.DiffLine {
	if it.State != store.ItemSucceeded && !it.Unknown {
		return nil
	}
	lines := ui.InDiffOrder(ui.Diffs(stateOf(it.Before), stateOf(it.After)))
	return slices.DeleteFunc(lines, func(d ui.DiffLine) bool { return d.Kind == ui.DiffSame })
}

// recomputed reports whether an item's node had changed since the plan.
func recomputed(it batch.Item) bool { return stateOf(it.After).Recomputed }

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

// fact is one thing beside labels, taints and annotations that an operation did to
// a node.
type fact struct {
	Key, Before, After string // "" stands for: absent
}

// Keys of facts; that of an annotation is its own.
const (
	factScheduling = "unschedulable"
	factPod        = "pod"
)

// switched reports whether the fact is a switch turned on or off.
func (f fact) switched() bool { return f.After == "true" || f.After == "false" }

// switchWord says what a switch does, not what its field is called.
func switchWord(ctx context.Context, f fact) string {
	if f.Key != factScheduling {
		return f.Key
	}
	if f.After == "true" {
		return ui.T(ctx, "change_cordoned")
	}
	return ui.T(ctx, "change_uncordoned")
}

// switchClass strikes out what was turned off, unless its word says so itself.
func switchClass(f fact) string {
	if f.After == "false" && f.Key != factScheduling {
		return "del"
	}
	return "add"
}

// explanationWord says in short what became of the annotations that explain a
// cordon.
func explanationWord(ctx context.Context, explanation []fact) string {
	for _, f := range explanation {
		switch {
		case f.Key != ui.Unprefixed(node.AnnotationReason):
		case f.After == "":
			return ui.T(ctx, "change_reason_removed")
		default:
			return ui.T(ctx, "change_reason_set")
		}
	}
	return "+" + strconv.Itoa(len(explanation))
}

// factsOf compares what an item recorded before and after: the scheduling and the
// pod, and the annotations that explain a cordon.
func factsOf(it batch.Item) (facts, explanation []fact) {
	if it.State != store.ItemSucceeded && !it.Unknown || it.After == nil {
		return nil, nil
	}
	before, after := stateOf(it.Before), stateOf(it.After)
	if before.Pod != after.Pod {
		facts = append(facts, fact{factPod, before.Pod, after.Pod})
	}
	if before.Unschedulable == nil {
		return facts, nil
	}
	for _, line := range change.Diff(before, after) {
		switch {
		case line.Kind() == change.Unchanged:
		case line.Part == change.Scheduling:
			facts = append(facts, fact{factScheduling, *line.Before, *line.After})
		case line.Part == change.Annotations:
			explanation = append(explanation, fact{ui.Unprefixed(line.Key), orNothing(line.Before), orNothing(line.After)})
		}
	}
	return facts, explanation
}

func orNothing(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// factLines lists facts for a title, one a line.
func factLines(facts []fact) string {
	lines := make([]string, len(facts))
	for i, f := range facts {
		lines[i] = f.Key + ": " + ui.OrDash(f.Before) + " → " + ui.OrDash(f.After)
	}
	return strings.Join(lines, "\n")
}

// itemPodCounts returns how many pods an item evicted and how many stayed.
func itemPodCounts(it batch.Item) (evicted, stayed int) {
	after := stateOf(it.After)
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
