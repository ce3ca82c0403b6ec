package batch

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// Retry makes a batch that does the same as an earlier one, on the nodes where
// that one did not succeed; the request's nodes choose among them. It holds the
// consents again. Fields that it does not have keep what the first batch had.
//
// Errors: those of Submit; CodeConflict for a batch that has not ended or that
// left nothing to retry.
func (e *Engine) Retry(ctx context.Context, id string, q Request) (View, error) {
	b, err := e.read(ctx, id)
	if err != nil {
		return View{}, err
	}
	q.Cluster, q.Operation, q.RetryOf, q.Reason = b.Cluster, b.Operation, id, b.Reason
	return e.Submit(ctx, q)
}

// Undo makes a batch that undoes an earlier one; the request's nodes choose among its
// nodes. With the field force it also undoes nodes that somebody else has changed
// since.
//
// Errors: those of Submit; CodeConflict for a batch that has not ended or that
// changed nothing.
func (e *Engine) Undo(ctx context.Context, id string, q Request) (View, error) {
	b, err := e.read(ctx, id)
	if err != nil {
		return View{}, err
	}
	q.Cluster, q.Operation, q.RetryOf = b.Cluster, operation.Undo, ""
	q.Fields = q.Fields.With("undo_of", id)
	return e.Submit(ctx, q)
}

// origin is the batch that a request retries or undoes, the field that names it, and
// which of its items the request may be about.
type origin struct {
	id, field string
	wanted    func(Item) bool
}

// origin reads the batch that a request retries or undoes, and those of its nodes
// that the request is about.
func (e *Engine) origin(ctx context.Context, q Request, o origin) (Batch, []string, error) {
	from, err := e.read(ctx, o.id)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return Batch{}, nil, services.Invalid(o.field, "error_batch_unknown")
	case err != nil:
		return Batch{}, nil, err
	case from.Cluster != q.Cluster, q.RetryOf != "" && from.Operation != q.Operation:
		return Batch{}, nil, services.Invalid(o.field, "error_origin_other")
	case !from.State.Ended():
		return Batch{}, nil, services.NewError(services.CodeConflict, "error_batch_open")
	}
	items, err := e.store.Items(ctx, o.id)
	if err != nil {
		return Batch{}, nil, err
	}
	nodes := o.nodes(items, q.Nodes)
	if len(nodes) == 0 {
		return Batch{}, nil, services.NewError(services.CodeConflict, "error_origin_nothing_"+o.field)
	}
	return from, nodes, nil
}

// nodes returns the nodes of the wanted items, only the chosen ones if any are
// chosen.
func (o origin) nodes(items []Item, chosen []string) []string {
	among := make(map[string]bool, len(chosen))
	for _, name := range chosen {
		among[name] = true
	}
	var nodes []string
	for _, it := range items {
		if o.wanted(it) && (len(among) == 0 || among[it.Node]) {
			nodes = append(nodes, it.Node)
		}
	}
	return nodes
}

// undoneIsStored refuses to try an undo again when what its batch did is no longer
// stored.
func (e *Engine) undoneIsStored(ctx context.Context, p operation.Params) error {
	id := operation.UndoOf(p) // the row forgets it with its batch
	if id == "" {
		return nil
	}
	_, err := e.read(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound {
		return services.Wrap(err, services.CodeConflict, "error_undo_gone")
	}
	return err
}

// retryable reports whether an item did not succeed.
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

// stateOf returns a state that may not be known; the zero State then.
func stateOf(s *change.State) change.State {
	if s == nil {
		return change.State{}
	}
	return *s
}

// records returns what a batch did, by node, for the batch that undoes it; nil for
// the id "".
func (e *Engine) records(ctx context.Context, id string) (map[string]operation.Record, error) {
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
