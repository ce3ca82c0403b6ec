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

// itemTook returns how long a node took or has taken so far, and false before it has
// begun.
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

// stateOf returns a state, the zero State if it is not known.
func stateOf(s *change.State) change.State {
	if s == nil {
		return change.State{}
	}
	return *s
}

// mayHaveChanged reports whether an item has changed its node, or may have.
func mayHaveChanged(it batch.Item) bool { return it.State == store.ItemSucceeded || it.Unknown }

// itemDiffs returns the labels, taints and annotations that an item changed, or may
// have changed.
func itemDiffs(it batch.Item) []ui.DiffLine {
	if !mayHaveChanged(it) {
		return nil
	}
	lines := ui.InDiffOrder(ui.Diffs(stateOf(it.Before), stateOf(it.After)))
	return slices.DeleteFunc(lines, func(d ui.DiffLine) bool { return d.Kind == ui.DiffSame })
}

// recomputed reports whether an item's node had changed since the plan.
func recomputed(it batch.Item) bool { return stateOf(it.After).Recomputed }

// itemDiffsShown is how many changes of a node are listed.
const itemDiffsShown = 4

// diffTitle returns changes for a title, one on each line.
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

// fact is a change of a node that is not a label, taint or annotation by itself.
type fact struct {
	Key, Before, After string // "" for none
}

// The keys of facts beside the keys of annotations.
const (
	factScheduling = "unschedulable"
	factPod        = "pod"
)

// switched reports whether the fact is a switch that was turned on or off.
func (f fact) switched() bool { return f.After == "true" || f.After == "false" }

// switchWord returns what a switch did.
func switchWord(ctx context.Context, f fact) string {
	if f.Key != factScheduling {
		return f.Key
	}
	if f.After == "true" {
		return ui.T(ctx, "change_cordoned")
	}
	return ui.T(ctx, "change_uncordoned")
}

// switchClass returns the class of a switch: struck out when it was turned off, unless
// its word already says so.
func switchClass(f fact) string {
	if f.After == "false" && f.Key != factScheduling {
		return "del"
	}
	return "add"
}

// explanationWord says in short what happened to the annotations that explain a
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

// factsOf returns what an item changed beside its diffs: the scheduling or the pod,
// and the annotations that explain a cordon.
func factsOf(it batch.Item) (facts, explanation []fact) {
	if !mayHaveChanged(it) || it.After == nil {
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
			key := ui.Unprefixed(line.Key)
			explanation = append(explanation, fact{key, orNothing(line.Before), orNothing(line.After)})
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

// factLines returns facts for a title, one on each line.
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

// KubectlURL returns the kubectl commands for what a batch has changed.
func KubectlURL(id string) string { return ui.BatchURL(id) + "/kubectl" }

// ReportURL returns all nodes of a batch as CSV.
func ReportURL(id string) string { return ui.BatchURL(id) + "/report.csv" }

// ItemsURL returns the page of a batch with some of its nodes; parameters with
// default values are left out.
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

// itemTab is a link that limits the nodes to a state.
type itemTab struct {
	Word    string
	Kind    string // of the mark; "" for the first, which shows all
	Count   int
	URL     string
	Current bool
}

// itemTabs returns a tab for all nodes and one for each state that some of them have.
// It returns none when all nodes are in the same state.
func itemTabs(ctx context.Context, v PageView) []itemTab {
	state := v.Query.State
	tabs := []itemTab{{
		Word: ui.T(ctx, "items_all"), Count: v.Counts.Total(),
		URL: ItemsURL(v.Batch.ID, batch.ItemQuery{}), Current: state == "",
	}}
	for _, s := range batch.ItemStates() {
		n, current := v.Counts.Of(s), string(s) == state
		if n > 0 || current {
			tabs = append(tabs, itemTab{
				Word: itemWord(ctx, v.Batch.Batch, s), Kind: itemKind(s), Count: n,
				URL: ItemsURL(v.Batch.ID, batch.ItemQuery{State: string(s)}), Current: current,
			})
		}
	}
	if len(tabs) < 3 && state == "" {
		return nil
	}
	return tabs
}

// itemRange returns the numbers of the first and the last node of a page.
func itemRange(p batch.ItemPage) (first, last int) {
	if len(p.Items) == 0 {
		return 0, 0
	}
	first = (p.Query.Page-1)*batch.ItemPageSize + 1
	return first, first + len(p.Items) - 1
}

// itemsURL returns the address of each page of the nodes.
func itemsURL(v PageView) func(page int) string {
	return func(page int) string {
		return ItemsURL(v.Batch.ID, batch.ItemQuery{State: v.Query.State, Page: page})
	}
}

// errorGroups returns the groups of errors that a page shows.
func errorGroups(p batch.ItemPage) []batch.ItemErrors {
	return p.Errors[:min(len(p.Errors), batch.ErrorsShown)]
}
