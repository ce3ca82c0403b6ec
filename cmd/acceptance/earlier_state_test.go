package acceptance

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// nodeState is what an item of a batch records of a node; nil in a map means
// that the key is absent.
type nodeState struct {
	Unschedulable       *bool
	Labels, Annotations map[string]*string
	Taints              map[string]*taintState // by key:Effect
}

type taintState struct{ Key, Value, Effect string }

// states returns what an item says of its node before and after.
func (it itemDoc) states(t testing.TB) (before, after nodeState) {
	t.Helper()
	require.NoError(t, json.Unmarshal(it.Before, &before))
	require.NoError(t, json.Unmarshal(it.After, &after))
	return before, after
}

// undoable reports whether an item has changed its node, or may have.
func (it itemDoc) undoable(t testing.TB) bool {
	t.Helper()
	if it.State != "succeeded" && !it.MayHaveChanged {
		return false
	}
	before, after := it.states(t)
	return !reflect.DeepEqual(before, after)
}

// shown returns the labels, taints and reasons that have changed, which the
// page has to show.
func (it itemDoc) shown(t testing.TB) []string {
	t.Helper()
	before, after := it.states(t)
	texts := changedTexts(before.Labels, after.Labels)
	const reason = "kube-node-manager.io/cordon-reason"
	if !reflect.DeepEqual(before.Annotations[reason], after.Annotations[reason]) {
		texts = append(texts, textOf(before.Annotations[reason]), textOf(after.Annotations[reason]))
	}
	for id, now := range after.Taints {
		if was := before.Taints[id]; !reflect.DeepEqual(was, now) {
			texts = append(texts, was.texts()...)
			texts = append(texts, now.texts()...)
		}
	}
	return texts
}

// changedTexts returns the keys that have changed, with their values before and
// after.
func changedTexts(before, after map[string]*string) []string {
	var texts []string
	for key, now := range after {
		if was := before[key]; !reflect.DeepEqual(was, now) {
			texts = append(texts, key, textOf(was), textOf(now))
		}
	}
	return texts
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (t *taintState) texts() []string {
	if t == nil {
		return nil
	}
	return []string{t.Key, t.Value, t.Effect}
}

// put changes a node to a state, as somebody would with kubectl.
func (s nodeState) put(t testing.TB, c *kubetest.Cluster, name string) {
	t.Helper()
	c.Eventually(t, func(ctx context.Context) error {
		n, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		s.apply(n)
		_, err = c.Client.CoreV1().Nodes().Update(ctx, n, metav1.UpdateOptions{}) // for the version that was read
		return err
	})
}

func (s nodeState) apply(n *corev1.Node) {
	if s.Unschedulable != nil {
		n.Spec.Unschedulable = *s.Unschedulable
	}
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	set(n.Labels, s.Labels)
	set(n.Annotations, s.Annotations)
	n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		_, named := s.Taints[taintID(t)]
		return named
	})
	for _, taint := range s.Taints {
		if taint != nil {
			effect := corev1.TaintEffect(taint.Effect)
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: taint.Key, Value: taint.Value, Effect: effect})
		}
	}
}

func taintID(t corev1.Taint) string { return t.Key + ":" + string(t.Effect) }

func set(values map[string]string, wanted map[string]*string) {
	for key, want := range wanted {
		if want == nil {
			delete(values, key)
		} else {
			values[key] = *want
		}
	}
}

// require checks that a node is in a state.
func (s nodeState) require(t testing.TB, c *kubetest.Cluster, name, about string) {
	t.Helper()
	n := c.Node(t, name)
	wanted := n.DeepCopy()
	s.apply(wanted)
	require.Equal(t, wanted.Spec.Unschedulable, n.Spec.Unschedulable, "%s: %s", about, name)
	require.Equal(t, wanted.Labels, n.Labels, "%s: %s", about, name)
	if len(n.Annotations)+len(wanted.Annotations) > 0 {
		require.Equal(t, wanted.Annotations, n.Annotations, "%s: %s", about, name)
	}
	require.Equal(t, taintsByID(wanted), taintsByID(n), "%s: %s", about, name)
}

// taintsByID returns the taints of a node without their times.
func taintsByID(n *corev1.Node) map[string]string {
	out := map[string]string{}
	for _, taint := range n.Spec.Taints {
		out[taintID(taint)] = taint.Value
	}
	return out
}
