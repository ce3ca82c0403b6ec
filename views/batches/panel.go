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

// milestone is the last quarter that the batch has passed, in percent.
func milestone(v batch.View) int {
	if v.State.Ended() {
		return 100
	}
	if v.Total == 0 {
		return 0
	}
	return min(batch.Done(v.Counts)*4/v.Total*25, 75)
}

// sayMilestone is what a screen reader hears at a milestone.
func sayMilestone(ctx context.Context, v batch.View) string {
	title := title(ctx, v.Batch)
	switch {
	case v.State == store.StateInterrupted:
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

// allWell reports whether a batch has ended and nothing is left to explain.
func allWell(v batch.View) bool {
	return v.State == store.StateSucceeded && v.Counts.Succeeded+v.Counts.Unchanged == v.Total
}

// verdict is the end of a batch in a sentence, made of what the items say.
func verdict(ctx context.Context, v batch.View) string {
	c := v.Counts
	if allWell(v) {
		return success(ctx, v)
	}
	return ui.N(ctx, cancelledID(v.Batch, "verdict_"+string(v.State)), v.Total,
		"Succeeded", ui.Number(c.Succeeded+c.Unchanged), "Failed", ui.Number(c.Failed),
		"Left", ui.Number(c.Cancelled+c.Skipped))
}

// success says what a batch did, in the words of its operation: how many nodes
// it changed, and how many needed nothing.
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

// leftCordoned is how many nodes an ended drain has left cordoned: those that it
// emptied.
func leftCordoned(v batch.View) int {
	if !operation.TraitsOf(v.Operation).Drains || !v.State.Ended() {
		return 0
	}
	return v.Counts.Succeeded + v.Counts.Unchanged
}

// idleWord says what a batch without a node at work is doing.
func idleWord(ctx context.Context, v batch.View) string {
	switch {
	case v.State == store.StateInterrupted:
		return ui.N(ctx, "panel_waits", v.Counts.Pending+v.Counts.Running+v.Counts.Waiting)
	case v.Converging > 0:
		return ui.N(ctx, "panel_converging", v.Converging)
	case batch.Done(v.Counts) == v.Total:
		return ui.T(ctx, "panel_finishing")
	default:
		return ui.T(ctx, "panel_starting")
	}
}

// tally gives the counts in the order in which a node passes through them. What
// is rare stands there only when it happened.
func tally(v batch.View) []ui.Count {
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
	if !v.State.Ended() {
		if len(v.WaitsFor) > 0 {
			out = append(out, ui.Count{ID: "count_running", Count: c.Running, Class: "run"}, ui.Count{ID: "count_waiting", Count: c.Waiting}, ui.Count{ID: "count_left", Count: c.Pending})
		} else {
			out = append(out, ui.Count{ID: "count_running", Count: c.Running + c.Waiting, Class: "run"}, ui.Count{ID: "count_left", Count: c.Pending})
		}
	}
	if v.State.Ended() {
		return slices.DeleteFunc(out, func(c ui.Count) bool { return c.Count == 0 })
	}
	for i := range out {
		if out[i].Count == 0 {
			out[i].Class = "none"
		}
	}
	return out
}

// barPart is one part of the bar; X and Width are of 1000.
type barPart struct {
	Class    string
	X, Width int
}

// barParts lays the final states out from the left in the order of the tally.
func barParts(v batch.View) []barPart {
	if v.Total == 0 {
		return nil
	}
	c := v.Counts
	done := "f-accent"
	if v.State.Ended() {
		done = "f-ok"
	}
	var out []barPart
	sum := 0
	for _, p := range []ui.Count{{Count: c.Succeeded, Class: done}, {Count: c.Unchanged, Class: done + " half"}, {Count: c.Failed, Class: "f-bad"}, {Count: c.Skipped + c.Cancelled, Class: "f-off"}} {
		x := sum * 1000 / v.Total
		sum += p.Count
		if width := sum*1000/v.Total - x; p.Count > 0 {
			out = append(out, barPart{p.Class, x, max(width, 3)})
		}
	}
	return out
}

// resultCount gives how far a batch has come; once it has ended, how many of
// its nodes are as asked.
func resultCount(v batch.View) int {
	if v.State.Ended() {
		return v.Counts.Succeeded + v.Counts.Unchanged
	}
	return batch.Done(v.Counts)
}
