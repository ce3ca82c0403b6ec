package drain

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
)

// Verdict is what a drain does with a pod.
type Verdict string

// The verdicts.
const (
	Evict       Verdict = "evict"
	Skip        Verdict = "skip"        // stays, and the node counts as drained all the same
	Wait        Verdict = "wait"        // is terminating already: only waited for
	Acknowledge Verdict = "acknowledge" // goes only when somebody agrees to what is lost
	Blocked     Verdict = "blocked"     // its budget does not allow it now
	Never       Verdict = "never"       // its budgets can never let it go
	Unknown     Verdict = "unknown"     // the account may not read what decides
	// WaitCompleted pods are not evicted: the node waits until they have completed.
	WaitCompleted Verdict = "wait-completed"
	// Restart pods are not evicted: their Deployment is restarted, and replaces them.
	Restart Verdict = "restart"
)

// Judged is a pod with its verdict and the reasons, the deciding one first.
type Judged struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	UID       string            `json:"-"`
	Node      string            `json:"-"`
	Owner     string            `json:"owner,omitempty"` // "ReplicaSet/web-5d9"
	Verdict   Verdict           `json:"verdict"`
	Reasons   []*services.Error `json:"-"`
	Field     string            `json:"needs,omitempty"`  // the option that an Acknowledge asks for
	Budget    string            `json:"budget,omitempty"` // "namespace/name" of the one budget that selects it
	Volumes   bool              `json:"-"`                // has persistent volumes: one of a node at a time
	// Order is when it goes: those of a lower order on its node are gone before.
	Order int `json:"order,omitempty"`
	// AtMost is for how many seconds a WaitCompleted is waited for before it is evicted; 0 is
	// no limit but that of the node.
	AtMost int `json:"waitSeconds,omitempty"`
	// Deployment is the one that is restarted so that the pod goes: "namespace/name".
	Deployment string `json:"deployment,omitempty"`
}

// world is what the verdict on a pod depends on beside the pod.
type world struct {
	options    Options
	selector   labels.Selector
	daemonSets map[types.UID]bool // nil when the account may not read them
	now        time.Time
	policies   Policies
	own        []ownRule                // those of policies for namespaces
	machines   map[string][]machineRule // by node
	// deployments finds those of pods; nil if they are not known.
	deployments Deployments
}

func newWorld(o Options, daemonSets map[types.UID]bool, now time.Time) (world, error) {
	selector, err := labels.Parse(o.PodSelector)
	return world{options: o, selector: selector, daemonSets: daemonSets, now: now}, err
}

// filter is one rule: it returns the verdict on a pod with the reason, or "" when
// the pod is none of its business.
type filter func(w world, p *corev1.Pod) (v Verdict, field string, why *services.Error)

// filters returns the rules in kubectl's order. A finished pod is where we
// differ: kubectl deletes it, which frees nothing and loses its log.
func filters() []filter {
	return []filter{unselected, terminating, daemonSet, mirror, finished, policy, emptyDir, unmanaged}
}

// judge returns the verdict on a pod, budgets left aside. Rules that keep a pod
// decide alone; those that ask for a consent are all collected. What is evicted after a
// wait needs the consents, too.
func (w world) judge(p *corev1.Pod) Judged {
	j := Judged{
		Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Node: p.Spec.NodeName,
		Owner: ownerOf(p), Verdict: Evict, Volumes: hasVolumes(p), Order: w.orderOf(p),
	}
	for _, rule := range filters() {
		v, field, why := rule(w, p)
		switch {
		case v == "":
			continue
		case v == Evict: // a warning
			j.Reasons = append(j.Reasons, why)
			continue
		case v == Acknowledge:
			if j.Verdict != Acknowledge {
				j.Verdict, j.Field = v, field
			}
			j.Reasons = append(j.Reasons, why)
			continue
		case v == WaitCompleted && w.limitOf(p) > 0:
			j.AtMost, j.Reasons = w.limitOf(p), append(j.Reasons, why)
			continue
		}
		j.Verdict, j.Field, j.Reasons = v, field, []*services.Error{why}
		return j
	}
	if j.AtMost > 0 && j.Verdict == Evict {
		j.Verdict = WaitCompleted
	}
	return j
}

func reason(text string, args ...any) *services.Error {
	return services.NewError(services.CodeConflict, text, args...)
}

func unselected(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if w.selector.Matches(labels.Set(p.Labels)) {
		return "", "", nil
	}
	return Skip, "", reason("drain_skip_selector")
}

// terminating pods were told to end already. One that takes longer than asked
// for is skipped, since its node may never end it.
func terminating(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if p.DeletionTimestamp == nil {
		return "", "", nil
	}
	since := w.now.Sub(p.DeletionTimestamp.Time)
	if skip := time.Duration(w.options.SkipWait) * time.Second; skip > 0 && since > skip {
		return Skip, "", reason("drain_skip_terminating", "Seconds", w.options.SkipWait)
	}
	return Wait, "", reason("drain_wait_terminating")
}

// daemonSet pods are recreated at once whatever one does. kubectl looks at
// apps/v1 only, and so never ends draining a node with pods of other DaemonSets.
func daemonSet(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	owner := metav1.GetControllerOf(p)
	if owner == nil || owner.Kind != "DaemonSet" || isFinished(p) {
		return "", "", nil
	}
	if owner.APIVersion == "apps/v1" {
		if w.daemonSets == nil {
			return Skip, "", reason("drain_skip_daemonset_unknown")
		}
		if !w.daemonSets[owner.UID] {
			return consent(w.options.Force, "force", "drain_orphan")
		}
	}
	if !w.options.IgnoreDaemonSets {
		return Acknowledge, "ignore_daemonsets", reason("drain_daemonset")
	}
	return Skip, "", reason("drain_skip_daemonset")
}

func mirror(_ world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if _, ok := p.Annotations[corev1.MirrorPodAnnotationKey]; ok {
		return Skip, "", reason("drain_skip_mirror")
	}
	return "", "", nil
}

func finished(_ world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if isFinished(p) {
		return Skip, "", reason("drain_skip_finished")
	}
	return "", "", nil
}

func emptyDir(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if !slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil }) {
		return "", "", nil
	}
	return consent(w.options.DeleteEmptyDir, "delete_emptydir", "drain_emptydir")
}

func unmanaged(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if metav1.GetControllerOf(p) != nil {
		return "", "", nil
	}
	return consent(w.options.Force, "force", "drain_unmanaged")
}

// consent evicts with a warning when somebody agreed, and asks otherwise.
func consent(given bool, field, text string, args ...any) (Verdict, string, *services.Error) {
	if given {
		return Evict, "", reason(text, args...)
	}
	return Acknowledge, field, reason(text, args...)
}

func isFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func hasVolumes(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil || v.Ephemeral != nil
	})
}

func ownerOf(p *corev1.Pod) string {
	if owner := metav1.GetControllerOf(p); owner != nil {
		return owner.Kind + "/" + owner.Name
	}
	return ""
}
