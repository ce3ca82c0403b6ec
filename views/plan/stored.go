package plan

import (
	"context"
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// Stored is the batch whose plan is shown, before it begins.
type Stored struct {
	Batch      batch.Batch   // or a group, with its id and what its batches have in common
	Members    []batch.Batch // of a group
	Now        time.Time
	Asks       bool // it waits for an approval
	MayApprove bool // by the user, who has not made it
}

// back returns the page of the batch, or of the group.
func (s Stored) back() string {
	if len(s.Members) > 0 {
		return batches.GroupURL(s.Batch.ID)
	}
	return ui.BatchURL(s.Batch.ID)
}

// approveWord returns the text of the button that approves the plan of a batch, or all of a
// group.
func approveWord(ctx context.Context, s Stored) string {
	if len(s.Members) == 0 {
		return ui.T(ctx, "do_approve")
	}
	return ui.N(ctx, "do_approve_all", len(s.Members))
}
