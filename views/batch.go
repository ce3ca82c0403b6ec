package views

import (
	"context"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// operationName gives an operation's word; one without a message shows its own
// name.
func operationName(ctx context.Context, operation string) string {
	id := "op_" + idOf(operation)
	if !has(ctx, id) {
		return operation
	}
	return T(ctx, id)
}

// batchTitle is a batch in one line: "Cordon · 240 nodes".
func batchTitle(ctx context.Context, b batch.Batch) string {
	return operationName(ctx, b.Operation) + " · " + N(ctx, "nodes_count", b.Total)
}

func stateWord(ctx context.Context, s store.State) string { return T(ctx, "state_"+string(s)) }

func stateKind(s store.State) string {
	switch s {
	case store.StateRunning:
		return "run"
	case store.StateSucceeded:
		return "done"
	case store.StatePartial, store.StateInterrupted:
		return "warn"
	case store.StateFailed:
		return "bad"
	default:
		return "stop"
	}
}

func itemWord(ctx context.Context, b batch.Batch, s store.ItemState) string {
	return T(ctx, cancelledID(b, "item_"+string(s)))
}

func itemKind(s store.ItemState) string {
	switch s {
	case store.ItemRunning:
		return "run"
	case store.ItemWaiting:
		return "warn"
	case store.ItemSucceeded:
		return "done"
	case store.ItemUnchanged:
		return "same"
	case store.ItemFailed:
		return "bad"
	case store.ItemCancelled:
		return "stop"
	default:
		return "idle"
	}
}

// itemError says why an item failed or was skipped, and that nobody knows what
// came of it when that is so.
func itemError(ctx context.Context, it batch.Item) string {
	text := ""
	if it.Error != nil {
		text = Text(ctx, *it.Error)
	}
	if !it.Unknown || ofDrain(it) {
		return text
	}
	return strings.TrimSpace(text + " " + T(ctx, "outcome_unknown"))
}

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
	title := batchTitle(ctx, v.Batch)
	switch {
	case v.State == store.StateInterrupted:
		return title + ": " + stateWord(ctx, v.State)
	case v.State.Ended():
		return title + ": " + verdict(ctx, v)
	case v.Gate != nil:
		return title + ": " + strings.ReplaceAll(gateWords(ctx, v), "#", gateClock(ctx, v.Gate))
	case milestone(v) == 0:
		return T(ctx, "say_accepted", "Title", title)
	default:
		return T(ctx, "say_progress", "Title", title, "Percent", milestone(v), "Failed", Number(v.Counts.Failed))
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
	return N(ctx, cancelledID(v.Batch, "verdict_"+string(v.State)), v.Total,
		"Succeeded", Number(c.Succeeded+c.Unchanged), "Failed", Number(c.Failed),
		"Left", Number(c.Cancelled+c.Skipped))
}

// success says what a batch did, in the words of its operation: how many nodes
// it changed, and how many needed nothing.
func success(ctx context.Context, v batch.View) string {
	id := idOf(v.Operation)
	if !has(ctx, "ended_"+id) {
		id = "other"
	}
	var parts []string
	if n := v.Counts.Succeeded; n > 0 {
		parts = append(parts, N(ctx, "ended_"+id, n))
	}
	if n := v.Counts.Unchanged; n > 0 {
		parts = append(parts, N(ctx, "already_"+id, n))
	}
	return strings.Join(parts, T(ctx, "list_comma"))
}

// leftCordoned is how many nodes an ended drain has left cordoned: those that it
// emptied.
func leftCordoned(v batch.View) int {
	if v.Operation != "drain" || !v.State.Ended() {
		return 0
	}
	return v.Counts.Succeeded + v.Counts.Unchanged
}

// idleWord says what a batch without a node at work is doing.
func idleWord(ctx context.Context, v batch.View) string {
	switch {
	case v.State == store.StateInterrupted:
		return N(ctx, "panel_waits", v.Counts.Pending+v.Counts.Running+v.Counts.Waiting)
	case v.Converging > 0:
		return N(ctx, "panel_converging", v.Converging)
	case batch.Done(v.Counts) == v.Total:
		return T(ctx, "panel_finishing")
	default:
		return T(ctx, "panel_starting")
	}
}

// count is one number of the tally.
type count struct {
	ID    string
	Count int
	Class string
}

// tally gives the counts in the order in which a node passes through them. What
// is rare stands there only when it happened.
func tally(v batch.View) []count {
	c := v.Counts
	out := []count{
		{"count_succeeded", c.Succeeded, "ok"},
		{"count_unchanged", c.Unchanged, ""},
		{"count_failed", c.Failed, "bad"},
	}
	if c.Skipped > 0 {
		out = append(out, count{"count_skipped", c.Skipped, ""})
	}
	if c.Cancelled > 0 {
		out = append(out, count{cancelledID(v.Batch, "count_cancelled"), c.Cancelled, ""})
	}
	if !v.State.Ended() {
		if len(v.WaitsFor) > 0 {
			out = append(out, count{"count_running", c.Running, "run"}, count{"count_waiting", c.Waiting, ""}, count{"count_left", c.Pending, ""})
		} else {
			out = append(out, count{"count_running", c.Running + c.Waiting, "run"}, count{"count_left", c.Pending, ""})
		}
	}
	if v.State.Ended() {
		return slices.DeleteFunc(out, func(c count) bool { return c.Count == 0 })
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
	for _, p := range []count{{Count: c.Succeeded, Class: done}, {Count: c.Unchanged, Class: done + " half"}, {Count: c.Failed, Class: "f-bad"}, {Count: c.Skipped + c.Cancelled, Class: "f-off"}} {
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
