package node

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// IsGPU reports whether a resource is GPUs, or parts of them, of the known device plugins.
func IsGPU(name corev1.ResourceName) bool {
	text := string(name)
	return text == "nvidia.com/gpu" || text == "amd.com/gpu" || strings.HasPrefix(text, "gpu.intel.com/") ||
		strings.HasPrefix(text, "nvidia.com/gpu.shared") || strings.HasPrefix(text, "nvidia.com/mig-")
}

// gpusOf returns the GPUs in some resources by their names, or nil.
func gpusOf(list corev1.ResourceList) map[string]int64 {
	var gpus map[string]int64
	for name, amount := range list {
		if !IsGPU(name) || amount.Value() == 0 {
			continue
		}
		if gpus == nil {
			gpus = map[string]int64{}
		}
		gpus[string(name)] = amount.Value()
	}
	return gpus
}

// GPUCount returns the number of allocatable GPUs, or parts of them.
func (n *Node) GPUCount() int64 { return count(n.GPUs) }

func count(of map[string]int64) (sum int64) {
	for _, amount := range of {
		sum += amount
	}
	return sum
}
