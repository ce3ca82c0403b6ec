package node

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube"
)

// lifecycleOf returns the conditions that hold of those that say where a node is in its
// maintenance.
func lifecycleOf(conditions []corev1.NodeCondition) []Lifecycle {
	var found []Lifecycle
	for _, c := range conditions {
		if c.Status != corev1.ConditionTrue || !kube.IsLifecycle(string(c.Type)) {
			continue
		}
		batch, _ := kube.BatchOfCondition(c.Message)
		found = append(found, Lifecycle{
			Type: string(c.Type), Reason: c.Reason, Message: c.Message, Since: c.LastTransitionTime.Time, Batch: batch,
		})
	}
	slices.SortFunc(found, func(a, b Lifecycle) int { return lifecycleRank(a.Type) - lifecycleRank(b.Type) })
	return found
}

// lifecycleRank returns the place of a type in the course of maintenance.
func lifecycleRank(conditionType string) int {
	return slices.Index(kube.LifecycleConditions(), corev1.NodeConditionType(conditionType))
}

// Maintenance returns the batch of this program whose conditions the node has; "" for
// none.
func (n *Node) Maintenance() string {
	for _, c := range n.Lifecycle {
		if c.Batch != "" {
			return c.Batch
		}
	}
	return ""
}

// conditionTypes returns the types of the conditions that filters and searches find: the
// problems, and where the node is in its maintenance. The result must not be changed.
func (n *Node) conditionTypes() []string {
	if len(n.Lifecycle) == 0 {
		return n.Problems
	}
	types := slices.Clone(n.Problems)
	for _, c := range n.Lifecycle {
		types = append(types, c.Type)
	}
	return types
}

// Says reports whether the node says that it is at a stage of its maintenance, as far as
// that is for this program to say.
func (n *Node) Says(s kube.Stage) bool {
	said := map[string]Lifecycle{}
	for _, c := range n.Lifecycle {
		said[c.Type] = c
	}
	drained := said[string(corev1.NodeDrained)].Batch != ""
	for kind, wanted := range s.On(n.Unschedulable, drained).Conditions() {
		c, holds := said[string(kind)]
		foreign := holds && c.Batch == ""
		if holds != wanted && !foreign {
			return false
		}
	}
	return true
}

// IsLifecycle reports whether a condition says where its node is in its life, and not how
// it is.
func IsLifecycle(conditionType string) bool { return kube.IsLifecycle(conditionType) }
