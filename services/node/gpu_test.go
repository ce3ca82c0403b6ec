package node

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestGPUs(t *testing.T) {
	list := corev1.ResourceList{}
	for name, amount := range map[corev1.ResourceName]string{
		"nvidia.com/gpu": "8", "amd.com/gpu": "2", "gpu.intel.com/i915": "1", "nvidia.com/mig-1g.5gb": "7",
		"nvidia.com/mig-2g.10gb": "0", "cpu": "64", "example.com/gpu": "5",
	} {
		list[name] = resource.MustParse(amount)
	}
	n := &corev1.Node{}
	n.Status.Allocatable = list
	node := FromKube(n)
	require.Equal(t, map[string]int64{
		"nvidia.com/gpu": 8, "amd.com/gpu": 2, "gpu.intel.com/i915": 1, "nvidia.com/mig-1g.5gb": 7,
	}, node.GPUs)
	require.Equal(t, int64(18), node.GPUCount())

	p := &corev1.Pod{}
	p.Spec.NodeName = "n"
	p.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("2")},
	}}}
	used, counts := usageOf(p)
	require.True(t, counts)
	require.Equal(t, int64(2), used.GPUs)

	some := Inventory{Nodes: []*Node{{Name: "a"}, {Name: "b", GPUs: node.GPUs}}}
	q, err := Query{Text: "gpus>1"}.normal()
	require.NoError(t, err)
	matched, _ := q.filter(some.Nodes, sight{})
	require.Equal(t, []string{"b"}, names(matched))
}
