package drain

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kube-node-manager/services"
)

// Deployments finds the Deployment of a pod, nil for none.
type Deployments interface {
	DeploymentOf(pod *corev1.Pod) *appsv1.Deployment
}

// Workload is a workload of a single pod, or one whose budget never allows an eviction:
// with Options.RestartFirst it is restarted, so that a new pod is ready elsewhere before
// the old one goes.
type Workload struct {
	Name  string          `json:"name"`  // "shop/cart" of a Deployment, "shop/StatefulSet/db" otherwise
	Pods  int             `json:"pods"`  // on the nodes of the plan
	Nodes int             `json:"nodes"` // of the plan
	Why   *services.Error `json:"-"`     // why it cannot be restarted first; nil if it can

	last string // node on which a pod of it was found
}

// Restarted returns the workloads that can be restarted first, and the others.
func (p Plan) Restarted() (can, cannot []Workload) {
	for _, w := range p.Workloads {
		if w.Why == nil {
			can = append(can, w)
		} else {
			cannot = append(cannot, w)
		}
	}
	return can, cannot
}

// workloads are those of a plan, by name.
type workloads map[string]*Workload

func (all workloads) add(name, node string, why *services.Error) {
	w := all[name]
	if w == nil {
		w = &Workload{Name: name}
		all[name] = w
	}
	w.Pods++
	if w.last != node { // nodes are planned one after the other
		w.Nodes++
		w.last = node
	}
	w.Why = cmp.Or(w.Why, why)
}

// sorted returns the workloads by name.
func (all workloads) sorted() []Workload {
	var list []Workload
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}

// restart notes the workload of a pod that would be evicted, if it is one that can be
// restarted first, or should be. It reports whether it will be: then its budgets are not
// asked.
func (w world) restart(j *Judged, pod *corev1.Pod, guards budgets, found workloads) bool {
	if w.deployments == nil || ignores(pod) {
		return false
	}
	d, never := w.deployments.DeploymentOf(pod), guards.never(pod)
	if !never && !single(d) {
		return false
	}
	name, why := workloadOf(pod, d), unfit(pod, d)
	if why == nil && d.Status.ObservedGeneration < d.Generation {
		why = reason("drain_restart_behind")
	}
	found.add(name, j.Node, why)
	switch {
	case !w.options.RestartFirst:
		return false
	case why != nil:
		j.Reasons = append(j.Reasons, why)
		return false
	case j.Verdict == Evict:
		j.Verdict = Restart
	}
	j.Deployment = name
	j.Reasons = append([]*services.Error{reason("drain_restart", "Deployment", name)}, j.Reasons...)
	return true
}

// never reports whether the budgets of a pod can never allow its eviction.
func (b budgets) never(pod *corev1.Pod) bool {
	guards := b.of(pod)
	return len(guards) > 1 || len(guards) == 1 && guards[0].demand().Never != nil
}

// single reports whether a Deployment has one pod, whose eviction would leave it without.
func single(d *appsv1.Deployment) bool { return d != nil && replicasOf(d) == 1 }

func replicasOf(d *appsv1.Deployment) int {
	if d.Spec.Replicas == nil {
		return 1
	}
	return int(*d.Spec.Replicas)
}

func workloadOf(pod *corev1.Pod, d *appsv1.Deployment) string {
	if d != nil {
		return deploymentKey(d)
	}
	return pod.Namespace + "/" + cmp.Or(ownerOf(pod), "Pod/"+pod.Name)
}

func deploymentKey(d *appsv1.Deployment) string { return d.Namespace + "/" + d.Name }

// unfit returns why a pod's workload cannot be restarted so that a new pod is ready before
// the old one goes; nil if it can.
func unfit(pod *corev1.Pod, d *appsv1.Deployment) *services.Error {
	switch {
	case d == nil:
		kind, _, _ := strings.Cut(cmp.Or(ownerOf(pod), "Pod"), "/")
		return reason("drain_restart_kind", "Kind", kind)
	case slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }):
		return reason("drain_restart_volume")
	default:
		return unfitStrategy(d)
	}
}

// unfitStrategy is unfit for what the Deployment itself says.
func unfitStrategy(d *appsv1.Deployment) *services.Error {
	surge, unavailable := fences(d)
	switch {
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return reason("drain_restart_recreate")
	case d.Spec.Paused:
		return reason("drain_restart_paused")
	case surge == 0:
		return reason("drain_restart_surge")
	case unavailable > 0:
		return reason("drain_restart_unavailable", "Count", unavailable)
	default:
		return nil
	}
}

// fences returns how many pods a Deployment may have more than it should while it is
// updated, and how many may be unavailable.
//
// Source: ResolveFenceposts in pkg/controller/deployment/util/deployment_util.go of
// Kubernetes.
func fences(d *appsv1.Deployment) (surge, unavailable int) {
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil {
		return 0, 0
	}
	zero := intstr.FromInt32(0)
	surge, err := intstr.GetScaledValueFromIntOrPercent(cmp.Or(rolling.MaxSurge, &zero), replicasOf(d), true)
	if err != nil {
		return 0, 0
	}
	most := cmp.Or(rolling.MaxUnavailable, &zero)
	unavailable, err = intstr.GetScaledValueFromIntOrPercent(most, replicasOf(d), false)
	if err != nil {
		return 0, 0
	}
	return surge, unavailable
}
