package batches

import (
	"context"
	"slices"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// retryable returns on how many nodes an ended batch did not succeed. The deletion
// of a pod cannot be retried.
func retryable(v batch.View) int {
	if !v.State.Ended() || operation.TraitsOf(v.Operation).Final {
		return 0
	}
	return v.Counts.Failed + v.Counts.Skipped + v.Counts.Cancelled
}

// undoable reports whether an ended batch has changed a node, or may have: then the
// cache was cleared. The deletion of a pod cannot be undone.
func undoable(v batch.View) bool {
	return v.State.Ended() && v.ClearedAt != nil && !operation.TraitsOf(v.Operation).Final
}

// undoWord returns the text of the button that undoes a batch. Undoing a drain only
// uncordons its nodes.
func undoWord(ctx context.Context, v batch.View) string {
	if operation.TraitsOf(v.Operation).Drains {
		return ui.T(ctx, "do_undo_drain")
	}
	return ui.T(ctx, "do_undo")
}

// rolloutLines describes the rollout of a batch, one property on each line. A batch
// without one has no lines.
func rolloutLines(ctx context.Context, r batch.Rollout) []string {
	lines := []string{canaryLine(ctx, r)}
	if r.Order != "" {
		lines = append(lines, ui.T(ctx, "rollout_says_"+r.Order))
	}
	lines = append(lines, countLine(ctx, "rollout_says_wave_size", r.WaveSize))
	if r.WavePause > 0 {
		lines = append(lines, ui.T(ctx, "rollout_says_pause", "Span", ui.SecondsField(r.WavePause)))
	}
	lines = append(lines,
		countLine(ctx, "rollout_says_parallel", r.Parallel), countLine(ctx, "rollout_says_failures", r.MaxFailures))
	if r.MaxFailedPercent > 0 {
		lines = append(lines, ui.T(ctx, "rollout_says_percent", "Percent", strconv.Itoa(r.MaxFailedPercent)))
	}
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

func canaryLine(ctx context.Context, r batch.Rollout) string {
	if r.Canary > 0 && r.CanaryWait > 0 {
		return ui.N(ctx, "rollout_says_canary_wait", r.Canary, "Span", ui.SecondsField(r.CanaryWait))
	}
	return countLine(ctx, "rollout_says_canary", r.Canary)
}

// countLine returns the message of a count, "" for none.
func countLine(ctx context.Context, id string, n int) string {
	if n <= 0 {
		return ""
	}
	return ui.N(ctx, id, n)
}

// gateWords says what a batch waits for between two waves; "#" stands for the time
// when it continues.
func gateWords(ctx context.Context, v batch.View) string {
	if v.Gate.Health != nil {
		return healthWords(ctx, v)
	}
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

// gateClock returns when a wait ends, for screen readers.
func gateClock(ctx context.Context, g *batch.Gate) string {
	if g.Until == nil {
		return ""
	}
	return ui.ClockTime(ctx, *g.Until)
}

// goOnWord returns the text of the button that continues a batch.
func goOnWord(ctx context.Context, v batch.View) string {
	switch {
	case refusedAgain(v):
		return ui.T(ctx, "do_check_again")
	case v.Schedule != nil && v.StartedAt == nil:
		return ui.T(ctx, "do_start_now")
	case waits(v) || v.Closed != nil && !v.Paused:
		return ui.T(ctx, "do_go_on_now")
	case v.Gate == nil || v.Gate.Until != nil && v.Paused:
		return ui.T(ctx, "do_resume")
	case v.Gate.Health != nil && v.Paused && !v.Gate.Health.Failed:
		return ui.T(ctx, "do_resume")
	case v.Gate.Until == nil && (v.Gate.Health == nil || v.Gate.Health.Failed):
		return ui.T(ctx, "do_go_on")
	default:
		return ui.T(ctx, "do_go_on_now")
	}
}

// mayGoOn reports whether the user can continue the batch.
func mayGoOn(v View) bool {
	return Stopped(v.View) && v.MayControl && (v.Asks == nil || v.MayForce)
}

// Stopped reports whether a batch waits for something that a person need not wait for.
func Stopped(v batch.View) bool {
	return paused(v) || v.Gate != nil || v.Closed != nil || waits(v) || v.State == store.StateInterrupted
}

// turning reports whether all that a batch does is wait for other batches.
func turning(v batch.View) bool {
	return v.State == store.StateRunning && len(v.WaitsFor)+len(v.Leases) > 0 && len(v.Running) == 0
}

// roomWords says for which limit a batch waits.
func roomWords(ctx context.Context, r batch.Room) string {
	return ui.T(ctx, "full_"+ui.OperationID(r.Kind), "Name", r.Name, "Now", ui.Number(r.Now), "Max", ui.Number(r.Max))
}

// hasPace reports whether a batch is making progress, so that its pace is known.
func hasPace(v batch.View) bool {
	return v.Gate == nil && v.Closed == nil && v.Full == nil && !stalled(v) && !paused(v) && !turning(v)
}

// stalled reports whether nothing goes on until the database or the API server works again.
func stalled(v batch.View) bool { return v.Unstored != nil || v.Outage != nil }

// panelMark returns a value that changes whenever screen readers should be told.
func panelMark(v batch.View) string {
	mark := strconv.Itoa(milestone(v))
	if v.Gate != nil {
		mark += "+" + strconv.Itoa(batch.Done(v.Counts))
		if v.Gate.Health != nil {
			mark += healthMark(v.Gate.Health)
		}
	}
	return mark
}

// interruptedNote says why a batch is interrupted.
func interruptedNote(ctx context.Context, v batch.View) string {
	if v.Held == "" {
		return ui.T(ctx, "interrupted_note")
	}
	return heldNote(ctx, v)
}

// full reports whether all that a batch does is wait for room.
func full(v batch.View) bool { return v.Full != nil && len(v.Running) == 0 }
