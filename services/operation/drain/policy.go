package drain

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// What pods say about themselves.
const (
	doNotDisrupt = "karpenter.sh/do-not-disrupt"                    // an annotation
	safeToEvict  = "cluster-autoscaler.kubernetes.io/safe-to-evict" // an annotation
	drainLabel   = "cluster.x-k8s.io/drain"                         // a label
)

// Policies are what decides on pods beside the options of a drain: the cluster's rules for
// its namespaces, and the rules of Cluster API.
type Policies struct {
	Namespaces []NamespaceRule
	Machines   kube.DrainRules
	// Labels are those of the namespaces; nil if they were not read.
	Labels kube.Labels
	// Unread lists what the account may not read, such as "namespaces".
	Unread []string
}

// WantLabels reports whether the policies select namespaces by labels that are not known
// by the name of a namespace.
func (p Policies) WantLabels() bool {
	byLabels := func(s *metav1.LabelSelector) bool {
		return s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0
	}
	if slices.ContainsFunc(p.Namespaces, NamespaceRule.bySelector) {
		return true
	}
	for _, r := range p.Machines.Rules {
		for _, pods := range r.Spec.Pods {
			if byLabels(pods.NamespaceSelector) {
				return true
			}
		}
	}
	return false
}

// labelsOf returns the labels of a namespace. One that is not known has the label that
// every namespace has.
func (p Policies) labelsOf(namespace string) labels.Set {
	found, ok := p.Labels[namespace]
	if !ok {
		return labels.Set{corev1.LabelMetadataName: namespace}
	}
	return found
}

// use makes the policies ready for nodes with these annotations, by name.
func (w *world) use(p Policies, nodes map[string]map[string]string) error {
	w.policies, w.machines = p, map[string][]machineRule{}
	for _, r := range p.Namespaces {
		matches, err := r.matcher()
		if err != nil {
			return err
		}
		w.own = append(w.own, ownRule{r, matches})
	}
	for name, annotations := range nodes {
		rules, err := p.machineRules(annotations)
		if err != nil {
			return err
		}
		w.machines[name] = rules
	}
	return nil
}

// policy asks who has a say on a pod beside the options: the cluster's rule for its
// namespace, whatever the pod says; then the pod's own label; then the rules of Cluster
// API, unless they only say when; then the annotations for those who remove nodes.
func policy(w world, p *corev1.Pod) (Verdict, string, *services.Error) {
	if rule := w.ownRule(p); rule != nil {
		return rule.says(w.options)
	}
	if v, why := labelled(p); v != "" {
		return v, "", why
	}
	if rule := w.machineRule(p); rule != nil && rule.behavior != behaviorDrain {
		if rule.behavior == behaviorSkip {
			return Skip, "", reason("drain_skip_machine_rule", "Rule", rule.name)
		}
		return WaitCompleted, "", reason("drain_completed_machine_rule", "Rule", rule.name)
	}
	switch {
	case p.Annotations[doNotDisrupt] == "true":
		return consent(w.options.Disrupt, "disrupt", "drain_annotated", "Annotation", doNotDisrupt+": true")
	case p.Annotations[safeToEvict] == "false":
		return consent(w.options.Disrupt, "disrupt", "drain_annotated", "Annotation", safeToEvict+": false")
	}
	return "", "", nil
}

// labelled returns what a pod's label asks for. Cluster API reads its value without regard
// to case and the hyphen.
func labelled(p *corev1.Pod) (Verdict, *services.Error) {
	value := p.Labels[drainLabel]
	switch {
	case strings.EqualFold(value, behaviorSkip):
		return Skip, reason("drain_skip_label", "Label", drainLabel+"="+value)
	case strings.EqualFold(strings.Replace(value, "-", "", 1), behaviorWaitCompleted):
		return WaitCompleted, reason("drain_completed_label", "Label", drainLabel+"="+value)
	}
	return "", nil
}

// orderOf returns when a pod goes: those of a lower order are gone before. What is waited
// for until it completes has 0, as in Cluster API.
func (w world) orderOf(p *corev1.Pod) int {
	own := w.ownRule(p)
	if v, _ := labelled(p); own == nil && v != "" || own != nil && own.Action == ActionWait {
		return 0
	}
	if rule := w.machineRule(p); rule != nil {
		return rule.order
	}
	return 0
}

// limitOf returns for how many seconds at most a pod is waited for; 0 is no limit but the
// drain's.
func (w world) limitOf(p *corev1.Pod) int {
	if rule := w.ownRule(p); rule != nil {
		return rule.Seconds
	}
	return 0
}
