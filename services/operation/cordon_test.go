package operation

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

var at = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func makeOperation(t *testing.T, name, reason string) Operation {
	t.Helper()
	d, err := Find(name)
	require.NoError(t, err)
	params, err := d.Read(nil)
	require.NoError(t, err)
	return params.Make(Meta{Reason: reason, By: "oncall", At: at})
}

func values(m map[string]*string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

func TestCordon_plan(t *testing.T) {
	since := "2026-11-01T00:00:00Z"
	cordoned := &node.Node{
		Name: "n", Unschedulable: true, Reason: "kernel",
		Annotations: map[string]string{
			node.AnnotationReason: "kernel", node.AnnotationBy: "ops", node.AnnotationSince: since,
		},
	}
	legacy := &node.Node{
		Name: "n", Unschedulable: true, Reason: "disk",
		Annotations: map[string]string{node.LegacyReason: "disk", node.LegacySince: since},
	}
	orphan := &node.Node{
		Name: "n", Annotations: map[string]string{node.AnnotationReason: "old", node.LegacyReason: "older"},
	}
	stamp := at.Format(time.RFC3339)
	ours := map[string]string{node.AnnotationReason: "cve", node.AnnotationBy: "oncall", node.AnnotationSince: stamp}
	for name, c := range map[string]struct {
		operation, reason string
		node              *node.Node
		changes           bool
		after             map[string]string
	}{
		"cordon": {"cordon", "cve", &node.Node{Name: "n"}, true, ours},
		"cordon without a reason": {
			"cordon", "", &node.Node{Name: "n"}, true,
			map[string]string{node.AnnotationBy: "oncall", node.AnnotationSince: stamp},
		},
		"cordon drops orphans":          {"cordon", "cve", orphan, true, ours},
		"cordon again":                  {"cordon", "", cordoned, false, cordoned.Annotations},
		"cordon again, same reason":     {"cordon", "kernel", cordoned, false, cordoned.Annotations},
		"cordon again, another reason":  {"cordon", "cve", cordoned, true, ours},
		"cordon again keeps the legacy": {"cordon", "", legacy, false, legacy.Annotations},
		"uncordon":                      {"uncordon", "", cordoned, true, map[string]string{}},
		"uncordon clears the legacy":    {"uncordon", "", legacy, true, map[string]string{}},
		"uncordon a schedulable node":   {"uncordon", "", &node.Node{Name: "n"}, false, map[string]string{}},
		"uncordon cleans an orphan":     {"uncordon", "", orphan, true, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := makeOperation(t, c.operation, c.reason).Plan(c.node)
			require.Equal(t, c.changes, p.Changes())
			require.Equal(t, c.operation == "cordon", *p.After.Unschedulable)
			require.Equal(t, c.after, values(p.After.Annotations))
			require.Equal(t, c.node.Unschedulable, *p.Before.Unschedulable)
		})
	}
}

// recorder is a cluster of one node that notes what it is asked.
type recorder struct {
	node  corev1.Node
	calls []string
	keep  bool // a webhook that undoes the change
}

func (r *recorder) GetNode(context.Context, string) (*corev1.Node, error) {
	r.calls = append(r.calls, "get")
	return r.node.DeepCopy(), nil
}

func (r *recorder) PatchNode(_ context.Context, _ string, p kube.NodePatch) (*corev1.Node, error) {
	r.calls = append(r.calls, "patch")
	if p.UID != string(r.node.UID) {
		return nil, services.NewError(services.CodeConflict, "error_node_replaced")
	}
	if !r.keep {
		r.node.Spec.Unschedulable = *p.Unschedulable
	}
	return r.node.DeepCopy(), nil
}

func (r *recorder) DeletePod(context.Context, string, string, string, time.Duration) (bool, error) {
	r.calls = append(r.calls, "delete")
	return false, nil
}

func newRecorder(cordoned bool) *recorder {
	return &recorder{node: corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", UID: types.UID("u1")},
		Spec:       corev1.NodeSpec{Unschedulable: cordoned},
	}}
}

func TestCordon_apply(t *testing.T) {
	cordon := makeOperation(t, "cordon", "cve")
	planned := func(n *node.Node) Target { return Target{Node: "n", UID: n.UID, Plan: cordon.Plan(n)} }
	fresh := &node.Node{Name: "n", UID: "u1"}

	t.Run("one patch and no read", func(t *testing.T) {
		c := newRecorder(false)
		got, err := cordon.Apply(t.Context(), c, planned(fresh))
		require.NoError(t, err)
		require.True(t, got.Changed)
		require.Equal(t, []string{"patch"}, c.calls)
	})
	t.Run("a node that was not known is read first", func(t *testing.T) {
		c := newRecorder(false)
		got, err := cordon.Apply(t.Context(), c, Target{Node: "n"})
		require.NoError(t, err)
		require.True(t, got.Changed)
		require.Equal(t, "u1", got.UID)
		require.Equal(t, []string{"get", "patch"}, c.calls)
	})
	t.Run("unchanged is seen, not guessed, and nothing is written", func(t *testing.T) {
		again := makeOperation(t, "cordon", "")
		n := &node.Node{Name: "n", UID: "u1", Unschedulable: true}
		c := newRecorder(true)
		got, err := again.Apply(t.Context(), c, Target{Node: "n", UID: "u1", Plan: again.Plan(n)})
		require.NoError(t, err)
		require.False(t, got.Changed)
		require.Equal(t, []string{"get"}, c.calls)
	})
	t.Run("a plan that grew old is made again", func(t *testing.T) {
		again := makeOperation(t, "cordon", "")
		n := &node.Node{Name: "n", UID: "u1", Unschedulable: true}
		c := newRecorder(false) // somebody uncordoned it meanwhile
		got, err := again.Apply(t.Context(), c, Target{Node: "n", UID: "u1", Plan: again.Plan(n)})
		require.NoError(t, err)
		require.True(t, got.Changed)
		require.Equal(t, []string{"get", "patch"}, c.calls)
	})
	t.Run("a node of the same name is not the node", func(t *testing.T) {
		_, err := cordon.Apply(t.Context(), newRecorder(false), planned(&node.Node{Name: "n", UID: "u0"}))
		require.Equal(t, "error_node_replaced", services.AsError(err).Text)
		again := makeOperation(t, "cordon", "")
		old := &node.Node{Name: "n", UID: "u0", Unschedulable: true}
		_, err = again.Apply(t.Context(), newRecorder(true), Target{Node: "n", UID: "u0", Plan: again.Plan(old)})
		require.Equal(t, "error_node_replaced", services.AsError(err).Text)
	})
	t.Run("success is what the server stored", func(t *testing.T) {
		c := newRecorder(false)
		c.keep = true
		_, err := cordon.Apply(t.Context(), c, planned(fresh))
		require.Equal(t, "error_node_resisted", services.AsError(err).Text)
	})
}

func TestFind_namesTheField(t *testing.T) {
	for _, name := range []string{"", "reboot"} {
		_, err := Find(name)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err))
		require.Equal(t, "operation", services.AsError(err).Fields[0].Field)
	}
}

func TestAll_logLines(t *testing.T) {
	want := map[string][2]string{
		"cordon":   {"cordon operation", "cordon with progress"},
		"uncordon": {"uncordon operation", "uncordon with progress"},
		"drain":    {"drain operation", "drain with progress"},

		"delete-pod":  {"pod delete", "pod delete"},
		"label":       {"label update", "label update"},
		"taint":       {"taint update", "taint update"},
		"annotate":    {"annotation update", "annotation update"},
		"copy-taints": {"taint copy", "taint copy"},
		"undo":        {"undo", "undo"},
	}
	for _, d := range All() {
		require.Equal(t, want[d.Name], [2]string{d.CacheLog(true), d.CacheLog(false)}, "the log line of %s", d.Name)
	}
}
