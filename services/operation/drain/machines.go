package drain

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Annotations by which Cluster API names the Machine of a node, and its label on a Machine.
const (
	machineOf          = "cluster.x-k8s.io/machine"
	machineNamespaceOf = "cluster.x-k8s.io/cluster-namespace"
	clusterOf          = "cluster.x-k8s.io/cluster-name"
)

// Behaviors of a MachineDrainRule.
const (
	behaviorDrain         = "Drain"
	behaviorSkip          = "Skip"
	behaviorWaitCompleted = "WaitCompleted"
)

// machineRule is a MachineDrainRule that applies to the machine of a node.
type machineRule struct {
	name     string // "namespace/name"
	behavior string
	order    int
	pods     []podSelector // none: all pods
}

type podSelector struct{ pods, namespaces labels.Selector }

// machineRules returns the MachineDrainRules for a node with these annotations, in the
// order of their names. As in Cluster API, they are those of the namespace of its Machine;
// a Machine of another cluster has its rules there.
//
// Errors: CodeConflict for a rule that cannot be understood; Cluster API drains nothing
// then, either.
func (p Policies) machineRules(annotations map[string]string) ([]machineRule, error) {
	namespace, machine := annotations[machineNamespaceOf], annotations[machineOf]
	own, known := p.Machines.Machines[namespace+"/"+machine]
	if machine == "" || !known {
		return nil, nil
	}
	cluster := p.Machines.Clusters[namespace+"/"+cmp.Or(own[clusterOf], annotations[clusterOf])]
	var found []machineRule
	for _, r := range p.Machines.Rules {
		if r.Namespace != namespace {
			continue
		}
		applies, err := appliesTo(r, own, cluster)
		if err != nil {
			return nil, unreadable(r, err)
		}
		if !applies {
			continue
		}
		rule, err := newMachineRule(r)
		if err != nil {
			return nil, unreadable(r, err)
		}
		found = append(found, rule)
	}
	slices.SortFunc(found, func(a, b machineRule) int { return cmp.Compare(a.name, b.name) })
	return found, nil
}

func unreadable(r kube.MachineDrainRule, err error) error {
	name := r.Namespace + "/" + r.Name
	return services.Wrap(err, services.CodeConflict, "error_drain_rule", "Rule", name, "Problem", err.Error())
}

// appliesTo reports whether a rule applies to a machine with these labels, in a cluster
// with these labels: one of its selectors has to match both.
func appliesTo(r kube.MachineDrainRule, machine, cluster map[string]string) (bool, error) {
	applies := len(r.Spec.Machines) == 0
	for _, s := range r.Spec.Machines {
		of, err := selectorOf(s.Selector)
		if err != nil {
			return false, err
		}
		in, err := selectorOf(s.ClusterSelector)
		if err != nil {
			return false, err
		}
		applies = applies || of.Matches(labels.Set(machine)) && in.Matches(labels.Set(cluster))
	}
	return applies, nil
}

// selectorOf returns a selector that selects everything if it is not set.
func selectorOf(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

func newMachineRule(r kube.MachineDrainRule) (machineRule, error) {
	rule := machineRule{name: r.Namespace + "/" + r.Name, behavior: r.Spec.Drain.Behavior}
	switch {
	case !slices.Contains([]string{behaviorDrain, behaviorSkip, behaviorWaitCompleted}, rule.behavior):
		return rule, fmt.Errorf("unknown spec.drain.behavior %q", services.Clip(rule.behavior))
	case r.Spec.Drain.Order != nil && rule.behavior == behaviorDrain:
		rule.order = int(*r.Spec.Drain.Order)
	}
	for _, s := range r.Spec.Pods {
		pods, err := selectorOf(s.Selector)
		if err != nil {
			return rule, err
		}
		namespaces, err := selectorOf(s.NamespaceSelector)
		if err != nil {
			return rule, err
		}
		rule.pods = append(rule.pods, podSelector{pods, namespaces})
	}
	return rule, nil
}

// matches reports whether the rule is about a pod whose namespace has these labels.
func (r machineRule) matches(p *corev1.Pod, namespace labels.Set) bool {
	return len(r.pods) == 0 || slices.ContainsFunc(r.pods, func(s podSelector) bool {
		return s.pods.Matches(labels.Set(p.Labels)) && s.namespaces.Matches(namespace)
	})
}

// machineRule returns the first MachineDrainRule for a pod, or nil.
func (w world) machineRule(p *corev1.Pod) *machineRule {
	rules := w.machines[p.Spec.NodeName]
	for i := range rules {
		if rules[i].matches(p, w.policies.labelsOf(p.Namespace)) {
			return &rules[i]
		}
	}
	return nil
}
