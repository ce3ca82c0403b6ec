package batch_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// protecting is usual with the keys that are protected by default.
func protecting(t *testing.T) batch.Options {
	t.Helper()
	o := usual
	var err error
	o.Protect, err = operation.NewProtection()
	require.NoError(t, err)
	return o
}

const outOfService = "node.kubernetes.io/out-of-service"

// text returns the message of an error: that of its field when it names one.
func text(err error) string {
	if err == nil {
		return ""
	}
	e := services.AsError(err)
	if len(e.Fields) > 0 {
		return e.Fields[0].Field + ": " + e.Fields[0].Text
	}
	return e.Text
}

// Whoever takes a batch back needs the same consent as who made it.
func TestUndo_asksForTheConsentOfTheFirst(t *testing.T) {
	c := lease(t)
	names := c.Nodes(
		t, 2, kubetest.WithTaints(corev1.Taint{Key: outOfService, Value: "x", Effect: corev1.TaintEffectNoExecute}),
	)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), protecting(t))
	admin, user := as(t, services.RoleAdmin), as(t, services.RoleUser)
	fields := form.Fields{"taint": {outOfService + "-"}, "confirm": {c.Name}}
	v, err := p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: "taint", Nodes: names, Fields: fields})
	require.NoError(t, err)
	p.wait(t, v.ID)

	_, err = p.engine.Undo(user, v.ID, form.Fields{"confirm": {c.Name}, "confirm_pods": {"0"}}, "", "")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, "error_protected", text(err))
	_, err = p.engine.Undo(admin, v.ID, nil, "", "")
	require.Equal(t, "confirm: error_confirm_protected", text(err))
	require.Empty(t, c.Node(t, names[0]).Spec.Taints, "nothing was changed")
	plan, err := p.engine.Preview(user, batch.Request{
		Cluster: c.Name, Operation: "undo", Fields: form.Fields{"undo_of": {v.ID}},
	})
	require.NoError(t, err)
	require.Equal(t, []string{outOfService}, plan.Named)

	undone := p.undo(t, v.ID, form.Fields{"confirm": {c.Name}, "node": names[:1]})
	require.Equal(t, 1, undone.Counts.Succeeded)
	require.Len(t, c.Node(t, names[0]).Spec.Taints, 1)
	_, err = p.engine.Undo(user, undone.ID, nil, "", "")
	require.Equal(t, "error_protected", text(err), "taking the undo back does too")
}

// The number that is confirmed is the one that was shown.
func TestEvictions_confirmTheNumber(t *testing.T) {
	c := lease(t)
	name, ns := c.Nodes(t, 1)[0], c.Namespace(t)
	for i := range 10 {
		c.Pod(t, ns, "pod-"+strconv.Itoa(i), name)
	}
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	submit := func(confirm string) error {
		fields := form.Fields{"taint": {"off:NoExecute"}, "confirm_pods": {confirm}}
		_, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
			Cluster: c.Name, Operation: "taint", Nodes: []string{name}, Fields: fields,
		})
		return err
	}
	for _, wrong := range []string{"", "9", "12", "999999", "99999999999999999999", "-10", "unknown", "x"} {
		err := submit(wrong)
		require.Equal(t, "confirm_pods: error_confirm_pods", text(err), wrong)
		require.Equal(t, 10, services.AsError(err).Fields[0].Args["Count"], "the number as it is now")
	}
	require.Empty(t, c.Node(t, name).Spec.Taints)
	require.NoError(t, submit("11"), "one pod has gone since")
}

// A node that the cached list does not know yet is no way round the question.
func TestEvictions_ofANodeThatIsNew(t *testing.T) {
	c := lease(t)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	c.Nodes(t, 1)
	p.table(t, c.Name) // now it is cached
	name := c.Nodes(t, 1)[0]
	c.Pod(t, c.Namespace(t), "pod", name)
	fields := form.Fields{"taint": {"off:NoExecute"}}
	_, err := p.engine.Submit(as(t, services.RoleUser), batch.Request{
		Cluster: c.Name, Operation: "taint", Nodes: []string{name}, Fields: fields,
	})
	require.Equal(t, "confirm_pods: error_confirm_pods", text(err))
}

// Who resumes a batch needs the rights and consents of who made it; to pause and
// to cancel it is safe.
func TestResume_asksForTheConsentOfTheBatch(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	dir, o := t.TempDir(), protecting(t)
	p := startProcess(t, c.Kubeconfig, dir, o)
	admin, user := as(t, services.RoleAdmin), as(t, services.RoleUser)
	fields := form.Fields{"label": {"topology.kubernetes.io/zone=eu-9"}, "canary": {"1"}, "confirm": {c.Name}}
	v, err := p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: "label", Nodes: names, Fields: fields})
	require.NoError(t, err)
	refused := func() {
		t.Helper()
		_, err = p.engine.Resume(user, v.ID, form.Fields{"confirm": {c.Name}})
		require.Equal(t, services.CodeForbidden, services.CodeOf(err))
		require.Equal(t, "error_protected", text(err))
		_, err = p.engine.Resume(admin, v.ID, form.Fields{"confirm": {"another"}})
		require.Equal(t, "confirm: error_confirm_protected", text(err))
		v, err = p.engine.View(user, v.ID)
		require.NoError(t, err)
		require.Equal(t, "confirm: error_confirm_protected", text(v.Asks), "a page can ask for it")
		require.Equal(t, batch.Counts{Succeeded: 1, Pending: 3}, v.Counts)
	}
	p.atGate(t, v.ID)
	refused()
	p.stop()
	p = startProcess(t, c.Kubeconfig, dir, o)
	refused()
	_, err = p.engine.Resume(admin, v.ID, form.Fields{"confirm": {c.Name}})
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 4}, p.wait(t, v.ID).Counts)

	back, err := p.engine.Undo(admin, v.ID, form.Fields{"canary": {"1"}, "confirm": {c.Name}}, "", "")
	require.NoError(t, err)
	v = p.atGate(t, back.ID)
	refused()
	_, err = p.engine.Cancel(user, v.ID)
	require.NoError(t, err)
	require.Equal(t, batch.Counts{Succeeded: 1, Cancelled: 3}, p.wait(t, v.ID).Counts)
}

// A retry of an undo undoes what the undo did not; a batch that is made up is
// nobody's fault but the request's.
func TestRetry_ofAnUndo(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 2)
	user := as(t, services.RoleUser)
	v, err := p.engine.Submit(user, batch.Request{
		Cluster: c.Name, Operation: "label", Nodes: names, Fields: form.Fields{"label": {"tier=gold"}},
	})
	require.NoError(t, err)
	p.wait(t, v.ID)
	fault := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[1], Code: 422})
	undone := p.undo(t, v.ID, nil)
	require.Equal(t, batch.Counts{Succeeded: 1, Failed: 1}, undone.Counts)
	fault.Remove()

	retried, err := p.engine.Retry(user, undone.ID, nil, "")
	require.NoError(t, err)
	require.Equal(t, []string{undone.ID, v.ID}, []string{retried.RetryOf, retried.UndoOf})
	require.Equal(t, batch.Counts{Succeeded: 1}, p.wait(t, retried.ID).Counts)
	require.NotContains(t, c.Node(t, names[1]).Labels, "tier")

	for want, q := range map[string]batch.Request{
		"retry_of: error_batch_unknown": {Operation: "undo", RetryOf: "nothing"},
		"undo_of: error_batch_unknown":  {Operation: "undo", Fields: form.Fields{"undo_of": {"nothing"}}},
		"undo_of: error_undo_missing":   {Operation: "undo"},
		"retry_of: error_origin_other":  {Operation: "undo", RetryOf: v.ID},
		"error_origin_nothing_retry_of": {Operation: "undo", RetryOf: retried.ID},
	} {
		q.Cluster, q.Nodes = c.Name, names
		_, err := p.engine.Submit(user, q)
		require.Equal(t, want, text(err), "%+v", q)
	}
}

// Retention takes the first batch away: then nobody knows what to bring back.
func TestRetry_ofAnUndoWhoseBatchIsGone(t *testing.T) {
	c, proxy, p := behind(t, usual)
	names := c.Nodes(t, 1)
	first := p.submit(t, c.Name, "cordon", names...)
	p.wait(t, first.ID)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Code: 422})
	undone := p.undo(t, first.ID, nil)
	require.Equal(t, store.StateFailed, undone.State)
	_, err := p.store.Purge(t.Context(), store.Retention{
		At: undone.CreatedAt, Batches: undone.CreatedAt.Add(time.Millisecond), // they are stored in milliseconds
	})
	require.NoError(t, err)
	_, err = p.engine.Retry(as(t, services.RoleUser), undone.ID, nil, "")
	require.Equal(t, services.CodeConflict, services.CodeOf(err))
	require.Equal(t, "error_undo_gone", text(err))
}
