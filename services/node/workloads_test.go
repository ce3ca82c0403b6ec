package node

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ownedBy returns a pod of a controller; the hash is that of a Deployment's template.
func ownedBy(kind, name, hash string) *corev1.Pod {
	yes := true
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Labels: map[string]string{}}}
	if hash != "" {
		p.Labels["pod-template-hash"] = hash
	}
	if kind != "" {
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, Controller: &yes}}
	}
	return p
}

func TestWorkloadOf(t *testing.T) {
	for name, tt := range map[string]struct {
		pod  *corev1.Pod
		want Workload
	}{
		"a Deployment":             {ownedBy("ReplicaSet", "web-5d4f", "5d4f"), Workload{"ns", "Deployment", "web"}},
		"a ReplicaSet of its own":  {ownedBy("ReplicaSet", "web", ""), Workload{"ns", "ReplicaSet", "web"}},
		"a hash of somebody else":  {ownedBy("ReplicaSet", "web-1", "5d4f"), Workload{"ns", "ReplicaSet", "web-1"}},
		"a StatefulSet":            {ownedBy("StatefulSet", "db", ""), Workload{"ns", "StatefulSet", "db"}},
		"a controller not in apps": {ownedBy("CloneSet", "x", ""), Workload{"ns", "CloneSet", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, moves := workloadOf(tt.pod)
			require.True(t, moves)
			require.Equal(t, tt.want, got)
		})
	}
	for _, kind := range []string{"DaemonSet", "Node", "Job", ""} {
		_, moves := workloadOf(ownedBy(kind, "x", ""))
		require.False(t, moves, kind)
	}
}

func TestUnschedulableAndServes(t *testing.T) {
	pod := func(
		phase corev1.PodPhase, kind corev1.PodConditionType, status corev1.ConditionStatus, why string,
	) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{
			Phase: phase, Conditions: []corev1.PodCondition{{Type: kind, Status: status, Reason: why}},
		}}
	}
	no := pod(corev1.PodPending, corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable")
	require.True(t, unschedulable(no))
	require.False(t, unschedulable(pod(corev1.PodPending, corev1.PodScheduled, corev1.ConditionFalse, "SchedulingGated")))
	require.False(t, unschedulable(&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}))
	ready := pod(corev1.PodRunning, corev1.PodReady, corev1.ConditionTrue, "")
	require.True(t, serves(ready))
	require.False(t, serves(pod(corev1.PodRunning, corev1.PodReady, corev1.ConditionFalse, "")))
	now := metav1.Now()
	no.DeletionTimestamp, ready.DeletionTimestamp = &now, &now
	require.False(t, unschedulable(no) || serves(ready), "they end")
}
