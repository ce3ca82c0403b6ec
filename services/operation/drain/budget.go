package drain

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services"
)

// Demand is a PodDisruptionBudget with what a batch wants of it.
type Demand struct {
	Name     string          `json:"name"`     // "namespace/name"
	Demand   int             `json:"demand"`   // pods of the batch that it guards
	Allowed  int             `json:"allowed"`  // disruptions that it allows now
	Healthy  int             `json:"healthy"`  // pods that are healthy now
	Needed   int             `json:"needed"`   // pods that must stay healthy
	Expected int             `json:"expected"` // pods that it counts
	Policy   string          `json:"unhealthyPodEvictionPolicy"`
	Storage  string          `json:"storage,omitempty"` // the storage operator that it belongs to
	Never    *services.Error `json:"-"`                 // why it can never allow an eviction, and what to do about it
}

// budgets finds the budgets of pods.
type budgets struct {
	known       bool // false: the account may not read them
	byNamespace map[string][]guard
}

type guard struct {
	*policyv1.PodDisruptionBudget
	selector labels.Selector
}

// newBudgets indexes budgets. A selector that does not parse selects nothing,
// as in the eviction API.
func newBudgets(list []*policyv1.PodDisruptionBudget, known bool) budgets {
	b := budgets{known: known, byNamespace: map[string][]guard{}}
	for _, pdb := range list {
		// An empty selector selects every pod of the namespace (policy/v1).
		selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err != nil {
			continue
		}
		b.byNamespace[pdb.Namespace] = append(b.byNamespace[pdb.Namespace], guard{pdb, selector})
	}
	return b
}

// of returns the budgets that select a pod.
func (b budgets) of(p *corev1.Pod) []guard {
	var out []guard
	for _, g := range b.byNamespace[p.Namespace] {
		if g.selector.Matches(labels.Set(p.Labels)) {
			out = append(out, g)
		}
	}
	return out
}

func (g guard) key() string { return g.Namespace + "/" + g.Name }

func (g guard) demand() *Demand {
	s := g.Status
	d := &Demand{
		Name: g.key(), Allowed: int(s.DisruptionsAllowed), Healthy: int(s.CurrentHealthy),
		Needed: int(s.DesiredHealthy), Expected: int(s.ExpectedPods), Policy: string(policyv1.IfHealthyBudget),
	}
	if g.Spec.UnhealthyPodEvictionPolicy != nil {
		d.Policy = string(*g.Spec.UnhealthyPodEvictionPolicy)
	}
	d.Storage = storageOf(g.PodDisruptionBudget)
	if s.ExpectedPods > 0 && s.DesiredHealthy >= s.ExpectedPods {
		d.Never = reason("drain_never_budget", "Budget", g.key(), "Needed", d.Needed, "Expected", d.Expected)
	}
	return d
}

// ignores reports whether the eviction API looks at no budget for this pod: see
// canIgnorePDB in pkg/registry/core/pod/storage/eviction.go of Kubernetes.
func ignores(p *corev1.Pod) bool {
	return isFinished(p) || p.Status.Phase == corev1.PodPending || p.DeletionTimestamp != nil
}

// free reports whether a budget lets an unready pod go without asking.
func (g guard) free(p *corev1.Pod) bool {
	if isReady(p) {
		return false
	}
	if g.Spec.UnhealthyPodEvictionPolicy != nil && *g.Spec.UnhealthyPodEvictionPolicy == policyv1.AlwaysAllow {
		return true
	}
	return g.Status.CurrentHealthy >= g.Status.DesiredHealthy && g.Status.DesiredHealthy > 0
}

// apply lets the budgets speak on a pod that would be evicted, and counts its
// demand.
func (b budgets) apply(j *Judged, p *corev1.Pod, demands map[string]*Demand) {
	if ignores(p) {
		return
	}
	if !b.known {
		j.say(Unknown, reason("drain_budgets_unknown"))
		return
	}
	guards := b.of(p)
	switch len(guards) {
	case 0:
	case 1:
		b.applyOne(j, p, guards[0], demands)
	default:
		names := make([]string, len(guards))
		for i, g := range guards {
			names[i] = g.key()
			b.count(g, demands)
		}
		slices.Sort(names)
		j.say(Never, reason("drain_never_two", "Budgets", strings.Join(names, ", ")))
	}
}

func (b budgets) applyOne(j *Judged, p *corev1.Pod, g guard, demands map[string]*Demand) {
	j.Budget = g.key()
	d := b.count(g, demands)
	switch {
	case g.free(p):
		d.Demand-- // it goes without using the budget
	case !isReady(p):
		j.say(Blocked, reason("drain_blocked_unhealthy", "Budget", g.key(), "Healthy", d.Healthy, "Needed", d.Needed))
	case d.Never != nil:
		j.say(Never, d.Never)
	case d.Allowed <= 0:
		j.say(Blocked, reason("drain_blocked", "Budget", g.key(), "Healthy", d.Healthy, "Needed", d.Needed))
	}
}

func (b budgets) count(g guard, demands map[string]*Demand) *Demand {
	d, ok := demands[g.key()]
	if !ok {
		d = g.demand()
		demands[g.key()] = d
	}
	d.Demand++
	return d
}

// say puts a verdict on a pod unless it waits for a consent, which comes first.
func (j *Judged) say(v Verdict, why *services.Error) {
	if j.Verdict != Acknowledge {
		j.Verdict = v
	}
	j.Reasons = append([]*services.Error{why}, j.Reasons...)
}
