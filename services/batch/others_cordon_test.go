package batch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
)

// Somebody cordons a node after a batch was planned, and before it does so itself: the cordon
// is theirs, and neither lifted nor explained by us.
func TestOthers_cordonFirst(t *testing.T) {
	for _, operation := range []string{"cordon", "drain"} {
		t.Run(operation, func(t *testing.T) {
			c, proxy, p := behind(t, usual)
			nodes := c.Nodes(t, 2)
			blocking(t, c, nodes[0])
			hold := make(chan struct{})
			patch := proxy.Inject(kubetest.Fault{Verb: "patch", Resource: "nodes", Name: nodes[0], Hold: hold, Times: 1})
			fields := form.Fields{}
			if operation == "drain" {
				fields = form.Fields{"timeout": {"1"}, "restore": {"1"}}
			}
			v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
				Cluster: c.Name, Operation: operation, Nodes: nodes, Reason: "kernel CVE", Fields: fields,
			})
			require.NoError(t, err)
			patch.WaitHits(t, 1)
			patchBehind(t, c, nodes[0], "kubectl-cordon", `{"spec":{"unschedulable":true}}`)
			close(hold)
			p.wait(t, v.ID)
			now := c.Node(t, nodes[0])
			require.True(t, now.Spec.Unschedulable)
			for _, key := range node.CordonAnnotations() {
				require.NotContains(t, now.Annotations, key)
			}
			it := p.items(t, v.ID)[nodes[0]]
			if operation == "cordon" {
				require.Equal(t, store.ItemUnchanged, it.State)
				require.True(t, *it.Before.Unschedulable)
				require.NotEmpty(t, c.Node(t, nodes[1]).Annotations[node.AnnotationBy], "our own is explained")
			} else {
				require.Equal(t, store.ItemFailed, it.State)
			}
			p.cache.InvalidateCluster(c.Name)
			_, err = p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
				Cluster: c.Name, Operation: "uncordon", Nodes: nodes,
			})
			require.Equal(t, "others: error_others", text(err))
		})
	}
}

// A drain leaves the cordon of somebody else unexplained; a cordon with a reason explains it.
func TestOthers_cordonIsNotExplainedByADrain(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	patchBehind(t, c, nodes[0], "kubectl-cordon", `{"spec":{"unschedulable":true}}`)
	require.Equal(t, store.StateSucceeded, p.drained(t, c.Name, nodes).State)
	require.NotContains(t, c.Node(t, nodes[0]).Annotations, node.AnnotationBy)
	p.cache.InvalidateCluster(c.Name)
	p.wait(t, p.submit(t, c.Name, "cordon", nodes...).ID)
	require.Equal(t, "kernel CVE", c.Node(t, nodes[0]).Annotations[node.AnnotationReason])
}
