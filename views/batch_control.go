package views

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// PlanOrigin is the batch that the plan of an undo or of a retry goes back to.
type PlanOrigin struct {
	ID    string
	Undo  bool // else it is tried again
	Force bool // of an undo: what was changed since may go too
	Since int  // of an undo: nodes that somebody else has changed since
}

// undoes reports whether a plan takes a batch back.
func undoes(v PlanView) bool { return v.Origin != nil && v.Origin.Undo }

// retries reports whether a plan tries a batch again.
func retries(v PlanView) bool { return v.Origin != nil && !v.Origin.Undo }

// originWords are what the button of an undo or a retry does.
func originWords(ctx context.Context, v PlanView) string {
	n := v.Summary.Changed
	if n == 0 || v.Drain != nil { // a drain does more than change nodes
		n = len(v.Names)
	}
	if v.Origin.Undo {
		return N(ctx, "plan_do_undo", n)
	}
	return N(ctx, "plan_do_retry", n)
}

// retryable is how many nodes of an ended batch did not get there. The deletion
// of a pod is asked for on the page of its node.
func retryable(v batch.View) int {
	if !v.State.Ended() || v.Operation == "delete-pod" {
		return 0
	}
	return v.Counts.Failed + v.Counts.Skipped + v.Counts.Cancelled
}

// undoable reports whether an ended batch has changed a node, or may have: then
// the cache was cleared. Nothing brings a deleted pod back.
func undoable(v batch.View) bool {
	return v.State.Ended() && v.ClearedAt != nil && v.Operation != "delete-pod"
}

// undoWord is what the button does that takes a batch back: nothing brings the
// pods of a drain back, its nodes are uncordoned.
func undoWord(ctx context.Context, v batch.View) string {
	if v.Operation == "drain" {
		return T(ctx, "do_undo_drain")
	}
	return T(ctx, "do_undo")
}

// rolloutOf reads what a batch was asked for.
func rolloutOf(b batch.Batch) batch.Rollout {
	var r batch.Rollout
	_ = json.Unmarshal(b.Rollout, &r) // the engine wrote it; most batches have none
	return r
}

// rolloutLines say how a batch goes through its nodes; nothing for all at once.
func rolloutLines(ctx context.Context, r batch.Rollout) []string {
	var out []string
	switch {
	case r.Canary > 0 && r.CanaryWait > 0:
		out = append(out, N(ctx, "rollout_says_canary_wait", r.Canary, "Span", secondsField(r.CanaryWait)))
	case r.Canary > 0:
		out = append(out, N(ctx, "rollout_says_canary", r.Canary))
	}
	if r.Order != "" {
		out = append(out, T(ctx, "rollout_says_"+r.Order))
	}
	if r.WavePause > 0 {
		out = append(out, T(ctx, "rollout_says_pause", "Span", secondsField(r.WavePause)))
	}
	if r.Parallel > 0 {
		out = append(out, N(ctx, "rollout_says_parallel", r.Parallel))
	}
	if r.MaxFailures > 0 {
		out = append(out, N(ctx, "rollout_says_failures", r.MaxFailures))
	}
	if r.MaxFailedPercent > 0 {
		out = append(out, T(ctx, "rollout_says_percent", "Percent", strconv.Itoa(r.MaxFailedPercent)))
	}
	return out
}

// gateWords say what a batch waits for between two portions of its nodes; "#"
// stands for the time when it goes on by itself.
func gateWords(ctx context.Context, v batch.View) string {
	done := N(ctx, "gate_wave", batch.Done(v.Counts))
	if v.Gate.Canary {
		done = N(ctx, "gate_canary", batch.Done(v.Counts))
	}
	failed := T(ctx, "gate_failed_none")
	if v.Gate.Failed > 0 {
		failed = T(ctx, "gate_failed", "Failed", Number(v.Gate.Failed))
	}
	if v.Gate.Until == nil {
		return T(ctx, "gate_asks", "Done", done, "Failed", failed)
	}
	return T(ctx, "gate_goes_on", "Done", done, "Failed", failed, "Time", "#", "Zone", zoneOf(ctx, *v.Gate.Until))
}

// gateClock is when a wait ends, for who listens.
func gateClock(ctx context.Context, g *batch.Gate) string {
	if g.Until == nil {
		return ""
	}
	return clockTime(ctx, *g.Until)
}

// goOnWord is what the button does that continues a batch.
func goOnWord(ctx context.Context, v batch.View) string {
	switch {
	case v.Gate == nil || v.Gate.Until != nil && v.Paused:
		return T(ctx, "do_resume")
	case v.Gate.Until == nil:
		return T(ctx, "do_go_on")
	default:
		return T(ctx, "do_go_on_now")
	}
}

// mayGoOn reports whether there is something to continue: a pause, a wait
// between two portions, or an interruption.
func mayGoOn(v BatchView) bool {
	return v.MayControl && (v.Asks == nil || v.MayForce) && (paused(v.View) || v.Gate != nil || v.State == store.StateInterrupted)
}

// turning reports whether a batch does nothing but wait for another.
func turning(v batch.View) bool {
	return v.State == store.StateRunning && len(v.WaitsFor) > 0 && len(v.Running) == 0
}

// hasPace reports whether a batch works, so that its pace tells something.
func hasPace(v batch.View) bool { return v.Gate == nil && !paused(v) && !turning(v) }

// panelMark changes when a page that follows a batch has something to say.
func panelMark(v batch.View) string {
	mark := strconv.Itoa(milestone(v))
	if v.Gate != nil {
		mark += "+" + strconv.Itoa(batch.Done(v.Counts))
	}
	return mark
}

// cordonLine is what an undo does to the scheduling of a node; Kind is "" where
// that stays as it is.
func cordonLine(before, after operation.State) diffLine {
	if before.Unschedulable == nil || after.Unschedulable == nil {
		return diffLine{}
	}
	d := diffLine{Kind: diffCordon, Key: diffCordon, Before: strconv.FormatBool(*before.Unschedulable), After: strconv.FormatBool(*after.Unschedulable)}
	if why := after.Annotations[node.AnnotationReason]; why != nil && *after.Unschedulable {
		d.Reason = *why
	}
	d.Text = d.Before + d.After + d.Reason // tells groups apart
	return d
}

// planDiffs compares what a plan touches: the scheduling, labels and taints.
func planDiffs(before, after operation.State) []diffLine {
	lines := diffsOf(before, after)
	if d := cordonLine(before, after); d.Kind != "" {
		lines = append([]diffLine{d}, lines...)
	}
	return lines
}

func cordonWord(ctx context.Context, unschedulable string) string {
	on := unschedulable == "true"
	return schedulingWord(ctx, operation.State{Unschedulable: &on})
}

// interruptedNote says why an interrupted batch waits.
func interruptedNote(ctx context.Context, v batch.View) string {
	if v.Held == "" {
		return T(ctx, "interrupted_note")
	}
	return T(ctx, "interrupted_held_"+string(v.Held), "User", v.By)
}

// rolloutFields are the names of the fields of a rollout. A drain has an order,
// a number of nodes at once and a number of failures among its own options.
func rolloutFields(v PlanView) []string {
	if v.Operation == "drain" {
		return []string{"canary", "canary_wait"}
	}
	return []string{"canary", "canary_wait", "order", "wave_pause", "parallel", "max_failures"}
}

// rolloutOpen is true when something of the rollout was typed or refused.
func rolloutOpen(v PlanView) bool {
	for _, name := range rolloutFields(v) {
		if typedRollout(v.Rollout, name) != "" || v.Problem.Field(name) != "" {
			return true
		}
	}
	return false
}

// typedRollout gives what stands in a field of the rollout; the order that
// everything has by itself is nothing.
func typedRollout(form url.Values, name string) string {
	if value := form.Get(name); name != "order" || value != batch.OrderListed {
		return value
	}
	return ""
}

// maxFailuresField is the field of a drain; a share of its nodes is the
// rollout's, so the drain's own options do not hold it.
func maxFailuresField(v PlanView) string {
	if v.Options.MaxFailures > 0 {
		return numberField(v.Options.MaxFailures)
	}
	return v.Rollout.Get("max_failures")
}
