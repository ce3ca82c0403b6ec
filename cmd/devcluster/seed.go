package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/cmd/devcluster/internal/fleet"
)

// A node with this label and value has no kubelet: kwok ignores it, so that it has no
// lease, and its pods neither start nor end.
const (
	stoppedLabel = fleet.KubeletLabel
	stoppedValue = fleet.KubeletStopped
)

// seedParallelism is the number of concurrent calls that create nodes.
const seedParallelism = 32

// grantRoles grants the users of the token file their permissions.
func (c *cluster) grantRoles(ctx context.Context) error {
	rbac := c.client.RbacV1()
	meta := metav1.ObjectMeta{Name: "devcluster:viewer"}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: viewerRules()}
	if _, err := rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	for user, role := range map[string]string{adminUser: "cluster-admin", viewerUser: role.Name} {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "devcluster:" + user},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		}
		if _, err := rbac.ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// seed creates the nodes and workloads of a cluster. It stops kubelets last, so that
// these nodes have pods, as in a real outage.
func (p *plane) seed(ctx context.Context, c *cluster) error {
	nodes := c.spec.NodeObjects()
	if err := p.createNodes(ctx, c, nodes); err != nil {
		return err
	}
	if c.spec.Workloads {
		if err := p.createWorkloads(ctx, c); err != nil {
			return err
		}
	}
	notReady, cordoned := c.spec.Troubled(nodes)
	for _, name := range notReady {
		if err := c.stopKubelet(ctx, name); err != nil {
			return fmt.Errorf("stop the kubelet of %s: %w", name, err)
		}
		p.progress("%s: node %s is NotReady", c.name, name)
	}
	for _, name := range cordoned {
		if err := c.patchNode(ctx, name, `{"spec":{"unschedulable":true}}`); err != nil {
			return fmt.Errorf("cordon %s: %w", name, err)
		}
		p.progress("%s: node %s is cordoned", c.name, name)
	}
	return nil
}

func (p *plane) createNodes(ctx context.Context, c *cluster, nodes []*corev1.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	begin := time.Now()
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(seedParallelism)
	for _, node := range nodes {
		group.Go(func() error {
			_, err := c.client.CoreV1().Nodes().Create(limited, node, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("create nodes: %w", err)
	}
	created := time.Since(begin)
	ready := func(ctx context.Context) error { return c.nodesReady(ctx, len(nodes)) }
	if err := poll(ctx, p.failed, ready); err != nil {
		return fmt.Errorf("wait for nodes: %w", err)
	}
	p.progress("%s: %d nodes created in %s, ready after %s",
		c.name, len(nodes), seconds(created), seconds(time.Since(begin)))
	return nil
}

// nodesReady returns an error until want nodes are Ready and no longer have the
// taint of a new node. No pods are scheduled before.
func (c *cluster) nodesReady(ctx context.Context, want int) error {
	// From the server's cache, since this is called often.
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	ready := 0
	for i := range nodes.Items {
		if fleet.Ready(&nodes.Items[i]) {
			ready++
		}
	}
	if ready < want {
		return fmt.Errorf("%d of %d nodes are ready", ready, want)
	}
	return nil
}

// stopKubelet makes a node NotReady for good, as if its machine had failed. The label
// makes kwok ignore the node, and the status is that which the node lifecycle
// controller would set after its grace period.
func (c *cluster) stopKubelet(ctx context.Context, name string) error {
	label := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, stoppedLabel, stoppedValue)
	if err := c.patchNode(ctx, name, label); err != nil {
		return err
	}
	status, err := fleet.LostStatusPatch(metav1.Now())
	if err != nil {
		return err
	}
	return c.patchNode(ctx, name, string(status), "status")
}

func (c *cluster) patchNode(ctx context.Context, name, patch string, subresources ...string) error {
	_, err := c.client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{}, subresources...)
	return err
}

func seconds(d time.Duration) time.Duration {
	return d.Round(100 * time.Millisecond)
}
