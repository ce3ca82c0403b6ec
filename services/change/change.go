// Package change is the currency of this program: what of a node an operation
// touches, as it was before and as it is after. Plans, batches, the history, the
// undo, reports and pages all speak of changes in these types.
package change

import (
	"maps"
	"time"
)

// State is the part of a node that an operation touches. A nil value in a map
// means that the key is absent. What an operation does not touch is not in it.
type State struct {
	// Unschedulable is spec.unschedulable; nil when the operation leaves it alone.
	// The annotations beside it then explain the cordon: who, when and why.
	Unschedulable *bool              `json:"unschedulable,omitempty"`
	Annotations   map[string]*string `json:"annotations,omitempty"`
	Labels        map[string]*string `json:"labels,omitempty"`
	// Taints are by their identity; see Taint.ID.
	Taints map[string]*Taint `json:"taints,omitempty"`
	Notes
}

// Notes are what is recorded beside the parts of the node.
type Notes struct {
	// Recomputed says that the node had changed since it was planned, so the change
	// was computed again.
	Recomputed  bool `json:"recomputed,omitempty"`
	EvictedPods int  `json:"evictedPods,omitempty"`
	SkippedPods int  `json:"skippedPods,omitempty"`
	// Restarted are the Deployments that were restarted so that pods left: "namespace/name".
	Restarted []string `json:"restarted,omitempty"`
	Pod       string   `json:"pod,omitempty"` // "namespace/name" of the one pod that it is about
}

// Taint is one taint of a node; its identity is key and effect.
type Taint struct {
	Key       string     `json:"key"`
	Value     string     `json:"value,omitempty"`
	Effect    string     `json:"effect"`
	TimeAdded *time.Time `json:"timeAdded,omitempty"`
}

// ID returns what tells the taint from the node's others: "key:Effect".
func (t Taint) ID() string { return t.Key + ":" + t.Effect }

// String returns kubectl's form: key=value:Effect, or key:Effect without a value.
func (t Taint) String() string {
	if t.Value == "" {
		return t.Key + ":" + t.Effect
	}
	return t.Key + "=" + t.Value + ":" + t.Effect
}

// Same reports whether two states say the same of a node. Since when a taint is
// there does not matter, and neither do the notes, except for the pod.
func Same(a, b State) bool {
	return equal(a.Unschedulable, b.Unschedulable) && maps.EqualFunc(a.Annotations, b.Annotations, equal) &&
		sameBesides(a, b)
}

// Reached reports whether a node, whose present state is now, is as wanted. The
// annotations that explain a cordon do not count: the cordon does.
func Reached(wanted, now State) bool {
	if wanted.Unschedulable == nil {
		return Same(wanted, now)
	}
	return equal(wanted.Unschedulable, now.Unschedulable) && sameBesides(wanted, now)
}

func sameBesides(a, b State) bool {
	return maps.EqualFunc(a.Labels, b.Labels, equal) && maps.EqualFunc(a.Taints, b.Taints, SameTaint) && a.Pod == b.Pod
}

// SameTaint reports whether two taints of one identity are the same to a person:
// both absent, or both there with the same value.
func SameTaint(a, b *Taint) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Value == b.Value)
}

// equal compares two values of which each may be absent.
func equal[T comparable](a, b *T) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// WithoutAnnotations returns the state without the annotations of these keys.
func (s State) WithoutAnnotations(keys ...string) State {
	s.Annotations = maps.Clone(s.Annotations)
	for _, key := range keys {
		delete(s.Annotations, key)
	}
	return s
}

// Recall corrects what was before for a second try of the same change: where the
// node already is as the first try wanted it, the first plan knows what was there
// before. It changes s, the state before the second try.
func (s *State) Recall(before, after State) {
	recall(s.Labels, before.Labels, after.Labels, equal)
	recall(s.Annotations, before.Annotations, after.Annotations, equal)
	recall(s.Taints, before.Taints, after.Taints, SameTaint)
	if before.Unschedulable != nil && equal(s.Unschedulable, after.Unschedulable) {
		s.Unschedulable = before.Unschedulable
	}
}

func recall[T any](now, before, after map[string]*T, same func(a, b *T) bool) {
	for key, value := range now {
		was, planned := before[key]
		if planned && same(value, after[key]) {
			now[key] = was
		}
	}
}
