package batch_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// portrait is what an undo has to bring back byte for byte; the order of taints
// means nothing.
func portrait(t *testing.T, c *kubetest.Cluster, name string) []any {
	t.Helper()
	n := c.Node(t, name)
	taints := slices.DeleteFunc(
		slices.Clone(n.Spec.Taints), func(one corev1.Taint) bool { return one.Key == corev1.TaintNodeUnschedulable },
	)
	slices.SortFunc(taints, func(a, b corev1.Taint) int {
		return slices.Compare([]string{a.Key, string(a.Effect)}, []string{b.Key, string(b.Effect)})
	})
	notes := maps.Clone(n.Annotations)
	delete(notes, "node.alpha.kubernetes.io/ttl") // a controller adds it to new nodes
	labels := maps.Clone(n.Labels)
	// a controller adds these to new nodes
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, "beta.kubernetes.io/") })
	return []any{labels, taints, n.Spec.Unschedulable, notes}
}

func (p *process) undo(t *testing.T, id string, form form.Fields) batch.View {
	t.Helper()
	v, err := p.engine.Undo(as(t, services.RoleAdmin), id, form, "", "")
	require.NoError(t, err)
	return p.wait(t, v.ID)
}

// An undo after any operation brings every node back, and an undo of the undo
// does it again.
func TestUndo_bringsEveryNodeBack(t *testing.T) {
	c := lease(t)
	since := metav1.Now().Rfc3339Copy()
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	source := c.Nodes(
		t, 1, kubetest.WithTaints(corev1.Taint{Key: "gpu", Value: "h100", Effect: corev1.TaintEffectNoSchedule}),
	)[0]
	for name, request := range map[string]batch.Request{
		"cordon":   {Operation: "cordon", Reason: "kernel"},
		"uncordon": {Operation: "uncordon"},
		"drain":    {Operation: "drain", Reason: "kernel"},
		"label":    {Operation: "label", Fields: form.Fields{"label": {"env=prod,new=1,old-"}}},
		"replace":  {Operation: "label", Fields: form.Fields{"label": {"env=prod"}, "mode": {"replace"}}},
		"taint":    {Operation: "taint", Fields: form.Fields{"taint": {"gpu=h100:NoSchedule,new:PreferNoSchedule,spot-"}}},
		"taints":   {Operation: "taint", Fields: form.Fields{"taint": {"one:PreferNoSchedule"}, "mode": {"replace"}}},
		"annotate": {Operation: "annotate", Fields: form.Fields{"annotation": {"note=b, c", "new=1", "old-"}}},
		"annotations": {
			Operation: "annotate", Fields: form.Fields{"annotation": {"note=b"}, "mode": {"replace"}},
		},
		"copy": {Operation: "copy-taints", Fields: form.Fields{"source": {source}}},
	} {
		t.Run(name, func(t *testing.T) {
			names := c.Nodes(t, 3,
				kubetest.WithLabels(map[string]string{"env": "dev", "old": "", "stays": "1"}),
				kubetest.WithTaints(
					corev1.Taint{Key: "gpu", Value: "a100", Effect: corev1.TaintEffectNoSchedule},
					corev1.Taint{Key: "spot", Effect: corev1.TaintEffectNoExecute, TimeAdded: &since}),
				func(i int, n *corev1.Node) {
					n.Annotations = map[string]string{"note": "a", "old": "", "stays": "1"}
					if i == 0 { // one that was cordoned before, for a reason of its own
						n.Spec.Unschedulable = true
						maps.Copy(n.Annotations, map[string]string{
							node.AnnotationReason: "disk", node.AnnotationBy: "ops",
							node.AnnotationSince: since.UTC().Format("2006-01-02T15:04:05Z"),
						})
					}
				})
			before := map[string][]any{}
			for _, name := range names {
				before[name] = portrait(t, c, name)
			}
			request.Cluster, request.Nodes = c.Name, names
			p.cache.InvalidateCluster(c.Name) // these nodes are new
			v, err := p.engine.Submit(as(t, services.RoleAdmin), request)
			require.NoError(t, err)
			require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
			after := map[string][]any{}
			changed := 0
			for _, name := range names {
				after[name] = portrait(t, c, name)
				if !slices.EqualFunc(before[name], after[name], equal) {
					changed++
				}
			}
			require.Positive(t, changed)

			undone := p.undo(t, v.ID, nil)
			require.Equal(t, store.StateSucceeded, undone.State, "%+v", undone.Failed)
			require.Equal(t, changed, undone.Counts.Succeeded)
			require.Equal(t, v.ID, undone.UndoOf)
			for _, name := range names {
				require.Equal(t, before[name], portrait(t, c, name), name)
			}
			again := p.undo(t, undone.ID, nil)
			require.Equal(t, changed, again.Counts.Succeeded, "%+v", again.Failed)
			for _, name := range names {
				require.Equal(t, after[name], portrait(t, c, name), name)
			}
		})
	}
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// What somebody else has changed since is named and left alone, unless the
// request says otherwise.
func TestUndo_leavesAloneWhatWasChangedSince(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3, kubetest.WithLabels(map[string]string{"env": "dev"}))
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "label", Nodes: names, Fields: form.Fields{"label": {"env=prod,tier=gold"}},
	})
	require.NoError(t, err)
	p.wait(t, v.ID)
	_, err = c.Client.CoreV1().Nodes().Patch(
		t.Context(), names[0], types.MergePatchType, []byte(`{"metadata":{"labels":{"env":"test"}}}`), metav1.PatchOptions{},
	)
	require.NoError(t, err)
	require.NoError(t, c.Client.CoreV1().Nodes().Delete(t.Context(), names[1], metav1.DeleteOptions{}))
	c.Nodes(t, 1, kubetest.Named(names[1]), kubetest.WithLabels(map[string]string{"env": "prod", "tier": "gold"}))
	p.cache.InvalidateCluster(c.Name)

	plan, err := p.engine.Preview(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "undo", Fields: form.Fields{"undo_of": {v.ID}},
	})
	require.NoError(t, err)
	require.Len(t, plan.Nodes, 3)
	require.Equal(t, "error_undo_changed_since", plan.Nodes[0].Blockers[0].Text)
	require.Equal(t, "env", plan.Nodes[0].Blockers[0].Args["Keys"])

	undone := p.undo(t, v.ID, nil)
	require.Equal(t, store.StatePartial, undone.State)
	require.Equal(t, batch.Counts{Succeeded: 1, Skipped: 1, Failed: 1}, undone.Counts)
	items := p.items(t, undone.ID)
	require.Equal(t, "error_undo_changed_since", items[names[0]].Error.ID)
	require.Equal(t, "error_node_replaced", items[names[1]].Error.ID)
	require.Equal(
		t, []string{"test", "gold"}, []string{c.Node(t, names[0]).Labels["env"], c.Node(t, names[0]).Labels["tier"]},
		"the node is left alone as a whole",
	)
	require.Equal(t, "gold", c.Node(t, names[1]).Labels["tier"], "a node of the same name is another node")

	forced := p.undo(t, v.ID, form.Fields{"force": {"1"}})
	require.Equal(t, 1, forced.Counts.Succeeded)
	require.Equal(t, "dev", c.Node(t, names[0]).Labels["env"])
}

func TestUndo_ofAForeignCordonIsNone(t *testing.T) {
	c := lease(t)
	name := c.Nodes(t, 1)[0]
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	first := p.submit(t, c.Name, "cordon", name)
	p.wait(t, first.ID)
	p.wait(t, p.submit(t, c.Name, "uncordon", name).ID)
	other, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "cordon", Nodes: []string{name}, Reason: "another reason",
	})
	require.NoError(t, err)
	p.wait(t, other.ID)
	require.Equal(t, batch.Counts{Skipped: 1}, p.undo(t, first.ID, nil).Counts)
	require.True(t, c.Node(t, name).Spec.Unschedulable, "this cordon is not the one that is taken back")
}

// A retry is a batch of its own, with the parameters of the first and only those
// nodes on which that did not get there.
func TestRetry_onlyWhatDidNotGetThere(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 4)
	fault := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[1], Code: 422})
	request := batch.Request{
		Cluster: c.Name, Operation: "label", Nodes: append([]string{"ghost"}, names...), Reason: "audit",
		Fields: form.Fields{"label": {"tier=gold"}},
	}
	v, err := p.engine.Submit(as(t, services.RoleUser), request)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 3, Failed: 2}, p.wait(t, v.ID).Counts)
	fault.Remove()
	_, err = p.engine.Retry(as(t, services.RoleViewer), v.ID, nil, "")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	retried, err := p.engine.Retry(as(t, services.RoleUser), v.ID, nil, "once")
	require.NoError(t, err)
	twice, err := p.engine.Retry(as(t, services.RoleUser), v.ID, nil, "once")
	require.NoError(t, err)
	require.Equal(t, retried.ID, twice.ID, "the same form is one batch")
	retried = p.wait(t, retried.ID)
	require.Equal(t, batch.Counts{Succeeded: 1, Failed: 1}, retried.Counts)
	require.Equal(t, []string{v.ID, "audit", "label"}, []string{retried.RetryOf, retried.Reason, retried.Operation})
	require.JSONEq(t, string(v.Params), string(retried.Params))
	require.Equal(t, "gold", c.Node(t, names[1]).Labels["tier"])

	last, err := p.engine.Retry(as(t, services.RoleUser), retried.ID, nil, "")
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Failed: 1}, p.wait(t, last.ID).Counts, "a ghost stays one")
	good := p.submit(t, c.Name, "cordon", names...)
	p.wait(t, good.ID)
	_, err = p.engine.Retry(as(t, services.RoleUser), good.ID, nil, "")
	require.Equal(t, "error_origin_nothing_retry_of", services.AsError(err).Text)
	_, err = p.engine.Undo(as(t, services.RoleUser), last.ID, nil, "", "")
	require.Equal(t, "error_origin_nothing_undo_of", services.AsError(err).Text)
}
