package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConverged_isWhatTheNodeLifecycleControllerWouldLeaveAlone(t *testing.T) {
	const noSchedule, preferNoSchedule = corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule
	const unschedulable = corev1.TaintNodeUnschedulable
	for name, c := range map[string]struct {
		node corev1.Node
		want bool
	}{
		"plain":                            {node(), true},
		"cordoned, taint not there yet":    {node(cordoned), false},
		"cordoned":                         {node(cordoned, tainted(unschedulable, noSchedule)), true},
		"uncordoned, taint still there":    {node(tainted(unschedulable, noSchedule)), false},
		"foreign taint":                    {node(tainted("gpu", noSchedule)), true},
		"the key with another effect":      {node(tainted(unschedulable, preferNoSchedule)), true},
		"not ready, taint not there yet":   {node(condition(corev1.NodeReady, corev1.ConditionFalse)), false},
		"unreachable, taint not there yet": {node(condition(corev1.NodeReady, corev1.ConditionUnknown)), false},
		"ready":                            {node(condition(corev1.NodeReady, corev1.ConditionTrue)), true},
		"disk pressure":                    {node(condition(corev1.NodeDiskPressure, corev1.ConditionTrue)), false},
		"memory pressure, unknown":         {node(condition(corev1.NodeMemoryPressure, corev1.ConditionUnknown)), true},
		"pressure is over, taint stays": {node(
			tainted(corev1.TaintNodePIDPressure, noSchedule),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse),
		), false},
		"not ready": {node(
			tainted(corev1.TaintNodeNotReady, noSchedule),
			condition(corev1.NodeReady, corev1.ConditionFalse),
		), true},
		"beta label missing": {node(labelled(corev1.LabelOSStable, "linux")), false},
		"beta label differs": {node(
			labelled(corev1.LabelArchStable, "arm64"),
			labelled("beta.kubernetes.io/arch", "amd64"),
		), false},
		"beta label alone": {node(labelled("beta.kubernetes.io/arch", "amd64")), true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Converged(&c.node))
		})
	}
}

func node(changes ...func(*corev1.Node)) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}
	for _, change := range changes {
		change(&n)
	}
	return n
}

func cordoned(n *corev1.Node) { n.Spec.Unschedulable = true }

func tainted(key string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

func condition(kind corev1.NodeConditionType, status corev1.ConditionStatus) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: status})
	}
}

func labelled(key, value string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Labels[key] = value }
}
