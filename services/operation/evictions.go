package operation

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// Evictions says how many pods would leave their nodes.
type Evictions struct {
	Pods    int            `json:"pods"`
	Delayed int            `json:"delayed,omitempty"` // of these, how many stay for the time that they tolerate the taint
	ByNode  map[string]int `json:"byNode,omitempty"`
	Unread  bool           `json:"unread,omitempty"` // pods would leave, and our account may not count them
}

// Any reports whether a pod may leave.
func (e Evictions) Any() bool { return e.Pods > 0 || e.Unread }

// evictionsBy counts what the plans of the nodes would evict. It reads pods only
// when a NoExecute taint is new on one of them.
func evictionsBy(
	ctx context.Context, c *kube.Client, nodes []*node.Node, plan func(*node.Node) Plan,
) (Evictions, error) {
	fresh := map[string][]corev1.Taint{}
	var hit []*node.Node
	for _, n := range nodes {
		if taints := newNoExecute(plan(n)); len(taints) > 0 {
			fresh[n.Name] = taints
			hit = append(hit, n)
		}
	}
	if len(hit) == 0 {
		return Evictions{}, nil
	}
	pods, err := podsOf(ctx, c, hit)
	if services.CodeOf(err) == services.CodeForbidden {
		return Evictions{Unread: true}, nil
	}
	if err != nil {
		return Evictions{}, err
	}
	e := Evictions{ByNode: map[string]int{}}
	for name, taints := range fresh {
		for _, pod := range pods[name] {
			e.count(name, pod, taints)
		}
	}
	return e, nil
}

// newNoExecute returns the NoExecute taints that a node gets by the plan.
func newNoExecute(p Plan) []corev1.Taint {
	var taints []corev1.Taint
	for id, after := range p.After.Taints {
		if after != nil && evicts(*after) && !change.SameTaint(p.Before.Taints[id], after) {
			taints = append(taints, toKube(*after))
		}
	}
	return taints
}

// count takes in one pod. A pod that has ended or is leaving anyway loses
// nothing.
func (e *Evictions) count(node string, pod *corev1.Pod, taints []corev1.Taint) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	leaves, atOnce := false, false
	for i := range taints {
		stays, forNow := tolerates(pod, &taints[i])
		leaves = leaves || !stays
		atOnce = atOnce || !stays && !forNow
	}
	if !leaves {
		return
	}
	e.Pods++
	e.ByNode[node]++
	if !atOnce {
		e.Delayed++
	}
}

// tolerates reports whether the pod stays for good in spite of the taint, and
// if not, whether it stays for a time.
func tolerates(pod *corev1.Pod, taint *corev1.Taint) (stays, forNow bool) {
	for i := range pod.Spec.Tolerations {
		t := &pod.Spec.Tolerations[i]
		if !t.ToleratesTaint(klog.Logger{}, taint, true) {
			continue
		}
		if t.TolerationSeconds == nil {
			return true, false
		}
		forNow = forNow || *t.TolerationSeconds > 0
	}
	return false, forNow
}
