package nodes

import (
	"cmp"
	"context"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// workTitle says what a batch does with a node, or whose lease it waits for.
func workTitle(ctx context.Context, w *batch.Work) string {
	name := ui.OperationName(ctx, w.Operation)
	if w.Lease == nil {
		return ui.T(ctx, "row_work_title", "Operation", name)
	}
	return ui.T(ctx, "row_work_waits_title",
		"Operation", name, "Holder", holderOf(w.Lease), "Until", ui.ClockTime(ctx, w.Lease.Until))
}

// holderOf returns who has the lease that a batch waits for.
func holderOf(l *batch.LeaseWait) string { return cmp.Or(l.Holder, "?") }
