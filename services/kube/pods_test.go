package kube_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube"
	"kube-node-manager/services/kube/kubetest"
)

// More pods than a page has are read once each.
func TestEachPod_pages(t *testing.T) {
	const pods, page = 1001, 500
	c := kubetest.Acquire(t)
	namespace := c.Namespace(t)
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for i := worker; i < pods; i += 8 {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p-", i)}}
				pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "none"}}
				pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/never"}}
				_, err := c.Client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
				require.NoError(t, err)
			}
		})
	}
	workers.Wait()
	proxy := c.Proxy(t)
	client, err := kube.New(proxy.Config(), "test", nil)
	require.NoError(t, err)
	defer client.Close()
	seen := map[string]int{}
	version, err := client.EachPod(t.Context(), func(p *corev1.Pod) {
		if p.Namespace == namespace {
			seen[p.Name]++
		}
	})
	require.NoError(t, err)
	require.True(t, kube.HasOrder(version))
	require.Len(t, seen, pods)
	require.Equal(t, pods, total(seen))
	require.Equal(t, pods/page+1, proxy.Calls("list", "pods"))
}

func total(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
