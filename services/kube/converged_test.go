package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConverged_isWhatTheNodeLifecycleControllerWouldLeaveAlone(t *testing.T) {
	cordonTaint := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus) corev1.NodeStatus {
		return corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: kind, Status: status}}}
	}
	tainted := func(key string, effect corev1.TaintEffect) corev1.NodeSpec {
		return corev1.NodeSpec{Taints: []corev1.Taint{{Key: key, Effect: effect}}}
	}
	for name, c := range map[string]struct {
		node corev1.Node
		want bool
	}{
		"plain":                            {corev1.Node{}, true},
		"cordoned, taint not there yet":    {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}}, false},
		"cordoned":                         {corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{cordonTaint}}}, true},
		"uncordoned, taint still there":    {corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{cordonTaint}}}, false},
		"foreign taint":                    {corev1.Node{Spec: tainted("gpu", corev1.TaintEffectNoSchedule)}, true},
		"the key with another effect":      {corev1.Node{Spec: tainted(corev1.TaintNodeUnschedulable, corev1.TaintEffectPreferNoSchedule)}, true},
		"not ready, taint not there yet":   {corev1.Node{Status: condition(corev1.NodeReady, corev1.ConditionFalse)}, false},
		"unreachable, taint not there yet": {corev1.Node{Status: condition(corev1.NodeReady, corev1.ConditionUnknown)}, false},
		"ready":                            {corev1.Node{Status: condition(corev1.NodeReady, corev1.ConditionTrue)}, true},
		"disk pressure":                    {corev1.Node{Status: condition(corev1.NodeDiskPressure, corev1.ConditionTrue)}, false},
		"memory pressure, unknown":         {corev1.Node{Status: condition(corev1.NodeMemoryPressure, corev1.ConditionUnknown)}, true},
		"pressure is over, taint stays": {corev1.Node{
			Spec:   tainted(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule),
			Status: condition(corev1.NodePIDPressure, corev1.ConditionFalse),
		}, false},
		"not ready": {corev1.Node{
			Spec:   tainted(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule),
			Status: condition(corev1.NodeReady, corev1.ConditionFalse),
		}, true},
		"beta label missing": {corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelOSStable: "linux"}}}, false},
		"beta label differs": {corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
			corev1.LabelArchStable: "arm64", "beta.kubernetes.io/arch": "amd64",
		}}}, false},
		"beta label alone": {corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"beta.kubernetes.io/arch": "amd64"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Converged(&c.node))
		})
	}
}
