package operation

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// present returns how the part of the node that like is about is now.
func present(n *node.Node, like change.State) change.State {
	now := change.State{Labels: valuesOf(n.Labels, like.Labels), Annotations: valuesOf(n.Annotations, like.Annotations)}
	if like.Unschedulable != nil {
		now.Unschedulable = &n.Unschedulable
	}
	if len(like.Taints) == 0 {
		return now
	}
	now.Taints = make(map[string]*node.Taint, len(like.Taints))
	for id := range like.Taints {
		now.Taints[id] = taintOf(n, id)
	}
	return now
}

// valuesOf returns the values of the keys that like has.
func valuesOf(values map[string]string, like map[string]*string) map[string]*string {
	if len(like) == 0 {
		return nil
	}
	now := make(map[string]*string, len(like))
	for key := range like {
		now[key] = valueOf(values, key)
	}
	return now
}

// valueOf returns the value of a key, nil where it is absent.
func valueOf(values map[string]string, key string) *string {
	value, ok := values[key]
	if !ok {
		return nil
	}
	return &value
}

// taintOf returns the node's taint of that identity, or nil.
func taintOf(n *node.Node, id string) *node.Taint {
	i := slices.IndexFunc(n.Taints, func(t node.Taint) bool { return t.ID() == id })
	if i < 0 {
		return nil
	}
	return &n.Taints[i]
}

// patchOf returns the patch that does what a plan says; n is needed where the plan
// is about taints.
func patchOf(n *node.Node, p Plan) kube.NodePatch {
	patch := kube.NodePatch{
		Unschedulable: p.After.Unschedulable, Labels: p.After.Labels, Annotations: p.After.Annotations,
	}
	if len(p.After.Taints) > 0 {
		patch.Taints = taintList(n, p.After.Taints)
	}
	return patch
}

// taintList returns the whole new list of taints: what the node has, in its order
// and untouched but for what is to change, and then what is new.
func taintList(n *node.Node, after map[string]*node.Taint) *[]corev1.Taint {
	list := make([]corev1.Taint, 0, len(n.Taints)+len(after))
	has := make(map[string]bool, len(n.Taints))
	for _, old := range n.Taints {
		has[old.ID()] = true
		wanted, touched := after[old.ID()]
		switch {
		case !touched:
			list = append(list, toKube(old))
		case wanted != nil:
			list = append(list, toKube(*wanted))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		wanted := after[id]
		if wanted != nil && !has[id] {
			list = append(list, toKube(*wanted))
		}
	}
	return &list
}

func toKube(t node.Taint) corev1.Taint {
	out := corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)}
	if t.TimeAdded != nil {
		at := metav1.NewTime(*t.TimeAdded)
		out.TimeAdded = &at
	}
	return out
}
