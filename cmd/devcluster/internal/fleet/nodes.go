package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node with this label and value has no kubelet: kwok ignores it.
const (
	KubeletLabel   = "devcluster/kubelet"
	KubeletStopped = "stopped"
)

// Labels of the simulated nodes that are not constants of a Kubernetes package.
const (
	poolLabel         = "pool"
	nodegroupLabel    = "eks.amazonaws.com/nodegroup"
	teamLabel         = "team"
	controlPlaneLabel = "node-role.kubernetes.io/control-plane"
)

// controlPlanePool is the pool of the nodes with the control plane's taint.
const controlPlanePool = "control-plane"

// A Cluster describes one simulated cluster.
type Cluster struct {
	Name      string
	Index     int // Part of the addresses of its nodes, so that those of clusters differ.
	Nodes     int
	NotReady  int
	Cordoned  int
	Pools     []string
	Zones     []string
	Region    string
	Workloads bool
}

// A shape is the properties that all nodes of a pool share.
type shape struct {
	weight       int // Share of the nodes, relative to the other pools.
	instanceType string
	cpu          int64 // Cores.
	memory       int64 // GiB.
	gpus         int64
	teams        []string
	taints       []corev1.Taint
}

func shapes() map[string]shape {
	return map[string]shape{
		controlPlanePool: {
			instanceType: "m6i.xlarge", cpu: 4, memory: 16, teams: []string{"platform"},
			taints: []corev1.Taint{{Key: controlPlaneLabel, Effect: corev1.TaintEffectNoSchedule}},
		},
		"general": {
			weight: 6, instanceType: "m6i.2xlarge", cpu: 8, memory: 32, teams: []string{"shop", "checkout", "search"},
		},
		"compute": {
			weight: 3, instanceType: "c6i.4xlarge", cpu: 16, memory: 32, teams: []string{"data"},
		},
		"gpu": {
			weight: 1, instanceType: "g5.8xlarge", cpu: 32, memory: 128, gpus: 1, teams: []string{"ml"},
			taints: []corev1.Taint{{Key: "gpu", Value: "true", Effect: corev1.TaintEffectNoSchedule}},
		},
	}
}

// shapeOf returns the shape of a pool. An unknown pool gets an average one.
func shapeOf(pool string) shape {
	if s, known := shapes()[pool]; known {
		return s
	}
	return shape{weight: 3, instanceType: "m6i.xlarge", cpu: 4, memory: 16, teams: []string{pool}}
}

// kubeletVersions returns the versions in a cluster during an upgrade.
func kubeletVersions() []string { return []string{"v1.36.2", "v1.37.2", "v1.36.3", "v1.37.2"} }

// NodeObjects returns the nodes with the status that a kubelet sets when it
// registers, so that one call creates a node that is Ready.
func (c *Cluster) NodeObjects() []*corev1.Node {
	nodes := make([]*corev1.Node, 0, c.Nodes)
	seen := map[string]int{} // Nodes so far per pool and per zone.
	for i, pool := range c.poolOfEach() {
		zone := c.Zones[seen[pool]%len(c.Zones)]
		node := c.node(i, pool, zone, seen[pool], seen["zone "+zone])
		seen[pool]++
		seen["zone "+zone]++
		nodes = append(nodes, node)
	}
	return nodes
}

// poolOfEach returns the pool of each node. It mixes the pools evenly by their
// weights. The first nodes are the control plane.
func (c *Cluster) poolOfEach() []string {
	var pools []string
	for range c.controlPlaneNodes() {
		pools = append(pools, controlPlanePool)
	}
	credit := make([]int, len(c.Pools))
	for len(pools) < c.Nodes {
		best, total := 0, 0
		for i, pool := range c.Pools {
			weight := max(shapeOf(pool).weight, 1)
			credit[i] += weight
			total += weight
			if credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= total
		pools = append(pools, c.Pools[best])
	}
	return pools
}

func (c *Cluster) controlPlaneNodes() int {
	switch {
	case c.Nodes >= 10:
		return 3
	case c.Nodes >= 3:
		return 1
	default:
		return 0
	}
}

// node returns node i of the cluster, which is node inPool of its pool and node
// inZone of its zone. It is named after its address, as at cloud providers.
func (c *Cluster) node(i int, pool, zone string, inPool, inZone int) *corev1.Node {
	s := shapeOf(pool)
	third := 16*(1+slices.Index(c.Zones, zone)) + inZone/250
	fourth := 4 + inZone%250
	name := fmt.Sprintf("ip-10-%d-%d-%d.%s", c.Index, third, fourth, c.domain())
	labels := map[string]string{
		corev1.LabelHostname:           name,
		corev1.LabelOSStable:           "linux",
		corev1.LabelArchStable:         "amd64",
		corev1.LabelTopologyRegion:     c.Region,
		corev1.LabelTopologyZone:       c.Region + zone,
		corev1.LabelInstanceTypeStable: s.instanceType,
		poolLabel:                      pool,
		nodegroupLabel:                 c.domain() + "-" + pool,
		teamLabel:                      s.teams[inPool%len(s.teams)],
	}
	if pool == controlPlanePool {
		labels[controlPlaneLabel] = ""
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.NodeSpec{
			ProviderID: fmt.Sprintf("kwok://%s/%s", c.Region+zone, name),
			Taints:     s.taints,
		},
		Status: s.status(name, fmt.Sprintf("10.%d.%d.%d", c.Index, third, fourth), c.kubelet(i, pool)),
	}
}

// kubelet returns the version of a kubelet. The control plane has the new version,
// since an upgrade begins with it.
func (c *Cluster) kubelet(i int, pool string) string {
	versions := kubeletVersions()
	if pool == controlPlanePool {
		return versions[1]
	}
	return versions[i%len(versions)]
}

// domain returns the first word of the cluster's name: "prod" for "prod-cluster".
func (c *Cluster) domain() string {
	word, _, _ := strings.Cut(c.Name, "-")
	return word
}

func (s shape) status(name, ip, kubelet string) corev1.NodeStatus {
	capacity := s.capacity()
	allocatable := maps.Clone(capacity)
	// The kubelet reserves 100m and 1 GiB for the system.
	allocatable[corev1.ResourceCPU] = *resource.NewMilliQuantity(s.cpu*1000-100, resource.DecimalSI)
	allocatable[corev1.ResourceMemory] = *resource.NewQuantity((s.memory-1)<<30, resource.BinarySI)
	return corev1.NodeStatus{
		Phase:       corev1.NodeRunning, // Deprecated, but kwok's heartbeat stage requires it.
		Capacity:    capacity,
		Allocatable: allocatable,
		Conditions:  healthy(metav1.Now()),
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: ip},
			{Type: corev1.NodeHostName, Address: name},
		},
		NodeInfo: corev1.NodeSystemInfo{
			Architecture: "amd64", OperatingSystem: "linux",
			OSImage: "Amazon Linux 2023.9.20261110", KernelVersion: "6.12.58-82.121.amzn2023.x86_64",
			ContainerRuntimeVersion: "containerd://2.2.1", KubeletVersion: kubelet,
		},
	}
}

func (s shape) capacity() corev1.ResourceList {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(s.cpu, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(s.memory<<30, resource.BinarySI),
		corev1.ResourcePods:             resource.MustParse("110"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
	}
	if s.gpus > 0 {
		capacity["nvidia.com/gpu"] = *resource.NewQuantity(s.gpus, resource.DecimalSI)
	}
	return capacity
}

// healthy returns the conditions of a healthy node.
func healthy(now metav1.Time) []corev1.NodeCondition {
	conditions := []corev1.NodeCondition{
		{
			Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse,
			Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available",
		},
		{
			Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse,
			Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure",
		},
		{
			Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse,
			Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available",
		},
		{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue,
			Reason: "KubeletReady", Message: "kubelet is posting ready status",
		},
	}
	for i := range conditions {
		conditions[i].LastHeartbeatTime, conditions[i].LastTransitionTime = now, now
	}
	return conditions
}

// LostStatusPatch returns the strategic merge patch that the node lifecycle
// controller applies to a node's status when the kubelet has stopped reporting.
func LostStatusPatch(now metav1.Time) ([]byte, error) {
	conditions := healthy(now)
	for i := range conditions {
		conditions[i].Status = corev1.ConditionUnknown
		conditions[i].Reason = "NodeStatusUnknown"
		conditions[i].Message = "Kubelet stopped posting node status."
	}
	return json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
}

// Ready reports whether the node is Ready and no longer has the taint of a new node.
func Ready(node *corev1.Node) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == corev1.TaintNodeNotReady {
			return false
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Troubled returns the names of the nodes whose kubelet to stop, and of those to
// cordon: first the last nodes of the first pool, where most pods are, then others.
func (c *Cluster) Troubled(nodes []*corev1.Node) (notReady, cordoned []string) {
	var first, others []string
	for _, node := range slices.Backward(nodes) {
		if node.Labels[poolLabel] == c.Pools[0] {
			first = append(first, node.Name)
		} else {
			others = append(others, node.Name)
		}
	}
	all := slices.Concat(first, others)
	end := min(c.NotReady, len(all))
	return all[:end], all[end:min(end+c.Cordoned, len(all))]
}
