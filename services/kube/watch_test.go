package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A cordon that comes and goes between two looks is not missed.
func TestWatch_uncordonedIsKept(t *testing.T) {
	w := &Watch{uncordoned: map[string]bool{}}
	state := func(cordoned bool) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{Unschedulable: cordoned}}
	}
	w.note(state(false), state(true))
	w.note(state(true), state(true))
	w.note(&corev1.Pod{}, &corev1.Pod{})
	require.False(t, w.Uncordoned("n"))
	w.note(state(true), state(false))
	w.note(state(false), state(false))
	require.True(t, w.Uncordoned("n"), "it stays so until somebody looks")
	require.False(t, w.Uncordoned("another"))
}
