package batch

import (
	"context"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// Preview is what a request would do.
type Preview struct {
	Nodes []NodePlan
	Drain *drain.Plan // of a drain
}

// NodePlan is what a batch would do to one node.
type NodePlan struct {
	Node string
	operation.Plan
}

// Preview says what a request would change, node by node. It writes nothing,
// and does not ask for the confirmations that the deed needs.
//
// Errors: those of Submit.
func (e *Engine) Preview(ctx context.Context, q Request) (Preview, error) {
	q.preview = true
	b, definition, names, err := e.check(ctx, q)
	if err != nil {
		return Preview{}, err
	}
	op, err := definition.New(b.Params, metaOf(b))
	if err != nil {
		return Preview{}, err
	}
	client, err := e.clusters.Client(b.Cluster)
	if err != nil {
		return Preview{}, err
	}
	inventory, err := e.nodes.All(ctx, b.Cluster, false)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Nodes: make([]NodePlan, len(names))}
	for i, name := range names {
		p.Nodes[i] = planFor(op, name, inventory.Find(name))
	}
	p.Drain, err = e.survey(ctx, op, client, inventory, names, false)
	return p, err
}

func planFor(op operation.Operation, name string, n *node.Node) NodePlan {
	if n == nil {
		return NodePlan{Node: name, Plan: operation.Plan{Blockers: []*services.Error{services.Errorf(services.CodeNotFound, "error_node_gone")}}}
	}
	return NodePlan{Node: name, Plan: op.Plan(n)}
}

// survey makes the plan of the batch as a whole, for an operation that has one.
// With agreed, a plan that still asks for a consent is an error.
func (e *Engine) survey(ctx context.Context, op operation.Operation, client *kube.Client, inventory node.Inventory, names []string, agreed bool) (*drain.Plan, error) {
	c, ok := op.(operation.Conductor)
	if !ok {
		return nil, nil
	}
	var nodes []*node.Node
	var missing []string
	for _, name := range names {
		if n := inventory.Find(name); n != nil {
			nodes = append(nodes, n)
		} else {
			missing = append(missing, name)
		}
	}
	plan, err := c.Survey(ctx, client, nodes, missing)
	if err != nil {
		return nil, err
	}
	if agreed {
		if err := plan.Refusal(); err != nil {
			return nil, err
		}
	}
	return &plan, nil
}
