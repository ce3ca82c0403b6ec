package node

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// aPod returns a pod that requests some CPU on a node.
func aPod(uid, node string, milliCPU int64, phase corev1.PodPhase) *corev1.Pod {
	requests := corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(milliCPU, resource.DecimalSI)}
	container := corev1.Container{Resources: corev1.ResourceRequirements{Requests: requests}}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid)},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{container}},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

func TestTally(t *testing.T) {
	sums := newTally(time.Now())
	news := func(want map[string]Usage) {
		t.Helper()
		got, changed := sums.news()
		require.True(t, changed)
		require.Equal(t, want, got)
		_, changed = sums.news()
		require.False(t, changed)
	}
	sums.set(aPod("1", "", 100, corev1.PodPending), false)
	_, changed := sums.news()
	require.False(t, changed, "a pod without a node requests nothing of one")
	sums.set(aPod("1", "a", 100, corev1.PodPending), false)
	sums.set(aPod("2", "a", 200, corev1.PodRunning), false)
	sums.set(aPod("3", "b", 400, corev1.PodRunning), false)
	news(map[string]Usage{"a": {CPU: 300, Pods: 2}, "b": {CPU: 400, Pods: 1}})
	sums.set(aPod("1", "a", 100, corev1.PodRunning), false)
	_, changed = sums.news()
	require.False(t, changed, "another phase changes nothing")
	sums.set(aPod("2", "a", 250, corev1.PodRunning), false)
	sums.set(aPod("3", "b", 400, corev1.PodSucceeded), false)
	news(map[string]Usage{"a": {CPU: 350, Pods: 2}})
	sums.set(aPod("1", "a", 100, corev1.PodRunning), true)
	sums.set(aPod("9", "a", 100, corev1.PodRunning), true)
	news(map[string]Usage{"a": {CPU: 250, Pods: 1}})
}

// However pods change, a tally that follows them is as one that counts them anew.
func TestTally_asIfCountedAnew(t *testing.T) {
	followed, pods := newTally(time.Now()), map[string]*corev1.Pod{}
	phases := []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodFailed}
	for range 5000 {
		uid := strconv.Itoa(rand.IntN(50))
		p := aPod(uid, strconv.Itoa(rand.IntN(5)), rand.Int64N(3), phases[rand.IntN(len(phases))])
		deleted := rand.IntN(4) == 0
		followed.set(p, deleted)
		pods[uid] = p
		if deleted {
			delete(pods, uid)
		}
	}
	anew := newTally(time.Now())
	for _, p := range pods {
		anew.set(p, false)
	}
	require.Equal(t, anew.usage(), followed.usage())
}
