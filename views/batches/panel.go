package batches

import (
	"context"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// milestone returns the last quarter that the batch has completed, in percent.
func milestone(v batch.View) int {
	if v.State.Ended() {
		return 100
	}
	if v.Total == 0 {
		return 0
	}
	return min(batch.Done(v.Counts)*4/v.Total*25, 75)
}

// sayMilestone returns what a screen reader reads at a milestone.
func sayMilestone(ctx context.Context, v batch.View) string {
	title := title(ctx, v.Batch)
	switch {
	case v.State == store.StateInterrupted, v.State == store.StateProposed, waits(v):
		return title + ": " + stateWord(ctx, v.State)
	case v.State.Ended():
		return title + ": " + verdict(ctx, v)
	case v.Gate != nil:
		return title + ": " + strings.ReplaceAll(gateWords(ctx, v), "#", gateClock(ctx, v.Gate))
	case milestone(v) == 0:
		return ui.T(ctx, "say_accepted", "Title", title)
	default:
		return ui.T(ctx, "say_progress", "Title", title, "Percent", milestone(v), "Failed", ui.Number(v.Counts.Failed))
	}
}

// allWell reports whether a batch has succeeded on all its nodes.
func allWell(v batch.View) bool {
	return v.State == store.StateSucceeded && v.Counts.Succeeded+v.Counts.Unchanged == v.Total
}

// verdict returns the result of an ended batch in one sentence.
func verdict(ctx context.Context, v batch.View) string {
	c := v.Counts
	if allWell(v) {
		return success(ctx, v)
	}
	return ui.N(ctx, cancelledID(v.Batch, "verdict_"+string(v.State)), v.Total,
		"Succeeded", ui.Number(c.Succeeded+c.Unchanged), "Failed", ui.Number(c.Failed),
		"Left", ui.Number(c.Cancelled+c.Skipped))
}

// success says on how many nodes a batch made a change, and how many needed none, in
// the words of its operation.
func success(ctx context.Context, v batch.View) string {
	id := ui.OperationID(v.Operation)
	if !ui.HasMessage(ctx, "ended_"+id) {
		id = "other"
	}
	var parts []string
	if n := v.Counts.Succeeded; n > 0 {
		parts = append(parts, ui.N(ctx, "ended_"+id, n))
	}
	if n := v.Counts.Unchanged; n > 0 {
		parts = append(parts, ui.N(ctx, "already_"+id, n))
	}
	return strings.Join(parts, ui.T(ctx, "list_comma"))
}

// leftCordoned returns how many nodes an ended drain has drained, which stay
// cordoned.
func leftCordoned(v batch.View) int {
	if !operation.TraitsOf(v.Operation).Drains || !v.State.Ended() {
		return 0
	}
	return v.Counts.Succeeded + v.Counts.Unchanged
}

// idleWord says what a batch does when no node is being changed.
func idleWord(ctx context.Context, v batch.View) string {
	switch {
	case v.State == store.StateInterrupted:
		return ui.N(ctx, "panel_waits", v.Counts.Pending+v.Counts.Running+v.Counts.Waiting)
	case v.Telling > 0 && v.Telling >= v.Converging:
		return ui.N(ctx, "panel_telling", v.Telling)
	case v.Converging > 0:
		return ui.N(ctx, "panel_converging", v.Converging)
	case batch.Done(v.Counts) == v.Total:
		return ui.T(ctx, "panel_finishing")
	default:
		return ui.T(ctx, "panel_starting")
	}
}

// tally returns the counts of a batch. Rare ones are left out when they are 0; once
// the batch has ended, all that are 0.
func tally(v batch.View) []ui.Count {
	out := resultCounts(v)
	if v.State.Ended() {
		return slices.DeleteFunc(out, func(c ui.Count) bool { return c.Count == 0 })
	}
	return dimmed(append(out, openCounts(v)...))
}

// resultCounts returns how many nodes have ended in which state.
func resultCounts(v batch.View) []ui.Count {
	c := v.Counts
	out := []ui.Count{
		{ID: "count_succeeded", Count: c.Succeeded, Class: "ok"},
		{ID: "count_unchanged", Count: c.Unchanged},
		{ID: "count_failed", Count: c.Failed, Class: "bad"},
	}
	if c.Skipped > 0 {
		out = append(out, ui.Count{ID: "count_skipped", Count: c.Skipped})
	}
	if c.Cancelled > 0 {
		out = append(out, ui.Count{ID: cancelledID(v.Batch, "count_cancelled"), Count: c.Cancelled})
	}
	return out
}

// openCounts returns how many nodes have not ended. Those that wait are a number of
// their own only while they wait for another batch.
func openCounts(v batch.View) []ui.Count {
	c := v.Counts
	if len(v.WaitsFor)+len(v.Leases) == 0 {
		return []ui.Count{
			{ID: "count_running", Count: c.Running + c.Waiting, Class: "run"},
			{ID: "count_left", Count: c.Pending},
		}
	}
	return []ui.Count{
		{ID: "count_running", Count: c.Running, Class: "run"},
		{ID: "count_waiting", Count: c.Waiting},
		{ID: "count_left", Count: c.Pending},
	}
}

// dimmed sets the class of the counts that are 0.
func dimmed(counts []ui.Count) []ui.Count {
	for i := range counts {
		if counts[i].Count == 0 {
			counts[i].Class = "none"
		}
	}
	return counts
}

// barPart is one part of the bar; X and Width are out of 1000.
type barPart struct {
	Class    string
	X, Width int
}

// barParts returns the parts of the bar for the nodes that have ended, from the left
// in the order of the tally.
func barParts(v batch.View) []barPart {
	if v.Total == 0 {
		return nil
	}
	var out []barPart
	sum := 0
	for _, p := range barCounts(v) {
		x := sum * 1000 / v.Total
		sum += p.Count
		if p.Count > 0 {
			out = append(out, barPart{p.Class, x, max(sum*1000/v.Total-x, 3)})
		}
	}
	return out
}

func barCounts(v batch.View) []ui.Count {
	done := "f-accent"
	if v.State.Ended() {
		done = "f-ok"
	}
	c := v.Counts
	return []ui.Count{
		{Count: c.Succeeded, Class: done},
		{Count: c.Unchanged, Class: done + " half"},
		{Count: c.Failed, Class: "f-bad"},
		{Count: c.Skipped + c.Cancelled, Class: "f-off"},
	}
}

// resultCount returns how many nodes have ended; of an ended batch, on how many nodes
// it succeeded.
func resultCount(v batch.View) int {
	if v.State.Ended() {
		return v.Counts.Succeeded + v.Counts.Unchanged
	}
	return batch.Done(v.Counts)
}
