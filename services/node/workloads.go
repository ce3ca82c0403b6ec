package node

import (
	"cmp"
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube"
)

// Workload is what controls pods.
type Workload struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
}

// workloadOf returns the workload of a pod that is to be ready again after the pod was
// moved. The pods of a DaemonSet and of a node itself are not moved, and those of a Job end.
// A Deployment makes another ReplicaSet with each of its versions, so it counts itself.
func workloadOf(p *corev1.Pod) (Workload, bool) {
	owner := metav1.GetControllerOf(p)
	if owner == nil || owner.Kind == "DaemonSet" || owner.Kind == "Node" || owner.Kind == "Job" {
		return Workload{}, false
	}
	w := Workload{p.Namespace, owner.Kind, owner.Name}
	hash := p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if name, of := strings.CutSuffix(owner.Name, "-"+hash); of && hash != "" && owner.Kind == "ReplicaSet" {
		w.Kind, w.Name = "Deployment", name
	}
	return w, true
}

// serves reports whether a pod counts as ready for its workload.
func serves(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unschedulable reports whether the scheduler has found no node for a pod.
func unschedulable(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil || p.Spec.NodeName != "" || p.Status.Phase != corev1.PodPending {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
		}
	}
	return false
}

// Compare orders workloads by namespace, name and kind.
func (w Workload) Compare(other Workload) int {
	return cmp.Or(
		cmp.Compare(w.Namespace, other.Namespace), cmp.Compare(w.Name, other.Name), cmp.Compare(w.Kind, other.Kind),
	)
}

// WorkloadsOn returns the workloads with Ready pods on some nodes, and for each the first of
// those nodes. It returns at most so many; all is false if there are more.
func WorkloadsOn(
	ctx context.Context, client *kube.Client, nodes []string, most int,
) (first map[Workload]string, all bool, err error) {
	rank := make(map[string]int, len(nodes))
	for i, name := range nodes {
		rank[name] = i
	}
	first, all = map[Workload]string{}, true
	_, err = client.EachPod(ctx, func(p *corev1.Pod) {
		w, moves := workloadOf(p)
		at, ours := rank[p.Spec.NodeName]
		if !moves || !ours || !serves(p) {
			return
		}
		before, known := first[w]
		switch {
		case !known && len(first) == most:
			all = false
		case !known || at < rank[before]:
			first[w] = nodes[at]
		}
	})
	return first, all, err
}

// CountPods counts the pods of a cluster that cannot be scheduled, and adds to ready those
// that are Ready, for each of the workloads that are in it.
func CountPods(ctx context.Context, client *kube.Client, ready map[Workload]int) (pending int, err error) {
	_, err = client.EachPod(ctx, func(p *corev1.Pod) {
		if unschedulable(p) {
			pending++
		}
		w, moves := workloadOf(p)
		if _, asked := ready[w]; moves && asked && serves(p) {
			ready[w]++
		}
	})
	return pending, err
}
