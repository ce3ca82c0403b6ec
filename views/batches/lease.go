package batches

import (
	"cmp"
	"context"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// leaseWords says who has the lease of a node, and until when.
func leaseWords(ctx context.Context, l batch.LeaseWait) string {
	return ui.T(ctx, "lease_held", "Node", l.Node, "Holder", cmp.Or(l.Holder, "?"), "Until", ui.ClockTime(ctx, l.Until))
}
