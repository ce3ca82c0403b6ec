package handlers

import (
	"context"

	"kube-node-manager/services/batch"
	"kube-node-manager/views/ui"
)

// batchJSON is a batch of the HTTP contract.
type batchJSON struct {
	batch.View
	RetryOf *string    `json:"retryOf"`
	UndoOf  *string    `json:"undoOf"`
	Group   string     `json:"group,omitempty"` // of the batches that were started together in several clusters
	Items   []itemJSON `json:"items,omitempty"`
	// Unstored says why the results of a running batch cannot be stored now.
	Unstored string `json:"unstored,omitempty"`
	// Outage says that a running batch waits for the API server.
	Outage *outageJSON `json:"outage,omitempty"`
	// Schedule is of a batch that waits or has waited for its time, or is bound to windows.
	Schedule *scheduleJSON `json:"schedule,omitempty"`
	// Approval is of a batch that needs a second person.
	Approval *approvalJSON `json:"approval,omitempty"`
	batch.Successors
}

// outageJSON is an API server that does not answer; Error is a sentence.
type outageJSON struct {
	batch.Outage
	Error string `json:"error"`
}

func newOutageJSON(ctx context.Context, o *batch.Outage) *outageJSON {
	if o == nil {
		return nil
	}
	return &outageJSON{Outage: *o, Error: ui.ErrorText(ctx, o.Why)}
}

// itemJSON is one node of a batch; Error is a sentence, "" without one.
type itemJSON struct {
	batch.Item
	Error string `json:"error"`
}

func newBatchJSON(ctx context.Context, v batch.View, items []batch.Item) batchJSON {
	b := newListedBatchJSON(ctx, v)
	b.Items = make([]itemJSON, len(items))
	for i, it := range items {
		b.Items[i].Item = it
		if it.Error != nil {
			b.Items[i].Error = ui.Text(ctx, *it.Error)
		}
	}
	return b
}

// newListedBatchJSON returns a batch without its nodes.
func newListedBatchJSON(ctx context.Context, v batch.View) batchJSON {
	unstored := ""
	if v.Unstored != nil {
		unstored = ui.ErrorText(ctx, v.Unstored)
	}
	return batchJSON{
		View: v, Unstored: unstored, RetryOf: orNull(v.RetryOf), UndoOf: orNull(v.UndoOf), Group: batch.GroupOf(v.ID),
		Outage: newOutageJSON(ctx, v.Outage), Schedule: newScheduleJSON(ctx, v.Batch), Approval: newApprovalJSON(v.Batch),
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
