package operation

import (
	"context"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// patcher is an operation whose plan becomes one patch.
type patcher interface {
	Plan(n *node.Node) Plan
	// patch returns the patch of a plan; who sends it adds the preconditions. n is
	// nil when it is sent without a read.
	patch(n *node.Node, p Plan) kube.NodePatch
}

// applyBlind sends the patch of the plan without a read before it. Only a node
// that was not known, that seems to be as requested already, or that another batch
// has changed since is read first, and patched only when it is not as requested.
func applyBlind(ctx context.Context, k Cluster, t Target, op patcher) (Result, error) {
	if t.UID != "" && t.Plan.Changes() && !t.Old {
		return send(ctx, k, t, op, nil)
	}
	current, err := read(ctx, k, t)
	if err != nil {
		return Result{}, err
	}
	if err := respectCordon(current, t.Plan, op); err != nil {
		return Result{}, err
	}
	t.UID, t.Plan = current.UID, op.Plan(current)
	if !t.Plan.Changes() {
		same := Result{UID: t.UID, Before: t.Plan.Before, After: t.Plan.Before, Maintenance: current.Maintenance()}
		return same, nil
	}
	return send(ctx, k, t, op, nil)
}

const (
	guardedTries = 5
	guardedFirst = 20 * time.Millisecond // the longest wait after the first try
	guardedMost  = 2 * time.Second
	// guardedFactor is that of client-go's DefaultBackoff for conflicts.
	guardedFactor = 5
)

// applyGuarded sends the patch of a plan that is only right for the node as it
// was seen, so the server refuses it when the node has changed since. Then the
// node is read and planned again.
func applyGuarded(ctx context.Context, k Cluster, t Target, op patcher) (Result, error) {
	wait := kube.NewBackoff(guardedFirst, guardedMost)
	wait.Factor = guardedFactor
	seen := t.Seen
	for tries := 1; ; tries++ {
		result, err := tryGuarded(ctx, k, t, op, seen)
		if services.CodeOf(err) != services.CodeConflict || !kube.FaultOf(err).Retry {
			return result, err
		}
		if tries == guardedTries {
			return Result{}, services.Wrap(err, services.CodeConflict, "error_node_contended", "Tries", tries)
		}
		seen = nil
		if kube.Sleep(ctx, wait.Step()) != nil {
			return Result{}, err
		}
	}
}

// tryGuarded plans the node as it was seen, or as it is when it was not seen,
// and sends the patch for just that version of it.
func tryGuarded(ctx context.Context, k Cluster, t Target, op patcher, seen *node.Node) (Result, error) {
	seen, plan, err := replan(ctx, k, t, op, seen)
	if err != nil {
		return Result{}, err
	}
	if len(plan.Blockers) > 0 {
		return Result{}, plan.Blockers[0]
	}
	changes := plan.Changes()
	plan.After.Recomputed = t.UID != "" && !samePlan(plan, t.Plan)
	if t.Again {
		plan.Before.Recall(t.Plan.Before, t.Plan.After)
	}
	t.UID = seen.UID
	if !changes {
		changed := !change.Same(plan.Before, plan.After) // an earlier try has done it
		done := Result{UID: t.UID, Before: plan.Before, After: plan.After, Changed: changed, Maintenance: seen.Maintenance()}
		return done, nil
	}
	t.Plan = plan
	return send(ctx, k, t, op, seen)
}

// replan plans the node as it was seen. That there is nothing to do is believed
// only of a node that was just read.
func replan(ctx context.Context, k Cluster, t Target, op patcher, seen *node.Node) (*node.Node, Plan, error) {
	if seen != nil {
		plan := op.Plan(seen)
		if plan.Changes() {
			return seen, plan, nil
		}
	}
	current, err := read(ctx, k, t)
	if err != nil {
		return nil, Plan{}, err
	}
	return current, op.Plan(current), nil
}

func samePlan(a, b Plan) bool {
	return change.Same(a.Before, b.Before) && change.Same(a.After, b.After)
}

// send patches the node and looks at what became of it. With seen, the server
// refuses the patch for any other version of the node than that one.
func send(ctx context.Context, k Cluster, t Target, op patcher, seen *node.Node) (Result, error) {
	patch := op.patch(seen, t.Plan)
	patch.UID = t.UID
	if seen != nil {
		patch.ResourceVersion = seen.ResourceVersion
	}
	stored, err := k.PatchNode(ctx, t.Node, patch)
	if err != nil {
		return Result{}, err
	}
	now := node.FromKube(stored)
	after := present(now, t.Plan.After)
	if !change.Reached(t.Plan.After, after) {
		return Result{}, services.NewError(services.CodeConflict, "error_node_resisted")
	}
	after.Recomputed = t.Plan.After.Recomputed
	result := Result{
		UID: t.UID, Before: t.Plan.Before, After: after, Changed: true, Maintenance: now.Maintenance(),
		Foreign: cordons(t.Plan) && node.CordonedByOthers(stored),
	}
	if !kube.Converged(stored) {
		result.Converges = stored.ResourceVersion
	}
	return result, nil
}

// cordons reports whether a plan cordons a node that was schedulable.
func cordons(p Plan) bool {
	before, after := p.Before.Unschedulable, p.After.Unschedulable
	return before != nil && !*before && after != nil && *after
}

// read returns the node as it is, if it is still the one that is meant.
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
