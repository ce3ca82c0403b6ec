package fit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/node"
)

// pod makes a pod with a controller that requests CPU in cores.
func pod(cpu string, change func(*corev1.Pod)) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Controller: &yes}}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
		}}}},
	}
	if change != nil {
		change(p)
	}
	return p
}

func pods(n int, cpu string, change func(*corev1.Pod)) []*corev1.Pod {
	out := make([]*corev1.Pod, n)
	for i := range out {
		out[i] = pod(cpu, change)
	}
	return out
}

// host is a node with four cores.
func host(name string, change func(*node.Node)) *node.Node {
	n := &node.Node{
		Name: name, Status: node.StatusReady, AllocatableCPU: 4000, AllocatableMemory: 16 << 30, AllocatablePods: 10,
		Labels: map[string]string{"name": name},
	}
	if change != nil {
		change(n)
	}
	return n
}

func wants(key string, amount string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceName(key)] = resource.MustParse(amount)
	}
}

func TestNew(t *testing.T) {
	old := host("old", nil)
	two := []*node.Node{old, host("a", nil), host("b", nil)}
	on := func(name string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"name": name} }
	}
	nothing := map[string]node.Usage{}
	for name, c := range map[string]struct {
		pods  []*corev1.Pod
		nodes []*node.Node
		usage map[string]node.Usage
		want  Figure
	}{
		"all, wherever they go":         {pods(4, "1", nil), two, nothing, Figure{Exact, 4}},
		"not without the usage":         {pods(4, "1", nil), two, nil, Figure{Unknown, 0}},
		"too many even for empty nodes": {pods(9, "1", nil), two, nil, Figure{AtMost, 8}},
		"used": {
			pods(4, "1", nil), two, map[string]node.Usage{"a": {CPU: 3000}, "b": {CPU: 2000}}, Figure{AtMost, 3},
		},
		// Two of 3 and two of 1 fit if the scheduler puts them well: 3+1 on each node. It may put both small ones
		// on one node first, and then one large one waits.
		"perhaps":              {append(pods(2, "3", nil), pods(2, "1", nil)...), two, nothing, Figure{AtLeast, 2}},
		"their own number":     {pods(21, "1m", nil), two, nothing, Figure{AtMost, 20}},
		"node selector":        {pods(5, "1", on("a")), two, nothing, Figure{AtMost, 4}},
		"only the old node":    {pods(1, "1", on("old")), two, nothing, Figure{AtMost, 0}},
		"larger than any node": {pods(1, "5", nil), two, nothing, Figure{AtMost, 0}},
		"a taint": {pods(1, "1", nil), []*node.Node{host("a", func(n *node.Node) {
			n.Taints = []node.Taint{{Key: "gpu", Effect: "NoSchedule"}}
		})}, nothing, Figure{AtMost, 0}},
		"a taint that is tolerated": {pods(1, "1", func(p *corev1.Pod) {
			p.Spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
		}), []*node.Node{host("a", func(n *node.Node) {
			n.Taints = []node.Taint{{Key: "gpu", Effect: "NoSchedule"}}
		})}, nothing, Figure{Exact, 1}},
		"cordoned": {
			pods(1, "1", nil),
			[]*node.Node{host("a", func(n *node.Node) { n.Unschedulable = true })},
			nothing,
			Figure{AtMost, 0},
		},
		"not ready": {
			pods(1, "1", nil),
			[]*node.Node{host("a", func(n *node.Node) { n.Status = "NotReady" })},
			nothing,
			Figure{AtMost, 0},
		},
		"bare pods do not come back": {
			pods(2, "9", func(p *corev1.Pod) { p.OwnerReferences = nil }), two, nothing,
			Figure{Exact, 0},
		},
		"volumes": {append(pods(1, "1", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "x"},
			}}}
		}), pods(1, "1", nil)...), two, nothing, Figure{AtLeast, 1}},
		"what is not known": {pods(1, "1", wants("example.com/fpga", "1")), two, nothing, Figure{Unknown, 0}},
		"GPUs": {pods(2, "1", wants("nvidia.com/gpu", "2")), []*node.Node{host("a", func(n *node.Node) {
			n.GPUs = map[string]int64{"nvidia.com/gpu": 3}
		})}, nothing, Figure{AtMost, 1}},
		"GPUs of another kind": {pods(1, "1", wants("nvidia.com/gpu", "1")), []*node.Node{host("a", func(n *node.Node) {
			n.GPUs = map[string]int64{"amd.com/gpu": 3}
		})}, nothing, Figure{AtMost, 0}},
		"GPUs of several kinds": {pods(1, "1", wants("nvidia.com/gpu", "1")), []*node.Node{host("a", func(n *node.Node) {
			n.GPUs = map[string]int64{"amd.com/gpu": 3, "nvidia.com/gpu": 3}
		})}, nothing, Figure{Unknown, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			f := New(Facts{Pods: c.pods, Nodes: c.nodes, Leaving: map[string]bool{"old": true}, Usage: c.usage})
			require.Equal(t, c.want, f.Fits)
		})
	}
}

func TestNew_amounts(t *testing.T) {
	f := New(Facts{
		Pods: append(pods(2, "500m", wants("memory", "1Gi")), pod("9", nil)), Nodes: []*node.Node{host("a", nil)},
		Usage: map[string]node.Usage{"a": {CPU: 1000, Memory: 4 << 30, Pods: 3}},
	})
	require.Equal(t, []Amount{
		{"cpu", "cpu", 10_000, Figure{Exact, 3000}},
		{"memory", "memory", 2 << 30, Figure{Exact, 12 << 30}},
		{"pods", "", 3, Figure{Exact, 7}},
	}, f.Amounts)
	require.Equal(t, []int{3, 1, 1}, []int{f.Pods, f.Nodes, f.Nowhere})
}

// Twenty thousand pods and a thousand nodes take a moment.
func BenchmarkNew(b *testing.B) {
	f := Facts{Usage: map[string]node.Usage{}}
	for i := range 1000 {
		f.Nodes = append(f.Nodes, host(fmt.Sprint("n-", i), nil))
	}
	for i := range 20_000 {
		f.Pods = append(f.Pods, pod(fmt.Sprint(100+i%50, "m"), func(p *corev1.Pod) {
			p.Spec.NodeSelector = map[string]string{"x": fmt.Sprint(i % 100)}
		}))
	}
	for b.Loop() {
		New(f)
	}
}
