package batch

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
)

// task is what a batch does: its kind, its parameters and the operation itself.
type task struct {
	define operation.Definition
	params operation.Params
	op     operation.Operation
	rules  rule.Rules // of the cluster, as they were when the task was made
}

// taskOf returns what a stored batch does.
func (e *Engine) taskOf(ctx context.Context, b Batch) (task, error) {
	define, err := operation.Find(b.Operation)
	if err != nil {
		return task{}, err
	}
	params, err := define.Decode(b.Params)
	if err != nil {
		return task{}, err
	}
	rules, err := e.rules.Of(ctx, b.Cluster)
	if err != nil {
		return task{}, err
	}
	op, err := e.makeOperation(ctx, b, params, rules)
	return task{define, params, op, rules}, err
}

// makeOperation makes the operation of a batch.
func (e *Engine) makeOperation(
	ctx context.Context, b Batch, params operation.Params, rules rule.Rules,
) (operation.Operation, error) {
	records, err := e.records(ctx, operation.UndoOf(params))
	if err != nil {
		return nil, err
	}
	return params.Make(operation.Meta{
		Reason: b.Reason, By: b.By, At: b.CreatedAt, Protect: e.options.Protect, Records: records,
		Namespaces: rules.Workloads.Namespaces,
	}), nil
}

// consents returns what must be confirmed to resume a stored batch: what Submit asked
// for, except for the number of pods that a taint evicts, which only the plan knows.
func (t task) consents(cluster string, nodes []string) []*operation.Consent {
	return []*operation.Consent{
		t.params.Consent(cluster),
		operation.ProtectedConsent(t.op.Named(nodes), cluster),
	}
}

// check returns an error for a consent that an actor, who has typed this, does not
// give.
func (t task) check(actor services.Actor, typed, cluster string, nodes []string) error {
	for _, c := range t.consents(cluster, nodes) {
		if err := c.Check(actor, typed); err != nil {
			return err
		}
	}
	return nil
}

// asks returns what has to be typed to resume a batch; nil for nothing. Only
// administrators may, then.
func (t task) asks(cluster string, nodes []string) *services.Error {
	for _, c := range t.consents(cluster, nodes) {
		if c != nil {
			return c.Missing
		}
	}
	return nil
}

// mayResume returns why an actor may not resume a batch, nil when they may. The batch
// may do what only an administrator is allowed to ask for, so whoever resumes it has
// to give the consents again.
func (e *Engine) mayResume(ctx context.Context, b Batch, actor services.Actor, typed string) error {
	t, nodes, err := e.openTask(ctx, b)
	if err != nil {
		return err
	}
	return t.check(actor, typed, b.Cluster, nodes)
}

// asksNow is asks for a batch without a run. It returns nil for one that cannot be
// read; whoever resumes it learns why.
func (e *Engine) asksNow(ctx context.Context, b Batch) *services.Error {
	t, nodes, err := e.openTask(ctx, b)
	if err != nil {
		return nil
	}
	return t.asks(b.Cluster, nodes)
}

// openTask returns what a stored batch does, and the nodes that it is still to be
// done to, which only an undo depends on.
func (e *Engine) openTask(ctx context.Context, b Batch) (task, []string, error) {
	t, err := e.taskOf(ctx, b)
	if err != nil || b.UndoOf == "" {
		return t, nil, err
	}
	items, err := e.store.OpenItems(ctx, b.ID)
	return t, nodesOf(items), err
}

func nodesOf(items []Item) []string {
	names := make([]string, len(items))
	for i, it := range items {
		names[i] = it.Node
	}
	return names
}
