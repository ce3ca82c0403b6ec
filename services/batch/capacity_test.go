package batch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

func cordonOf(cluster string, nodes ...string) batch.Request {
	return batch.Request{Cluster: cluster, Operation: "cordon", Nodes: nodes, Reason: "kernel update"}
}

// A batch that would pass a limit is refused, whoever took the other nodes out of
// service. An administrator may pass it by typing the name of the cluster.
func TestLimits_refuse(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 6)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"limit_cluster": {"50%"}})
	c.UpdateNode(t, names[0], func(n *corev1.Node) { n.Spec.Unschedulable = true }) // by somebody else
	_, err := p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[1:4]...))
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))
	require.Equal(t, "error_limit_cluster", services.AsError(err).Text)

	plan, err := p.engine.Preview(as(t, services.RoleUser), cordonOf(c.Name, names[1:4]...))
	require.NoError(t, err)
	require.Equal(t, []batch.Room{{Kind: batch.ReachCluster, Max: 3, Now: 1, After: 4}}, plan.Exceeded)

	q := cordonOf(c.Name, names[1:4]...)
	_, err = p.engine.Submit(as(t, services.RoleAdmin), q)
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	require.Equal(t, "exceed", services.AsError(err).Fields[0].Field)
	q.Fields = form.Fields{"exceed": {c.Name}}
	_, err = p.engine.Submit(as(t, services.RoleUser), q)
	require.Equal(t, services.CodeForbidden, services.CodeOf(err), "not by anybody")
	v, err := p.engine.Submit(as(t, services.RoleAdmin), q)
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Len(t, cordonedNodes(t, c), 4)
	require.Contains(t, string(v.Rollout), `"exceed":true`)

	v, err = p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[:4]...))
	require.NoError(t, err, "it takes no other node out of service")
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
}

// Nodes that are not ready count, and each pool has its own limit.
func TestLimits_pool(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 6, func(i int, n *corev1.Node) {
		n.Labels["node.kubernetes.io/pool"] = fmt.Sprint("pool-", i/3)
	})
	c.StopKubelet(t, names[0])
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"limit_pool": {"1"}})
	_, err := p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[1], names[3]))
	require.Equal(t, "error_limit_pool", services.AsError(err).Text)
	require.Equal(t, "pool-0", services.AsError(err).Args["Name"])
	v, err := p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[3]))
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
}

// The control plane keeps a majority, also in a cluster without rules.
func TestLimits_controlPlane(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 3, func(_ int, n *corev1.Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" })
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	v, err := p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[0]))
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	for _, operation := range []string{"cordon", "drain"} {
		q := cordonOf(c.Name, names[1])
		q.Operation = operation
		_, err = p.engine.Submit(as(t, services.RoleAdmin), q)
		require.Equal(t, services.CodeInvalid, services.CodeOf(err), operation)
		require.Equal(t, "error_exceed_control_plane", services.AsError(err).Fields[0].Text, operation)
	}
}

// Batches that may wait never take more nodes out of service than the limit allows, all
// together, and go on as others come back.
func TestLimits_wait(t *testing.T) {
	for _, operation := range []string{"cordon", "drain"} {
		t.Run(operation, func(t *testing.T) {
			c := lease(t)
			names := c.Nodes(t, 8)
			p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
			p.rule(t, c.Name, form.Fields{"limit_cluster": {"2"}, "limit_wait": {"1"}})
			var ids []string
			for _, part := range [][]string{names[:3], names[3:6]} {
				q := cordonOf(c.Name, part...)
				q.Operation = operation
				v, err := p.engine.Submit(as(t, services.RoleAdmin), q)
				require.NoError(t, err)
				ids = append(ids, v.ID)
			}
			for done := 0; done < 6; {
				cordoned := cordonedNodes(t, c)
				require.LessOrEqual(t, len(cordoned), 2)
				for _, name := range cordoned {
					if p.state(t, ids, name) == store.ItemSucceeded { // its maintenance is over
						c.UpdateNode(t, name, func(n *corev1.Node) { n.Spec.Unschedulable = false })
						done++
					}
				}
			}
			for _, id := range ids {
				require.Equal(t, store.StateSucceeded, p.wait(t, id).State)
			}
		})
	}
}

// cordonedNodes returns the names of the nodes that are cordoned, as the API server has them.
func cordonedNodes(t *testing.T, c *kubetest.Cluster) (names []string) {
	t.Helper()
	all, err := c.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i := range all.Items {
		if all.Items[i].Spec.Unschedulable {
			names = append(names, all.Items[i].Name)
		}
	}
	return names
}

// state returns the state of a node's item in one of the batches.
func (p *process) state(t *testing.T, ids []string, name string) store.ItemState {
	t.Helper()
	for _, id := range ids {
		it, ok := p.items(t, id)[name]
		if ok {
			return it.State
		}
	}
	return ""
}

// A batch that waits for room says so, and can be cancelled.
func TestLimits_saysWhatItWaitsFor(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 4)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	p.rule(t, c.Name, form.Fields{"limit_cluster": {"1"}, "limit_wait": {"1"}})
	v, err := p.engine.Submit(as(t, services.RoleUser), cordonOf(c.Name, names[:2]...))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err = p.engine.View(as(t, services.RoleViewer), v.ID)
		return err == nil && v.Full != nil && v.Counts.Succeeded == 1
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, batch.Room{Kind: batch.ReachCluster, Max: 1, Now: 1, After: 2}, *v.Full)
	v, err = p.engine.Cancel(as(t, services.RoleUser), v.ID)
	require.NoError(t, err)
	v = p.wait(t, v.ID)
	require.Equal(t, store.StateCancelled, v.State)
	require.Nil(t, v.Full)
	require.Len(t, cordonedNodes(t, c), 1)
}
