package operation

import (
	"context"
	"math/rand/v2"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// change is an operation whose plan becomes one patch.
type change interface {
	Plan(n *node.Node) Plan
	// patch makes the patch of a plan; who sends it adds the preconditions. n is
	// nil when it is sent without a read.
	patch(n *node.Node, p Plan) kube.NodePatch
	// reached says how the touched part of the node is after the patch, and
	// whether that is what the plan asked for.
	reached(n *node.Node, p Plan) (State, bool)
}

// applyBlind sends the patch of the plan without a read before it. Only a node
// that was not known, that seems to be as asked already, or that another batch
// has changed since is read first, and patched only when it is not as asked.
func applyBlind(ctx context.Context, k Cluster, t Target, c change) (Result, error) {
	if t.UID != "" && t.Plan.Changes && !t.Old {
		return send(ctx, k, t, c, nil)
	}
	current, err := read(ctx, k, t)
	if err != nil {
		return Result{}, err
	}
	t.UID, t.Plan = current.UID, c.Plan(current)
	if !t.Plan.Changes {
		return Result{UID: t.UID, Before: t.Plan.Before, After: t.Plan.Before}, nil
	}
	return send(ctx, k, t, c, nil)
}

const (
	guardedTries = 5
	guardedWait  = 10 * time.Millisecond // after the first try; it grows fivefold, as client-go's DefaultBackoff does
)

// applyGuarded sends the patch of a plan that is only right for the node as it
// was seen, so the server refuses it when the node has changed since. Then the
// node is read and planned again.
func applyGuarded(ctx context.Context, k Cluster, t Target, c change) (Result, error) {
	seen := t.Seen
	for tries, wait := 1, guardedWait; ; tries, wait = tries+1, wait*5 {
		result, err := tryGuarded(ctx, k, t, c, seen)
		if services.CodeOf(err) != services.CodeConflict || !kube.FaultOf(err).Retry {
			return result, err
		}
		if tries == guardedTries {
			return Result{}, services.Wrap(err, services.CodeConflict, "error_node_contended", "Tries", tries)
		}
		seen = nil
		select {
		case <-ctx.Done():
			return Result{}, err
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// tryGuarded plans the node as it was seen, or as it is when it was not seen,
// and sends the patch for just that version of it.
func tryGuarded(ctx context.Context, k Cluster, t Target, c change, seen *node.Node) (Result, error) {
	plan := Plan{}
	if seen != nil {
		plan = c.Plan(seen)
	}
	if seen == nil || !plan.Changes { // nothing to do is believed only of a node that was just read
		current, err := read(ctx, k, t)
		if err != nil {
			return Result{}, err
		}
		seen, plan = current, c.Plan(current)
	}
	if len(plan.Blockers) > 0 {
		return Result{}, plan.Blockers[0]
	}
	plan.After.Recomputed = t.UID != "" && !plan.sameAs(t.Plan)
	if t.Again {
		plan.recall(t.Plan)
	}
	if t.UID = seen.UID; !plan.Changes {
		return Result{UID: t.UID, Before: plan.Before, After: plan.After, Changed: plan.moved()}, nil
	}
	t.Plan = plan
	return send(ctx, k, t, c, seen)
}

// send patches the node and looks at what became of it. With seen, the server
// refuses the patch for any other version of the node than that one.
func send(ctx context.Context, k Cluster, t Target, c change, seen *node.Node) (Result, error) {
	patch := c.patch(seen, t.Plan)
	patch.UID = t.UID
	if seen != nil {
		patch.ResourceVersion = seen.ResourceVersion
	}
	stored, err := k.PatchNode(ctx, t.Node, patch)
	if err != nil {
		return Result{}, err
	}
	after, ok := c.reached(node.FromKube(stored), t.Plan)
	if !ok {
		return Result{}, services.NewError(services.CodeConflict, "error_node_resisted")
	}
	after.Recomputed = t.Plan.After.Recomputed
	result := Result{UID: t.UID, Before: t.Plan.Before, After: after, Changed: true}
	if !kube.Converged(stored) {
		result.Converges = stored.ResourceVersion
	}
	return result, nil
}

// read gives the node as it is, if it is still the one that is meant.
func read(ctx context.Context, k Cluster, t Target) (*node.Node, error) {
	current, err := k.GetNode(ctx, t.Node)
	if err != nil {
		return nil, err
	}
	if t.UID != "" && t.UID != string(current.UID) {
		return nil, services.NewError(services.CodeConflict, "error_node_replaced")
	}
	return node.FromKube(current), nil
}
