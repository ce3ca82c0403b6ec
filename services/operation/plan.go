package operation

import (
	"maps"

	"kube-node-manager/services/node"
)

// same compares two values of which each may be absent.
func same[T comparable](a, b *T) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// sameTaint compares two taints of one identity by what a person sets: since
// when they are there does not matter.
func sameTaint(a, b *node.Taint) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Value == b.Value)
}

// sameAs reports whether two plans would do the same to the labels and taints
// of a node.
func (p Plan) sameAs(other Plan) bool {
	return maps.EqualFunc(p.Before.Labels, other.Before.Labels, same) &&
		maps.EqualFunc(p.After.Labels, other.After.Labels, same) &&
		maps.EqualFunc(p.Before.Taints, other.Before.Taints, sameTaint) &&
		maps.EqualFunc(p.After.Taints, other.After.Taints, sameTaint)
}

// moved reports whether labels or taints are another after than before.
func (p Plan) moved() bool {
	return !maps.EqualFunc(p.Before.Labels, p.After.Labels, same) || !maps.EqualFunc(p.Before.Taints, p.After.Taints, sameTaint)
}

// recall corrects what was before for a try that may have taken effect already:
// where the node is as that try wanted it, the earlier plan knows what was there
// before.
func (p *Plan) recall(earlier Plan) {
	recallIn(p.Before.Labels, earlier.Before.Labels, earlier.After.Labels, same)
	recallIn(p.Before.Taints, earlier.Before.Taints, earlier.After.Taints, sameTaint)
}

func recallIn[T any](now, before, after map[string]*T, same func(a, b *T) bool) {
	for key, value := range now {
		if was, planned := before[key]; planned && same(value, after[key]) {
			now[key] = was
		}
	}
}
