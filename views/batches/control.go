package batches

import (
	"context"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// retryable is how many nodes of an ended batch did not get there. The deletion
// of a pod is asked for on the page of its node.
func retryable(v batch.View) int {
	if !v.State.Ended() || operation.TraitsOf(v.Operation).Final {
		return 0
	}
	return v.Counts.Failed + v.Counts.Skipped + v.Counts.Cancelled
}

// undoable reports whether an ended batch has changed a node, or may have: then
// the cache was cleared. Nothing brings a deleted pod back.
func undoable(v batch.View) bool {
	return v.State.Ended() && v.ClearedAt != nil && !operation.TraitsOf(v.Operation).Final
}

// undoWord is what the button does that takes a batch back: nothing brings the
// pods of a drain back, its nodes are uncordoned.
func undoWord(ctx context.Context, v batch.View) string {
	if operation.TraitsOf(v.Operation).Drains {
		return ui.T(ctx, "do_undo_drain")
	}
	return ui.T(ctx, "do_undo")
}

// rolloutLines say how a batch goes through its nodes; nothing for all at once.
func rolloutLines(ctx context.Context, r batch.Rollout) []string {
	var out []string
	switch {
	case r.Canary > 0 && r.CanaryWait > 0:
		out = append(out, ui.N(ctx, "rollout_says_canary_wait", r.Canary, "Span", ui.SecondsField(r.CanaryWait)))
	case r.Canary > 0:
		out = append(out, ui.N(ctx, "rollout_says_canary", r.Canary))
	}
	if r.Order != "" {
		out = append(out, ui.T(ctx, "rollout_says_"+r.Order))
	}
	if r.WaveSize > 0 {
		out = append(out, ui.N(ctx, "rollout_says_wave_size", r.WaveSize))
	}
	if r.WavePause > 0 {
		out = append(out, ui.T(ctx, "rollout_says_pause", "Span", ui.SecondsField(r.WavePause)))
	}
	if r.Parallel > 0 {
		out = append(out, ui.N(ctx, "rollout_says_parallel", r.Parallel))
	}
	if r.MaxFailures > 0 {
		out = append(out, ui.N(ctx, "rollout_says_failures", r.MaxFailures))
	}
	if r.MaxFailedPercent > 0 {
		out = append(out, ui.T(ctx, "rollout_says_percent", "Percent", strconv.Itoa(r.MaxFailedPercent)))
	}
	return out
}

// gateWords say what a batch waits for between two portions of its nodes; "#"
// stands for the time when it goes on by itself.
func gateWords(ctx context.Context, v batch.View) string {
	done := ui.N(ctx, "gate_wave", batch.Done(v.Counts))
	if v.Gate.Canary {
		done = ui.N(ctx, "gate_canary", batch.Done(v.Counts))
	}
	failed := ui.T(ctx, "gate_failed_none")
	if v.Gate.Failed > 0 {
		failed = ui.T(ctx, "gate_failed", "Failed", ui.Number(v.Gate.Failed))
	}
	if v.Gate.Until == nil {
		return ui.T(ctx, "gate_asks", "Done", done, "Failed", failed)
	}
	return ui.T(ctx, "gate_goes_on", "Done", done, "Failed", failed, "Time", "#", "Zone", ui.ZoneAt(ctx, *v.Gate.Until))
}

// gateClock is when a wait ends, for who listens.
func gateClock(ctx context.Context, g *batch.Gate) string {
	if g.Until == nil {
		return ""
	}
	return ui.ClockTime(ctx, *g.Until)
}

// goOnWord is what the button does that continues a batch.
func goOnWord(ctx context.Context, v batch.View) string {
	switch {
	case v.Gate == nil || v.Gate.Until != nil && v.Paused:
		return ui.T(ctx, "do_resume")
	case v.Gate.Until == nil:
		return ui.T(ctx, "do_go_on")
	default:
		return ui.T(ctx, "do_go_on_now")
	}
}

// mayGoOn reports whether there is something to continue: a pause, a wait
// between two portions, or an interruption.
func mayGoOn(v View) bool {
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

// interruptedNote says why an interrupted batch waits.
func interruptedNote(ctx context.Context, v batch.View) string {
	if v.Held == "" {
		return ui.T(ctx, "interrupted_note")
	}
	return ui.T(ctx, "interrupted_held_"+string(v.Held), "User", v.By)
}
