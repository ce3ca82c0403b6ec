package batch

import (
	"context"
	"net/url"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
)

// mayResume says why an actor may not resume a batch. It may hold what only an
// administrator was allowed to ask for, and one that was stopped half way is
// decided about anew.
func (e *Engine) mayResume(ctx context.Context, b Batch, actor services.Actor, form url.Values) error {
	definition, err := operation.Find(b.Operation)
	if err != nil {
		return err
	}
	op, err := e.operationOf(ctx, b, definition)
	if err != nil {
		return err
	}
	var nodes []string
	if b.UndoOf != "" { // what other operations touch does not depend on the node
		items, err := e.store.OpenItems(ctx, b.ID)
		if err != nil {
			return err
		}
		nodes = nodesOf(items)
	}
	return consent(actor, b, definition, op, nodes, form)
}

// consent says which consent of a stored batch is missing: those that Submit
// asked for, but for the number of pods that a taint evicts, which nothing but
// the plan knows.
func consent(actor services.Actor, b Batch, definition operation.Definition, op operation.Operation, nodes []string, form url.Values) error {
	if definition.Authorize != nil {
		if err := definition.Authorize(actor, b.Cluster, form, b.Params); err != nil {
			return err
		}
	}
	if n, ok := op.(operation.Namer); ok {
		return agreedKeys(actor, n.Named(nodes), b.Cluster, form)
	}
	return nil
}

// asks returns what has to be typed to resume a batch; nil for nothing. Only
// administrators may, then.
func asks(b Batch, definition operation.Definition, op operation.Operation, nodes []string) *services.Error {
	return typing(consent(services.Actor{Role: services.RoleAdmin}, b, definition, op, nodes, nil))
}

// asksNow is asks for a batch that nobody is at work on.
func (e *Engine) asksNow(ctx context.Context, b Batch) *services.Error {
	return typing(e.mayResume(ctx, b, services.Actor{Role: services.RoleAdmin}, nil))
}

// typing returns the error when typing something would lift it.
func typing(err error) *services.Error {
	if services.CodeOf(err) != services.CodeInvalid {
		return nil
	}
	return services.AsError(err)
}

func nodesOf(items []Item) []string {
	names := make([]string, len(items))
	for i, it := range items {
		names[i] = it.Node
	}
	return names
}
