package kube

import corev1 "k8s.io/api/core/v1"

// Converged reports whether the control plane has finished reacting to a node's
// own fields. The node lifecycle controller keeps a NoSchedule taint for
// spec.unschedulable and for each bad condition, and keeps the beta labels of the
// operating system and the architecture equal to the stable ones. It writes them
// a moment after the field that they follow has changed.
//
// Source: doNoScheduleTaintingPass and reconcileNodeLabels in
// k8s.io/kubernetes/pkg/controller/nodelifecycle.
func Converged(n *corev1.Node) bool {
	return sameKeys(wantedTaints(n), derivedTaints(n)) && betaLabelsFollow(n.Labels)
}

// taintOfCondition returns the key of the taint that the control plane keeps
// while the condition holds, or "".
func taintOfCondition(c corev1.NodeCondition) string {
	switch {
	case c.Type == corev1.NodeReady && c.Status == corev1.ConditionFalse:
		return corev1.TaintNodeNotReady
	case c.Type == corev1.NodeReady && c.Status == corev1.ConditionUnknown:
		return corev1.TaintNodeUnreachable
	case c.Status != corev1.ConditionTrue:
		return ""
	}
	switch c.Type {
	case corev1.NodeMemoryPressure:
		return corev1.TaintNodeMemoryPressure
	case corev1.NodeDiskPressure:
		return corev1.TaintNodeDiskPressure
	case corev1.NodeNetworkUnavailable:
		return corev1.TaintNodeNetworkUnavailable
	case corev1.NodePIDPressure:
		return corev1.TaintNodePIDPressure
	default:
		return ""
	}
}

// wantedTaints returns the keys of the NoSchedule taints that the control plane
// keeps for the node's current fields.
func wantedTaints(n *corev1.Node) map[string]bool {
	wanted := map[string]bool{}
	if n.Spec.Unschedulable {
		wanted[corev1.TaintNodeUnschedulable] = true
	}
	for _, c := range n.Status.Conditions {
		key := taintOfCondition(c)
		if key != "" {
			wanted[key] = true
		}
	}
	return wanted
}

// derivedTaints returns the keys of the node's NoSchedule taints that the control
// plane adds and removes.
func derivedTaints(n *corev1.Node) map[string]bool {
	found := map[string]bool{}
	for _, t := range n.Spec.Taints {
		if t.Effect == corev1.TaintEffectNoSchedule && derived(t.Key) {
			found[t.Key] = true
		}
	}
	return found
}

func derived(taintKey string) bool {
	switch taintKey {
	case corev1.TaintNodeUnschedulable, corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable,
		corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure,
		corev1.TaintNodeNetworkUnavailable, corev1.TaintNodePIDPressure:
		return true
	default:
		return false
	}
}

func sameKeys(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for key := range a {
		if !b[key] {
			return false
		}
	}
	return true
}

// betaLabelsFollow reports whether each beta label equals its stable label, if
// the node has the stable one.
func betaLabelsFollow(labels map[string]string) bool {
	return follows(labels, "beta.kubernetes.io/os", corev1.LabelOSStable) &&
		follows(labels, "beta.kubernetes.io/arch", corev1.LabelArchStable)
}

func follows(labels map[string]string, beta, stable string) bool {
	want, ok := labels[stable]
	if !ok {
		return true
	}
	have, ok := labels[beta]
	return ok && have == want
}
