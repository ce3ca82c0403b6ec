package operation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// cordon sets or clears spec.unschedulable, and keeps the reason with the node.
type cordon struct {
	plain
	unschedulable bool
	meta          Meta
	drains        bool // the cordon of a drain leaves somebody else's as it is
}

func cordonDefinition() Definition   { return schedulingDefinition(Cordon, "c", true) }
func uncordonDefinition() Definition { return schedulingDefinition(Uncordon, "u", false) }

func schedulingDefinition(name, key string, unschedulable bool) Definition {
	return Define(Spec[struct{}]{
		Traits: Traits{Name: name, Key: key, Permit: services.PermitChange, CacheLog: schedulingLog(name)},
		Read:   func(*form.Reader) struct{} { return struct{}{} },
		Make: func(_ struct{}, m Meta) Operation {
			return cordon{unschedulable: unschedulable, meta: m}
		},
	})
}

// schedulingLog returns the words of the log for cordon, uncordon and drain.
func schedulingLog(name string) func(sync bool) string {
	return func(sync bool) string {
		if sync {
			return name + " operation"
		}
		return name + " with progress"
	}
}

// Plan compares the node with what is requested. A cordoned node that is cordoned
// again keeps its reason and its since-when, unless a new reason is given.
func (c cordon) Plan(n *node.Node) Plan {
	return Plan{
		Before: change.State{Unschedulable: &n.Unschedulable, Annotations: cordonAnnotations(n)},
		After:  change.State{Unschedulable: &c.unschedulable, Annotations: c.annotations(n)},
	}
}

// cordonAnnotations returns every annotation that explains a cordon, ours and the
// legacy ones; nil where it is absent.
func cordonAnnotations(n *node.Node) map[string]*string {
	all := map[string]*string{}
	for _, key := range node.CordonAnnotations() {
		all[key] = valueOf(n.Annotations, key)
	}
	return all
}

// annotations returns what the annotations of n should be. The legacy ones are
// removed when they would explain another cordon than ours.
func (c cordon) annotations(n *node.Node) map[string]*string {
	after := cordonAnnotations(n)
	if c.unschedulable && n.Unschedulable && (c.meta.Reason == "" || c.meta.Reason == n.Reason) {
		return after
	}
	if c.drains && n.Unschedulable && isForeign(n) {
		return after
	}
	for key := range after {
		after[key] = nil
	}
	if !c.unschedulable {
		return after
	}
	since := c.meta.At.UTC().Format(time.RFC3339)
	after[node.AnnotationSince], after[node.AnnotationBy] = &since, &c.meta.By
	if c.meta.Reason != "" {
		after[node.AnnotationReason] = &c.meta.Reason
	}
	return after
}

// isForeign reports whether somebody else has cordoned a node.
func isForeign(n *node.Node) bool {
	return slices.ContainsFunc(n.Actors, func(a node.Actor) bool { return a.Kind == node.ActorCordon })
}

// Apply sends one merge patch with the node's UID and no read before it. It names
// all annotations, absent ones as null: the plan may be some seconds old, and no
// reason of an earlier cordon may outlive it.
func (c cordon) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	result, err := applyBlind(ctx, k, t, c)
	if err != nil || !result.Foreign {
		return result, err
	}
	return c.yield(ctx, k, t, result)
}

// yield takes back our explanation of a cordon that somebody else was faster with: whoever
// uncordons the node has to know that it is theirs.
func (c cordon) yield(ctx context.Context, k Cluster, t Target, r Result) (Result, error) {
	stored, err := k.PatchNode(ctx, t.Node, kube.NodePatch{UID: r.UID, Annotations: r.Before.Annotations})
	if err != nil {
		return Result{}, err
	}
	cordoned := true
	r.Before.Unschedulable, r.Changed = &cordoned, false
	r.After = present(node.FromKube(stored), r.Before)
	return r, nil
}

func (c cordon) patch(n *node.Node, p Plan) kube.NodePatch { return patchOf(n, p) }

// MovesPods reports whether pods that found no node may start on these.
func (c cordon) MovesPods() bool { return !c.unschedulable }

// respectCordon returns an error for a node that is to be uncordoned, and which somebody
// else has cordoned since it was planned: nobody has agreed to lift that.
func respectCordon(now *node.Node, planned Plan, op patcher) error {
	i := slices.IndexFunc(now.Actors, func(a node.Actor) bool { return a.Kind == node.ActorCordon })
	after := op.Plan(now).After.Unschedulable
	if i < 0 || after == nil || *after || planned.Before.Unschedulable == nil {
		return nil
	}
	explained := false
	for _, value := range planned.Before.Annotations {
		explained = explained || value != nil
	}
	if *planned.Before.Unschedulable && !explained {
		return nil // it was so as it was planned, and somebody has agreed
	}
	who := cmp.Or(now.Actors[i].Mark, "?")
	return &SkipError{Reason: services.NewError(services.CodeConflict, "error_other_since", "Actor", who)}
}
