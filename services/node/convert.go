package node

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"kube-node-manager/services/kube"
)

// Annotations that say why a node is cordoned. The cordon operation writes the
// first three; the legacy ones are those of an earlier tool, and are only read.
const (
	AnnotationReason = "kube-node-manager.io/cordon-reason"
	AnnotationBy     = "kube-node-manager.io/cordon-by"
	AnnotationSince  = "kube-node-manager.io/cordon-since" // RFC 3339, UTC

	LegacyReason = "deeproute.cn/kube-node-mgr"
	LegacySince  = "deeproute.cn/kube-node-mgr-timestamp"
)

// CordonAnnotations lists every annotation that explains a cordon.
func CordonAnnotations() []string {
	return []string{AnnotationReason, AnnotationBy, AnnotationSince, LegacyReason, LegacySince}
}

const (
	roleLabelPrefix = "node-role.kubernetes.io/"
	roleLabel       = "kubernetes.io/role"
)

// poolLabels returns the labels that name a node's pool, the most specific first.
func poolLabels() []string {
	return []string{
		"karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool",
		"kubernetes.azure.com/agentpool", "kops.k8s.io/instancegroup", "doks.digitalocean.com/node-pool",
		"node.kubernetes.io/pool", "node-pool", "nodepool", "pool",
	}
}

// IsPoolLabel reports whether a label may name the pool of its node.
func IsPoolLabel(key string) bool { return slices.Contains(poolLabels(), key) }

// FromKube converts a node to its read model. What a node does not know itself is left
// out: the name of its cluster.
func FromKube(n *corev1.Node) *Node {
	v := &Node{
		Name:              n.Name,
		UID:               string(n.UID),
		ResourceVersion:   n.ResourceVersion,
		Unschedulable:     n.Spec.Unschedulable,
		Roles:             rolesOf(n.Labels),
		Version:           n.Status.NodeInfo.KubeletVersion,
		Zone:              cmp.Or(n.Labels[corev1.LabelTopologyZone], n.Labels[corev1.LabelFailureDomainBetaZone]),
		Pool:              poolOf(n.Labels),
		InternalIP:        internalIP(n.Status.Addresses),
		CreatedAt:         n.CreationTimestamp.Time,
		Labels:            n.Labels,
		Taints:            taintsOf(n.Spec.Taints),
		Annotations:       n.Annotations,
		AllocatableCPU:    n.Status.Allocatable.Cpu().MilliValue(),
		AllocatableMemory: n.Status.Allocatable.Memory().Value(),
		AllocatablePods:   n.Status.Allocatable.Pods().Value(),
		GPUs:              gpusOf(n.Status.Allocatable),
		OSImage:           shared(n.Status.NodeInfo.OSImage),
		Kernel:            shared(n.Status.NodeInfo.KernelVersion),
		Runtime:           shared(n.Status.NodeInfo.ContainerRuntimeVersion),
		Architecture:      shared(n.Status.NodeInfo.Architecture),
	}
	v.readStatus(n.Status.Conditions)
	v.Problems = badConditions(n.Status.Conditions)
	v.Lifecycle = lifecycleOf(n.Status.Conditions)
	v.Actors = actorsOf(n)
	v.Scheduling = schedulingOf(n)
	v.Converging = !kube.Converged(n)
	v.explainCordon(n.Spec.Taints)
	return v
}

// shared returns a text that most nodes have in common, so that it is in memory once.
func shared(text string) string { return unique.Make(text).Value() }

// readStatus sets the status by kubectl's rule and, unless it is Ready, the
// message of the condition.
func (n *Node) readStatus(conditions []corev1.NodeCondition) {
	n.Status = StatusUnknown
	for _, c := range conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			n.Status = StatusReady
			return
		}
		n.Status, n.StatusReason = StatusNotReady, c.Message
		n.NoContact = c.Status != corev1.ConditionFalse
		return
	}
}

// GoodStatus returns the status that a condition of that type has on a healthy node. It
// is False for pressures and for what problem detectors report, and True for Ready and
// for types that are named after it, such as NetworkingReady.
func GoodStatus(conditionType string) string {
	if strings.HasSuffix(conditionType, "Ready") || conditionType == "EtcdIsVoter" { // the latter is of k3s
		return string(corev1.ConditionTrue)
	}
	return string(corev1.ConditionFalse)
}

// badConditions returns the types of the conditions in their bad state, sorted, without
// Ready and those of the node's lifecycle. When a kubelet stops reporting, all of its
// conditions become Unknown: that is no problem of each of them.
func badConditions(conditions []corev1.NodeCondition) []string {
	problems := []string{}
	for _, c := range conditions {
		known := c.Status == corev1.ConditionTrue || c.Status == corev1.ConditionFalse
		healthy := c.Type != corev1.NodeReady && !kube.IsLifecycle(string(c.Type))
		if known && healthy && string(c.Status) != GoodStatus(string(c.Type)) {
			problems = append(problems, string(c.Type))
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

func schedulingOf(n *corev1.Node) string {
	if n.Spec.Unschedulable {
		return Cordoned
	}
	for _, t := range n.Spec.Taints {
		if t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectPreferNoSchedule {
			return Limited
		}
	}
	return Schedulable
}

// explainCordon sets the reason, author and time of a cordon. On a node that is
// not cordoned it ignores the annotations, which may be left from an earlier
// cordon.
func (n *Node) explainCordon(taints []corev1.Taint) {
	if !n.Unschedulable {
		return
	}
	a := n.Annotations
	n.Reason = cmp.Or(a[AnnotationReason], a[LegacyReason])
	n.ReasonBy = a[AnnotationBy]
	if at, err := time.Parse(time.RFC3339, cmp.Or(a[AnnotationSince], a[LegacySince])); err == nil {
		n.ReasonSince = &at
		return
	}
	for _, t := range taints {
		if t.Key == corev1.TaintNodeUnschedulable && t.TimeAdded != nil {
			n.ReasonSince = &t.TimeAdded.Time
		}
	}
}

// rolesOf returns kubectl's ROLES, sorted.
func rolesOf(labels map[string]string) []string {
	roles := []string{}
	for key, value := range labels {
		if role, ok := strings.CutPrefix(key, roleLabelPrefix); ok && role != "" {
			roles = append(roles, role)
		} else if key == roleLabel && value != "" {
			roles = append(roles, value)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

func poolOf(labels map[string]string) string {
	for _, key := range poolLabels() {
		pool := labels[key]
		if pool != "" {
			return pool
		}
	}
	return ""
}

func internalIP(addresses []corev1.NodeAddress) string {
	for _, a := range addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}

func taintsOf(taints []corev1.Taint) []Taint {
	out := make([]Taint, len(taints))
	for i, t := range taints {
		out[i] = Taint{Key: t.Key, Value: t.Value, Effect: string(t.Effect)}
		if t.TimeAdded != nil {
			out[i].TimeAdded = &t.TimeAdded.Time
		}
	}
	return out
}

// usageOf returns what a pod requests of its node. The result is false for a pod that
// does not count, as in kubectl describe node: it has no node, or has finished.
func usageOf(p *corev1.Pod) (Usage, bool) {
	if p.Spec.NodeName == "" || finished(p) {
		return Usage{}, false
	}
	r := resource.PodRequests(p, resource.PodResourcesOptions{})
	return Usage{CPU: r.Cpu().MilliValue(), Memory: r.Memory().Value(), Pods: 1, GPUs: count(gpusOf(r))}, true
}

// sum returns what pods request together.
func sum(pods []corev1.Pod) Usage {
	var total Usage
	for i := range pods {
		u, _ := usageOf(&pods[i])
		total = total.plus(u)
	}
	return total
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// requests returns a pod's requested CPU in millicores and memory in bytes.
func requests(p *corev1.Pod) (cpu, memory int64) {
	r := resource.PodRequests(p, resource.PodResourcesOptions{})
	return r.Cpu().MilliValue(), r.Memory().Value()
}
