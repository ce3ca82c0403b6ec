package fit

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"
	helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"kube-node-manager/services/node"
)

// What decides beside resources, for words in views.
const (
	ByVolumes   = "volumes"   // a volume may be bound to nodes
	ByPods      = "pods"      // affinity to other pods, or spread over a topology
	ByPorts     = "ports"     // ports of the host
	ByDevices   = "devices"   // resources or claims whose free amount is not known
	ByScheduler = "scheduler" // another scheduler, or gates
)

// returns reports whether a pod that is evicted is created again elsewhere.
func returns(p *corev1.Pod) bool {
	owner := metav1.GetControllerOf(p)
	return owner != nil && owner.Kind != "DaemonSet" && owner.Kind != "Node"
}

// needOf returns what a pod requests. A request of GPUs is of one kind, as nodes have one.
func needOf(p *corev1.Pod) need {
	r := resource.PodRequests(p, resource.PodResourcesOptions{})
	n := need{cpu: r.Cpu().MilliValue(), memory: r.Memory().Value(), pods: 1}
	for name, amount := range r {
		if node.IsGPU(name) && amount.Value() > 0 {
			n.gpu, n.gpus = string(name), amount.Value()
		}
	}
	return n
}

// decidedBy returns what decides on a pod's node beside resources, node selectors and
// tolerations; "" for nothing.
func decidedBy(p *corev1.Pod) string {
	switch {
	case len(p.Spec.ResourceClaims) > 0 || wantsOthers(p):
		return ByDevices
	case hasVolumes(p):
		return ByVolumes
	case dependsOnPods(p):
		return ByPods
	case hasPorts(p):
		return ByPorts
	case p.Spec.SchedulerName != "" && p.Spec.SchedulerName != corev1.DefaultSchedulerName,
		len(p.Spec.SchedulingGates) > 0:
		return ByScheduler
	default:
		return ""
	}
}

// wantsOthers reports whether a pod requests what the list of nodes does not have.
func wantsOthers(p *corev1.Pod) bool {
	gpus := 0
	for name, amount := range resource.PodRequests(p, resource.PodResourcesOptions{}) {
		switch {
		case amount.IsZero() || name == corev1.ResourceCPU || name == corev1.ResourceMemory:
		case node.IsGPU(name):
			gpus++
		default:
			return true
		}
	}
	return gpus > 1
}

func hasVolumes(p *corev1.Pod) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil || v.Ephemeral != nil || v.CSI != nil {
			return true
		}
	}
	return false
}

func dependsOnPods(p *corev1.Pod) bool {
	for _, c := range p.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable == corev1.DoNotSchedule {
			return true
		}
	}
	a := p.Spec.Affinity
	if a == nil {
		return false
	}
	return a.PodAffinity != nil && len(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0 ||
		a.PodAntiAffinity != nil && len(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0
}

func hasPorts(p *corev1.Pod) bool {
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.HostPort > 0 {
				return true
			}
		}
	}
	return false
}

// placeOf returns the same text for pods that may run on the same nodes.
func placeOf(p *corev1.Pod) string {
	var required *corev1.NodeSelector
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		required = a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	raw, err := json.Marshal([]any{p.Spec.NodeSelector, required, lasting(p.Spec.Tolerations)})
	if err != nil {
		return string(p.UID) // cannot be: these types are made for JSON
	}
	return string(raw)
}

// lasting returns the tolerations that matter to the scheduler on nodes that are ready.
func lasting(all []corev1.Toleration) []corev1.Toleration {
	var kept []corev1.Toleration
	for _, t := range all {
		if t.Key != corev1.TaintNodeNotReady && t.Key != corev1.TaintNodeUnreachable {
			kept = append(kept, t)
		}
	}
	return kept
}

// nodesFor returns the names of the nodes where a pod may run.
func nodesFor(p *corev1.Pod, candidates []*node.Node) []string {
	affinity := nodeaffinity.GetRequiredNodeAffinity(p)
	var names []string
	for _, n := range candidates {
		stand := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}}
		matches, err := affinity.Match(stand)
		if err == nil && matches && !keepsOut(n, p.Spec.Tolerations) {
			names = append(names, n.Name)
		}
	}
	return names
}

// keepsOut reports whether a node has a taint for the scheduler that is not tolerated.
func keepsOut(n *node.Node, tolerations []corev1.Toleration) bool {
	var taints []corev1.Taint
	for _, t := range n.Taints {
		if !strings.HasPrefix(t.Effect, "Prefer") {
			taints = append(taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
		}
	}
	_, untolerated := helpers.FindMatchingUntoleratedTaint(klog.Logger{}, taints, tolerations, nil, true)
	return untolerated
}
