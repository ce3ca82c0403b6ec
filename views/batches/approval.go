package batches

import (
	"context"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// approvalWords says why a batch waits for a second person.
func approvalWords(ctx context.Context, v batch.View) string {
	if v.Approval != nil && v.Approval.Changed {
		return ui.T(ctx, "approval_changed")
	}
	return ui.T(ctx, "approval_waits")
}
