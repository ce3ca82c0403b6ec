package acceptance

import (
	"net/url"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services/kube/kubetest"
)

// deed is what a batch of the fault suite does to its nodes.
type deed struct {
	operation string
	form      url.Values
	before    kubetest.NodeOption         // makes the nodes what they are before
	state     func(n *corev1.Node) string // of a node, as far as the batch changes it
	from, to  string                      // that state before the batch and after it
	inTable   bool                        // the node table shows the state
	pods      bool                        // the pods have to leave, too
}

// suiteKey is the key of the label, taint and annotation that batches change.
const suiteKey = "fault-suite"

// deeds are the operations of the fault suite.
func deeds() []deed {
	scheduling := func(n *corev1.Node) string {
		return map[bool]string{true: "cordoned", false: "schedulable"}[n.Spec.Unschedulable]
	}
	label := func(n *corev1.Node) string { return n.Labels[suiteKey] }
	annotation := func(n *corev1.Node) string { return n.Annotations[suiteKey] }
	marked := func(_ int, n *corev1.Node) {
		n.Labels[suiteKey] = "before"
		n.Annotations = map[string]string{suiteKey: "before"}
	}
	return []deed{
		{
			operation: "cordon", form: url.Values{}, before: marked,
			state: scheduling, from: "schedulable", to: "cordoned", inTable: true,
		},
		{
			operation: "uncordon", form: url.Values{"others": {"1"}}, before: kubetest.Cordoned(),
			state: scheduling, from: "cordoned", to: "schedulable", inTable: true,
		},
		{
			operation: "drain", form: url.Values{"timeout": {"20"}}, before: marked,
			state: scheduling, from: "schedulable", to: "cordoned", inTable: true, pods: true,
		},
		{
			operation: "label", form: url.Values{"label": {suiteKey + "=after"}}, before: marked,
			state: label, from: "before", to: "after", inTable: true,
		},
		{
			operation: "taint", form: url.Values{"taint": {suiteKey + "=after:PreferNoSchedule"}}, before: marked,
			state: suiteTaint, from: "", to: "after", inTable: true,
		},
		{
			operation: "annotate", form: url.Values{"annotation": {suiteKey + "=after"}}, before: marked,
			state: annotation, from: "before", to: "after",
		},
	}
}

func suiteTaint(n *corev1.Node) string {
	for _, taint := range n.Spec.Taints {
		if taint.Key == suiteKey {
			return taint.Value
		}
	}
	return ""
}
