package batch_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

func TestSubmit_boundsTheIdempotencyKey(t *testing.T) {
	c := kubetest.Acquire(t)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	request := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: c.Nodes(t, 1), IdempotencyKey: strings.Repeat("k", 129)}
	_, err := p.engine.Submit(as(t, services.RoleAdmin), request)
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "idempotency_key", services.AsError(err).Fields[0].Field)
	request.IdempotencyKey = request.IdempotencyKey[1:]
	v, err := p.engine.Submit(as(t, services.RoleAdmin), request)
	require.NoError(t, err)
	p.wait(t, v.ID)
}

// Plans that hang hold up neither another person for ever nor the program's
// memory: who asks for a third one waits, and is refused with words.
func TestPreview_isBoundedForOnePerson(t *testing.T) {
	t.Parallel() // it mostly waits
	c := kubetest.Acquire(t)
	proxy := c.Proxy(t)
	names := c.Nodes(t, 1)
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
	hold := make(chan struct{})
	held := proxy.Inject(kubetest.Fault{Verb: "list", Resource: "pods", Hold: hold})
	drain := batch.Request{Cluster: c.Name, Operation: "drain", Nodes: names}
	plans := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := p.engine.Preview(as(t, services.RoleAdmin), drain)
			plans <- err
		}()
	}
	held.WaitHits(t, 2)
	_, err := p.engine.Preview(as(t, services.RoleAdmin), drain)
	require.Equal(t, services.CodeThrottled, services.CodeOf(err))
	require.Equal(t, "error_planning_actor", services.AsError(err).Text)
	other := services.WithActor(t.Context(), services.Actor{ID: 8, Name: "other", Role: services.RoleAdmin})
	_, err = p.engine.Preview(other, batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: names})
	require.NoError(t, err, "another person is not held up")
	close(hold)
	require.NoError(t, <-plans)
	require.NoError(t, <-plans)
	_, err = p.engine.Preview(as(t, services.RoleAdmin), drain)
	require.NoError(t, err, "turns are given back")
}

// A person may have so many batches at work, and no more.
func TestSubmit_boundsOpenBatches(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 1)
	proxy := c.Proxy(t)
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
	hold := make(chan struct{})
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
	request := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: names}
	var ids []string
	for {
		v, err := p.engine.Submit(as(t, services.RoleAdmin), request)
		if err != nil {
			require.Equal(t, services.CodeThrottled, services.CodeOf(err))
			require.Equal(t, "error_open_actor", services.AsError(err).Text)
			break
		}
		ids = append(ids, v.ID)
	}
	require.Len(t, ids, 50)
	close(hold)
	for _, id := range ids {
		require.Equal(t, store.StateSucceeded, p.wait(t, id).State)
	}
	_, err := p.engine.Submit(as(t, services.RoleAdmin), request)
	require.NoError(t, err, "there is room again")
}

// A number of pods that was not read from a plan is no consent.
func TestSubmit_confirmedPodsMustBeThePlansNumber(t *testing.T) {
	c := kubetest.Acquire(t)
	name := c.Nodes(t, 1)[0]
	namespace := c.Namespace(t)
	for _, pod := range []string{"a", "b", "c"} {
		c.Pod(t, namespace, pod, name)
	}
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	taint := func(confirmed string) error {
		_, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
			Cluster: c.Name, Operation: "taint", Nodes: []string{name},
			Form: url.Values{"taint": {"maint:NoExecute"}, "confirm_pods": {confirmed}},
		})
		return err
	}
	for _, wrong := range []string{"", "2", "-1", "999999", "99999999999999999999", "unknown", "3.0"} {
		err := taint(wrong)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), wrong)
		require.Equal(t, "confirm_pods", services.AsError(err).Fields[0].Field)
	}
	require.Empty(t, c.Node(t, name).Spec.Taints)
	require.NoError(t, taint("3"))
}

// Whoever takes back what an administrator did to protected keys needs the same
// right and says the same word.
func TestUndo_ofProtectedKeysTakesTheSameConsent(t *testing.T) {
	c := kubetest.Acquire(t)
	taint := corev1.Taint{Key: "node.kubernetes.io/out-of-service", Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute}
	names := c.Nodes(t, 1, kubetest.WithTaints(taint))
	p := startProcess(t, c.Kubeconfig, t.TempDir(), protecting(t))
	v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "taint", Nodes: names,
		Form: url.Values{"taint": {taint.Key + "-"}, "confirm": {c.Name}},
	})
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)

	consent := url.Values{"confirm": {c.Name}, "confirm_pods": {"0"}}
	_, err = p.engine.Undo(as(t, services.RoleUser), v.ID, consent, "", "")
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, "error_protected", services.AsError(err).Text)
	_, err = p.engine.Undo(as(t, services.RoleAdmin), v.ID, nil, "", "")
	require.Equal(t, "confirm", services.AsError(err).Fields[0].Field)
	require.Empty(t, c.Node(t, names[0]).Spec.Taints)
	undone, err := p.engine.Undo(as(t, services.RoleAdmin), v.ID, consent, "", "")
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, undone.ID).State)
	require.Equal(t, taint.Key, c.Node(t, names[0]).Spec.Taints[0].Key)
}

// Nobody lets a batch go on that they could not have started.
func TestResume_takesTheRightsOfTheBatch(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 3)
	proxy := c.Proxy(t)
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), protecting(t))
	drainer := services.WithActor(t.Context(), services.Actor{ID: 9, Name: "user", Role: services.RoleUser, Drains: true})
	for name, request := range map[string]batch.Request{
		"protected label": {Operation: "label", Form: url.Values{"label": {"topology.kubernetes.io/zone=z9"}, "confirm": {c.Name}}},
		"forced drain":    {Operation: "drain", Form: url.Values{"force": {"1"}, "confirm": {c.Name}}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy.Reset()
			hold := make(chan struct{})
			held := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Hold: hold})
			request.Cluster, request.Nodes = c.Name, names
			v, err := p.engine.Submit(as(t, services.RoleAdmin), request)
			require.NoError(t, err)
			held.WaitHits(t, 1)
			_, err = p.engine.Pause(drainer, v.ID)
			require.NoError(t, err, "anybody who may change nodes may stop it")
			_, err = p.engine.Resume(drainer, v.ID)
			require.Equal(t, services.CodeForbidden, services.CodeOf(err))
			close(hold)
			_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID)
			require.NoError(t, err)
			require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
		})
	}
}

// A retry of an undo does the rest of the undo, and made-up origins are refused
// with words.
func TestRetry_ofAnUndo(t *testing.T) {
	c := kubetest.Acquire(t)
	names := c.Nodes(t, 3)
	proxy := c.Proxy(t)
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), usual)
	admin := as(t, services.RoleAdmin)
	v, err := p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: "label", Nodes: names, Form: url.Values{"label": {"env=prod"}}})
	require.NoError(t, err)
	p.wait(t, v.ID)
	proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: names[1], Code: 422, Times: 1})
	undone := p.undo(t, v.ID, nil)
	require.Equal(t, store.StatePartial, undone.State)

	again, err := p.engine.Retry(admin, undone.ID, url.Values{}, "")
	require.NoError(t, err)
	again = p.wait(t, again.ID)
	require.Equal(t, store.StateSucceeded, again.State)
	require.Equal(t, 1, again.Total)
	for _, name := range names {
		require.NotContains(t, c.Node(t, name).Labels, "env")
	}

	for _, operation := range []string{"undo", "cordon", "label", "drain"} {
		for _, id := range []string{"made-up", "'; DROP TABLE batches; --", strings.Repeat("9", 5000)} {
			for _, form := range []url.Values{nil, {"undo_of": {id}}, {"undo_of": {v.ID}}} {
				request := batch.Request{Cluster: c.Name, Operation: operation, RetryOf: id, Form: form, Nodes: names}
				_, err := p.engine.Submit(admin, request)
				require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%s %v", operation, form)
				_, err = p.engine.Preview(admin, request)
				require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%s %v", operation, form)
			}
		}
	}
	_, err = p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: "undo", RetryOf: v.ID, Nodes: names})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err), "the batch of another operation")
}

// protecting is the usual options with what is protected by default.
func protecting(t *testing.T) batch.Options {
	t.Helper()
	protect, err := operation.NewProtection()
	require.NoError(t, err)
	o := usual
	o.Protect = protect
	return o
}
