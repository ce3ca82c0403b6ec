package batches

import (
	"context"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// title returns a batch in one line: "Cordon · 240 nodes".
func title(ctx context.Context, b batch.Batch) string {
	return ui.BatchTitle(ctx, b.Operation, b.Total)
}

func stateWord(ctx context.Context, s store.State) string { return ui.T(ctx, "state_"+string(s)) }

func stateKind(s store.State) string {
	switch s {
	case store.StateRunning:
		return "run"
	case store.StateScheduled:
		return "pause"
	case store.StateProposed:
		return "ask"
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
	return ui.T(ctx, cancelledID(b, "item_"+string(s)))
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

// itemError says why an item failed or was skipped, and whether its outcome is
// unknown.
func itemError(ctx context.Context, it batch.Item) string {
	text := errorText(ctx, it)
	if !it.Unknown || ofDrain(it) {
		return text
	}
	return strings.TrimSpace(text + " " + ui.T(ctx, "outcome_unknown"))
}

// cancelledID returns the message for something that was cancelled. A drain has other
// words than "not started", because it cordons all its nodes first.
func cancelledID(b batch.Batch, id string) string {
	if operation.TraitsOf(b.Operation).Drains && strings.HasSuffix(id, "_cancelled") {
		return "draining_" + id
	}
	return id
}

// ofDrain reports whether a drain has ended the item itself and recorded its outcome,
// which is not unknown then.
func ofDrain(it batch.Item) bool {
	if it.Error == nil {
		evicted, stayed := itemPodCounts(it)
		return evicted+stayed > 0
	}
	return strings.HasPrefix(it.Error.ID, "error_drain_") || strings.HasPrefix(it.Error.ID, "drain_")
}
