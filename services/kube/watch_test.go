package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An uncordon between two reads of the state is not missed.
func TestWatch_uncordonedIsKept(t *testing.T) {
	w := &Watch{uncordoned: map[string]bool{}}
	state := func(cordoned bool) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
		n.Spec.Unschedulable = cordoned
		return n
	}
	w.noteUncordon(state(false), state(true))
	w.noteUncordon(state(true), state(true))
	w.noteUncordon(&corev1.Pod{}, &corev1.Pod{})
	require.False(t, w.Uncordoned("n"))
	w.noteUncordon(state(true), state(false))
	w.noteUncordon(state(false), state(false))
	require.True(t, w.Uncordoned("n"), "it stays recorded")
	require.False(t, w.Uncordoned("another"))
}
