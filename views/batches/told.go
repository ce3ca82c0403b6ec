package batches

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// ToldKey identifies what is to be told to the person who has started a batch: that it has
// ended, or waits for a person. It is "" if there is nothing.
func ToldKey(v batch.View) string {
	why := ""
	switch {
	case v.State.Ended(), v.State == store.StateInterrupted:
		why = string(v.State)
	case v.State == store.StateProposed && v.Approval != nil && v.Approval.Changed:
		why = string(v.State)
	case v.State == store.StateRunning && asksAtGate(v):
		why = "gate"
	default:
		return ""
	}
	return fmt.Sprintf("%s %s %d", v.ID, why, batch.Done(v.Counts))
}

// asksAtGate reports whether a batch has paused between two waves, and asks whether to
// continue.
func asksAtGate(v batch.View) bool {
	if v.Gate == nil || !v.Paused {
		return false
	}
	return v.Gate.Health == nil && v.Gate.Until == nil || v.Gate.Health != nil && v.Gate.Health.Failed
}

// toldText says what is to be told.
func toldText(ctx context.Context, v batch.View) string {
	switch {
	case v.State.Ended():
		return verdict(ctx, v)
	case v.State == store.StateInterrupted:
		return interruptedNote(ctx, v)
	case v.State == store.StateProposed:
		return approvalWords(ctx, v)
	default:
		return strings.ReplaceAll(gateWords(ctx, v), "#", gateClock(ctx, v.Gate))
	}
}

// toldTag is the same for the batches that were started together: what is told of one takes
// the place of what was told of another.
func toldTag(v batch.View) string { return cmp.Or(batch.GroupOf(v.ID), v.ID) }

// toldTitle names a batch with its cluster.
func toldTitle(ctx context.Context, v batch.View) string {
	return ui.Parts(title(ctx, v.Batch), v.Cluster)
}
