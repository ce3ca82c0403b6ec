package batch

import (
	"context"
	"errors"

	"kube-node-manager/services/store"
	"kube-node-manager/services/trace"
)

// beginTrace begins the span of a run. It is below that of the request which has started
// or resumed the batch, and a trace of its own if there is none, as after a restart.
func (r *run) beginTrace(ctx context.Context) {
	_, r.span = trace.Begin(ctx, "batch "+r.batch.Operation, trace.Batch, r.batch.ID, trace.Cluster, r.batch.Cluster,
		trace.Operation, r.batch.Operation, trace.Nodes, r.batch.Total)
}

func (r *run) endTrace() {
	state := r.present().State
	r.span.Set(trace.State, string(state))
	r.span.End(nil)
}

// traceItem begins the span of an item.
func (r *run) traceItem(it Item) trace.Span {
	_, span := trace.Below(r.span.In(r.pace.calls), "node", trace.Batch, r.batch.ID, trace.Cluster, r.batch.Cluster,
		trace.Operation, r.batch.Operation, trace.Node, it.Node)
	return span
}

// errItem is what the span of a failed item says; the reason is in the record of the batch.
var errItem = errors.New("the item has failed")

// endItemTrace ends the span of an item that has ended, or that is left to be resumed.
func endItemTrace(span trace.Span, it Item) {
	span.Set(trace.State, string(it.State))
	if it.State == store.ItemFailed {
		span.End(errItem)
		return
	}
	span.End(nil)
}
