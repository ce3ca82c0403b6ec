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
	p.Changes = n.Unschedulable != c.unschedulable || !maps.EqualFunc(p.Before.Annotations, p.After.Annotations, same)
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

// Apply sends one merge patch with the node's UID and no read before it.
func (c cordon) Apply(ctx context.Context, k Cluster, t Target) (Result, error) {
	return applyBlind(ctx, k, t, c)
}

// patch names all annotations, absent ones as null: the plan may be some seconds
// old, and no reason of an earlier cordon may outlive it.
func (c cordon) patch(_ *node.Node, p Plan) kube.NodePatch {
	return kube.NodePatch{Unschedulable: p.After.Unschedulable, Annotations: p.After.Annotations}
}

// reached says how the node is scheduled now, and why.
func (c cordon) reached(n *node.Node, _ Plan) (State, bool) {
	return State{Unschedulable: &n.Unschedulable, Annotations: cordonAnnotations(n)}, n.Unschedulable == c.unschedulable
}
