package batch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// patchBehind changes a node as another actor does.
func patchBehind(t *testing.T, c *kubetest.Cluster, name, manager, patch string) {
	t.Helper()
	_, err := c.Client.CoreV1().Nodes().Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: manager})
	require.NoError(t, err)
}

// marks are what other actors leave on their nodes, by kind.
func marks() map[string]string {
	taint := func(key, value, effect string) string {
		return fmt.Sprintf(`{"spec":{"taints":[{"key":%q,"value":%q,"effect":%q}]}}`, key, value, effect)
	}
	return map[string]string{
		node.ActorAutoscaler:  taint("ToBeDeletedByClusterAutoscaler", "1764158400", "NoSchedule"),
		node.ActorKarpenter:   taint("karpenter.sh/disrupted", "", "NoSchedule"),
		node.ActorMaintenance: taint("medik8s.io/drain", "", "NoSchedule"),
		node.ActorKured:       `{"metadata":{"annotations":{"weave.works/kured-reboot-in-progress":"2026-11-26T10:00:00Z"}}}`,
		node.ActorClusterAPI:  `{"metadata":{"annotations":{"cluster.x-k8s.io/delete-machine":"yes"}}}`,
	}
}

// The plan names who else is at work, and the batch wants a consent; the digest is of both.
func TestOthers_needAConsent(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	admin := as(t, services.RoleAdmin)
	q := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: nodes}
	before, err := p.engine.Preview(admin, q)
	require.NoError(t, err)
	require.Empty(t, before.Others)
	for kind, mark := range marks() {
		patchBehind(t, c, nodes[0], kind, mark)
		p.cache.InvalidateCluster(c.Name)
		plan, err := p.engine.Preview(admin, q)
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(plan.Others[nodes[0]], func(a node.Actor) bool { return a.Kind == kind }), kind)
		require.NotEmpty(t, plan.Nodes[0].Warnings)
		require.NotEqual(t, before.Digest, plan.Digest)
		require.NotContains(t, plan.Others, nodes[1])
	}
	for _, operation := range []string{"cordon", "drain"} {
		q.Operation, q.Fields = operation, nil
		_, err = p.engine.Submit(admin, q)
		require.Equal(t, "others: error_others", text(err), operation)
	}
	q.Operation, q.Fields = "label", form.Fields{"label": {"a=b"}}
	v, err := p.engine.Submit(admin, q)
	require.NoError(t, err, "a label is in nobody's way")
	p.wait(t, v.ID)
	q.Operation, q.Fields = "drain", form.Fields{"others": {"1"}}
	v, err = p.engine.Submit(admin, q)
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	q.Operation, q.Fields, q.Guarded = "uncordon", nil, true
	_, err = p.engine.Submit(admin, q)
	require.Equal(t, batch.TextReach, services.AsError(err).Text, "a person is shown the plan")
}

// Whose cordon it is: the API server knows with what it was made.
func TestOthers_cordonOfSomebodyElse(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	patchBehind(t, c, nodes[0], "kubectl-cordon", `{"spec":{"unschedulable":true}}`)
	p.wait(t, p.submit(t, c.Name, "cordon", nodes[1]).ID)
	admin := as(t, services.RoleAdmin)
	q := batch.Request{Cluster: c.Name, Operation: "uncordon", Nodes: nodes}
	plan, err := p.engine.Preview(admin, q)
	require.NoError(t, err)
	require.Len(t, plan.Others, 1, "not our own")
	require.Equal(t, "kubectl-cordon", plan.Others[nodes[0]][0].Mark)
	require.NotNil(t, plan.Others[nodes[0]][0].Since)
	require.Equal(t, "actor_foreign_cordon", plan.Nodes[0].Warnings[0].Text)
	_, err = p.engine.Submit(admin, q)
	require.Equal(t, "others: error_others", text(err))
	require.True(t, c.Node(t, nodes[0]).Spec.Unschedulable)

	drain := batch.Request{Cluster: c.Name, Operation: "drain", Nodes: nodes[:1]}
	plan, err = p.engine.Preview(admin, drain)
	require.NoError(t, err)
	require.Empty(t, plan.Others)
	require.Equal(t, "actor_foreign_cordon", plan.Drain.Nodes[0].Warnings[0].Text)
	drained, err := p.engine.Submit(admin, drain)
	require.NoError(t, err, "a cordon is in the way of nothing but its end")
	p.wait(t, drained.ID)
	q.Fields = form.Fields{"others": {"1"}}
	v, err := p.engine.Submit(admin, q)
	require.NoError(t, err)
	require.Equal(t, 2, p.wait(t, v.ID).Counts.Succeeded)
}

// Somebody cordons a node after it was planned to uncordon it: it stays so.
func TestOthers_cordonAfterThePlan(t *testing.T) {
	c, proxy, p := behind(t, usual)
	nodes := c.Nodes(t, 2)
	p.table(t, c.Name) // the plan is made from the cache
	hold := make(chan struct{})
	read := proxy.Inject(kubetest.Fault{Verb: "get", Resource: "nodes", Name: nodes[0], Hold: hold})
	v := p.submit(t, c.Name, "uncordon", nodes...)
	read.WaitHits(t, 1) // it seems to be schedulable already, and is looked at
	patchBehind(t, c, nodes[0], "kubectl-cordon", `{"spec":{"unschedulable":true}}`)
	close(hold)
	require.Equal(t, batch.Counts{Unchanged: 1, Skipped: 1}, p.wait(t, v.ID).Counts)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, "error_other_since", it.Error.ID)
	require.Equal(t, "kubectl-cordon", it.Error.Args["Actor"])
	require.True(t, c.Node(t, nodes[0]).Spec.Unschedulable)
}

// Karpenter, an autoscaler, node-maintenance-operator, kured and somebody with kubectl act
// on 60 nodes while batches cordon, label, drain and uncordon them. Nothing of theirs is
// damaged, and no node is uncordoned that one of them has cordoned.
func TestOthers_actAtOnce(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 60), c.Namespace(t)
	c.Deployment(t, ns, "web", 60)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	admin := as(t, services.RoleAdmin)
	kinds := []string{
		node.ActorAutoscaler, node.ActorKarpenter, node.ActorMaintenance, node.ActorKured, node.ActorClusterAPI,
	}
	var work sync.WaitGroup
	for i, kind := range kinds { // each works on ten nodes, while the batches do
		work.Go(func() {
			for _, name := range nodes[10*i : 10*i+10] {
				patchBehind(t, c, name, kind, marks()[kind])
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	work.Go(func() {
		for _, name := range nodes[50:] {
			patchBehind(t, c, name, "kubectl-cordon", `{"spec":{"unschedulable":true}}`)
			time.Sleep(20 * time.Millisecond)
		}
	})
	label, err := p.engine.Submit(admin, batch.Request{
		Cluster: c.Name, Operation: "taint", Nodes: nodes[:50],
		Fields: form.Fields{"taint": {"mine:PreferNoSchedule"}, "others": {"1"}},
	})
	require.NoError(t, err)
	work.Wait()
	require.Equal(t, 50, p.wait(t, label.ID).Counts.Succeeded)
	p.cache.InvalidateCluster(c.Name)

	_, err = p.engine.Submit(admin, batch.Request{Cluster: c.Name, Operation: "uncordon", Nodes: nodes})
	require.Equal(t, "others: error_others", text(err), "ten are cordoned with kubectl")
	drain, err := p.engine.Submit(admin, batch.Request{
		Cluster: c.Name, Operation: "drain", Nodes: nodes[:55], Fields: form.Fields{"others": {"1"}, "restore": {"1"}},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		view, err := p.engine.View(admin, drain.ID)
		return err == nil && batch.Done(view.Counts) > 0
	}, time.Minute, 20*time.Millisecond)
	_, err = p.engine.Cancel(admin, drain.ID)
	require.NoError(t, err)
	ended := p.wait(t, drain.ID)
	for name, it := range p.items(t, drain.ID) {
		if it.State == store.ItemFailed || it.State == store.ItemSkipped {
			require.NotNil(t, it.Error, "%s: why is said", name)
		}
	}
	require.True(t, ended.State.Ended())
	c.Eventually(t, func(ctx context.Context) error { return intact(ctx, c, nodes, kinds) })
}

// intact returns an error if anything that the other actors have set is not as they did.
func intact(ctx context.Context, c *kubetest.Cluster, nodes, kinds []string) error {
	for i, name := range nodes {
		n, err := c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if i >= 50 {
			if !n.Spec.Unschedulable {
				return fmt.Errorf("%s was uncordoned", name)
			}
			continue
		}
		if !hasMark(n, kinds[i/10]) {
			return fmt.Errorf("%s has lost the mark of %s", name, kinds[i/10])
		}
	}
	return nil
}

func hasMark(n *corev1.Node, kind string) bool {
	mark := marks()[kind]
	for _, taint := range n.Spec.Taints {
		if strings.Contains(mark, `"`+taint.Key+`"`) && strings.Contains(mark, `"`+taint.Value+`"`) {
			return true
		}
	}
	for key, value := range n.Annotations {
		if strings.Contains(mark, `"`+key+`":"`+value+`"`) {
			return true
		}
	}
	return false
}
