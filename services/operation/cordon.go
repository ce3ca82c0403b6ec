package operation

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// cordon sets or lifts spec.unschedulable, and keeps the reason with the node.
type cordon struct {
	unschedulable bool
	meta          Meta
}

func cordonDefinition() Definition   { return schedulingDefinition("cordon", true) }
func uncordonDefinition() Definition { return schedulingDefinition("uncordon", false) }

func schedulingDefinition(name string, unschedulable bool) Definition {
	return Definition{
		Name:     name,
		Permit:   services.PermitChange,
		CacheLog: schedulingLog(name),
		Parse:    func(url.Values) (json.RawMessage, error) { return json.RawMessage("{}"), nil },
		New: func(_ json.RawMessage, m Meta) (Operation, error) {
			return cordon{unschedulable: unschedulable, meta: m}, nil
		},
	}
}

// schedulingLog gives the words of the log for cordon, uncordon and drain.
func schedulingLog(name string) func(sync bool) string {
	return func(sync bool) string {
		if sync {
			return name + " operation"
		}
		return name + " with progress"
	}
}

// Plan compares the node with what is asked. A cordoned node that is cordoned
// again keeps its reason and its since-when, unless a new reason is given.
func (c cordon) Plan(n *node.Node) Plan {
	p := Plan{
		Before: State{Unschedulable: &n.Unschedulable, Annotations: cordonAnnotations(n)},
		After:  State{Unschedulable: &c.unschedulable},
	}
	p.After.Annotations = c.annotations(n)
	p.Changes = n.Unschedulable != c.unschedulable || !sameAnnotations(p.Before.Annotations, p.After.Annotations)
	return p
}

// cordonAnnotations gives every annotation of ours and of the legacy, nil where
// it is absent.
func cordonAnnotations(n *node.Node) map[string]*string {
	all := map[string]*string{}
	for _, key := range node.CordonAnnotations() {
		if v, ok := n.Annotations[key]; ok {
			all[key] = &v
		} else {
			all[key] = nil
		}
	}
	return all
}

// annotations gives what the annotations of n should be. Those of the legacy
// go when they would speak of another cordon than ours.
func (c cordon) annotations(n *node.Node) map[string]*string {
	after := cordonAnnotations(n)
	if c.unschedulable && n.Unschedulable && (c.meta.Reason == "" || c.meta.Reason == n.Reason) {
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

func sameAnnotations(a, b map[string]*string) bool {
	return maps.EqualFunc(a, b, func(x, y *string) bool {
		return (x == nil) == (y == nil) && (x == nil || *x == *y)
	})
}

// Apply sends one merge patch with the node's UID and no read before it. Only
// a node that was not known, or that seems to be as asked already, is read
// first, and patched only when it is not.
func (c cordon) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	if t.UID == "" || !t.Plan.Changes {
		current, err := k.GetNode(ctx, t.Node)
		if err != nil {
			return Result{}, err
		}
		if t.UID != "" && t.UID != string(current.UID) {
			return Result{}, services.Errorf(services.CodeConflict, "error_node_replaced")
		}
		t.UID, t.Plan = string(current.UID), c.Plan(node.FromKube(current))
		if !t.Plan.Changes {
			return Result{UID: t.UID, Before: t.Plan.Before, After: t.Plan.Before}, nil
		}
	}
	return c.patch(ctx, k, t)
}

func (c cordon) patch(ctx context.Context, k Cluster, t Target) (Result, error) {
	stored, err := k.PatchNode(ctx, t.Node, kube.NodePatch{
		UID:           t.UID,
		Unschedulable: t.Plan.After.Unschedulable,
		// All of them, absent ones as null: the plan may be some seconds old, and
		// no reason of an earlier cordon may outlive it.
		Annotations: t.Plan.After.Annotations,
	})
	if err != nil {
		return Result{}, err
	}
	seen := node.FromKube(stored)
	if seen.Unschedulable != c.unschedulable {
		return Result{}, services.Errorf(services.CodeConflict, "error_node_resisted")
	}
	return Result{
		UID: t.UID, Before: t.Plan.Before, Changed: true,
		After: State{Unschedulable: &seen.Unschedulable, Annotations: cordonAnnotations(seen)},
	}, nil
}
