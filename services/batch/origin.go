package batch

import (
	"context"
	"encoding/json"
	"net/url"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// Retry makes a batch that does the same as an earlier one, on the nodes where
// that one did not get there; fields "node" of the form choose among them. The
// form holds the consents that it needs again, and the rollout.
//
// Errors: those of Submit; CodeConflict for a batch that has not ended or that
// left nothing to retry.
func (e *Engine) Retry(ctx context.Context, id string, form url.Values, key string) (View, error) {
	b, err := e.read(ctx, id)
	if err != nil {
		return View{}, err
	}
	return e.Submit(ctx, Request{Cluster: b.Cluster, Operation: b.Operation, RetryOf: id, Form: form, Nodes: form["node"], Reason: b.Reason, IdempotencyKey: key})
}

// Undo makes a batch that takes an earlier one back; fields "node" of the form
// choose among its nodes. With force=1 in the form that goes for nodes too which
// somebody else has changed since.
//
// Errors: those of Submit; CodeConflict for a batch that has not ended or that
// changed nothing.
func (e *Engine) Undo(ctx context.Context, id string, form url.Values, reason, key string) (View, error) {
	b, err := e.read(ctx, id)
	if err != nil {
		return View{}, err
	}
	asked := url.Values{}
	for name, values := range form {
		asked[name] = values
	}
	asked.Set("undo_of", id)
	return e.Submit(ctx, Request{Cluster: b.Cluster, Operation: operation.Undo, Form: asked, Nodes: form["node"], Reason: reason, IdempotencyKey: key})
}

// origin gives the batch that a request goes back to, and those of its nodes
// that the request may be about. Without one the batch is empty.
func (e *Engine) origin(ctx context.Context, q Request) (from Batch, nodes []string, err error) {
	id, field, wanted := q.RetryOf, "retry_of", retryable
	if id == "" && q.Operation == operation.Undo {
		id, field, wanted = q.Form.Get("undo_of"), "undo_of", undoable
	}
	if id == "" {
		return Batch{}, nil, nil
	}
	from, err = e.read(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound {
		return Batch{}, nil, services.Invalid(field, "error_batch_unknown")
	}
	if err != nil {
		return Batch{}, nil, err
	}
	if from.Cluster != q.Cluster || q.RetryOf != "" && from.Operation != q.Operation {
		return Batch{}, nil, services.Invalid(field, "error_origin_other")
	}
	if !from.State.Ended() {
		return Batch{}, nil, services.NewError(services.CodeConflict, "error_batch_open")
	}
	if q.RetryOf != "" {
		if err := e.undoneIsStored(ctx, from); err != nil {
			return Batch{}, nil, err
		}
	}
	items, err := e.store.Items(ctx, id)
	if err != nil {
		return Batch{}, nil, err
	}
	chosen := make(map[string]bool, len(q.Nodes))
	for _, name := range q.Nodes {
		chosen[name] = true
	}
	for _, it := range items {
		if wanted(it) && (len(chosen) == 0 || chosen[it.Node]) {
			nodes = append(nodes, it.Node)
		}
	}
	if len(nodes) == 0 {
		return Batch{}, nil, services.NewError(services.CodeConflict, "error_origin_nothing_"+field)
	}
	return from, nodes, nil
}

// undoneIsStored refuses to try an undo again when what its batch did is not
// stored any more.
func (e *Engine) undoneIsStored(ctx context.Context, b Batch) error {
	id := operation.UndoOf(b.Params) // the row forgets it with its batch
	if id == "" {
		return nil
	}
	_, err := e.read(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound {
		return services.Wrap(err, services.CodeConflict, "error_undo_gone")
	}
	return err
}

// retryable reports whether an item did not get there.
func retryable(it Item) bool {
	return it.State == store.ItemFailed || it.State == store.ItemSkipped || it.State == store.ItemCancelled
}

// undoable reports whether an item has changed its node, or may have.
func undoable(it Item) bool {
	return (it.State == store.ItemSucceeded || it.Unknown) && recordOf(it).Changed()
}

func recordOf(it Item) operation.Record {
	return operation.Record{UID: it.UID, Before: stateOf(it.Before), After: stateOf(it.After)}
}

// records gives what a batch did, by node, for the batch that takes it back.
func (e *Engine) records(ctx context.Context, params json.RawMessage) (map[string]operation.Record, error) {
	id := operation.UndoOf(params)
	if id == "" {
		return nil, nil
	}
	items, err := e.store.Items(ctx, id)
	if err != nil {
		return nil, err
	}
	records := make(map[string]operation.Record, len(items))
	for _, it := range items {
		if undoable(it) {
			records[it.Node] = recordOf(it)
		}
	}
	return records, nil
}
