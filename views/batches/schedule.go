package batches

import (
	"context"
	"strings"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// waitsUntil says for which time a batch waits, "" for none. at is nil if nobody knows.
func waitsUntil(ctx context.Context, v batch.View) (at *time.Time, word string) {
	switch {
	case v.State == store.StateScheduled && v.StartedAt == nil:
		return &v.Schedule.At, ui.T(ctx, "schedule_begins")
	case v.State == store.StateScheduled:
		return &v.Schedule.At, ui.T(ctx, "schedule_goes_on")
	case v.Closed == nil || v.State.Ended():
		return nil, ""
	case v.Closed.Until == nil:
		return nil, ui.T(ctx, "schedule_no_window")
	default:
		return v.Closed.Until, ui.T(ctx, "schedule_goes_on")
	}
}

// heldNote says why a batch that was to begin waits for a person.
func heldNote(ctx context.Context, v batch.View) string {
	text := ui.T(ctx, "interrupted_held_"+string(v.Held), "User", v.By)
	if refusedAgain(v) {
		return strings.Join([]string{
			ui.T(ctx, "interrupted_held_refused"), ui.Text(ctx, *v.Schedule.Why), refusedAdvice(ctx, v.Schedule.Why.ID),
		}, " ")
	}
	if v.Schedule == nil || v.Schedule.Why == nil {
		return text
	}
	why := ui.Text(ctx, *v.Schedule.Why)
	if v.Schedule.Node != "" {
		why = ui.T(ctx, "held_on_node", "Node", v.Schedule.Node, "Why", why)
	}
	return strings.TrimSpace(text + " " + why)
}

// waits reports whether a batch waits for its time.
func waits(v batch.View) bool { return v.State == store.StateScheduled }

// refusedOption returns the name of the option of a drain that an error is about, if nobody
// can choose it on the page of the batch.
func refusedOption(why string) string {
	switch why {
	case "error_force", "error_delete_emptydir", "error_restart_first":
		return "opt_" + strings.TrimPrefix(why, "error_")
	default:
		return ""
	}
}

// refusedAgain reports whether a batch that is held cannot start as it is, whoever wants it.
func refusedAgain(v batch.View) bool {
	return v.Held == store.HoldPlan && v.Schedule != nil && v.Schedule.Why != nil &&
		refusedOption(v.Schedule.Why.ID) != ""
}

// refusedAdvice says what to do about a refusal.
func refusedAdvice(ctx context.Context, why string) string {
	id := "held_refused_with"
	if why == "error_restart_first" {
		id = "held_refused_without"
	}
	return ui.T(ctx, id, "Option", ui.T(ctx, refusedOption(why)))
}

// goOnClass returns the class of the button that continues a batch.
func goOnClass(v batch.View) string {
	if refusedAgain(v) {
		return "btn small"
	}
	return "btn primary small"
}
