package batch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// nmo is the holder of the leases of node-maintenance-operator.
const nmo = "node-maintenance"

// leased are options with leases that are renewed every second.
func leased() batch.Options {
	o := usual
	o.LeaseFor = 3 * time.Second
	return o
}

// holding starts a process in whose cluster leases are held, and returns their namespace.
func holding(t *testing.T, c *kubetest.Cluster, kubeconfig, dir string) (*process, string) {
	t.Helper()
	ns := c.Namespace(t)
	p := startProcess(t, kubeconfig, dir, leased())
	p.rule(t, c.Name, form.Fields{"node_lease": {"1"}, "lease_namespace": {ns}})
	return p, ns
}

// grab has somebody else take the lease of a node.
func grab(t *testing.T, c *kubetest.Cluster, ns, node, holder string, seconds int32) *coordinationv1.Lease {
	t.Helper()
	now := metav1.NowMicro()
	l, err := c.Client.CoordinationV1().Leases(ns).Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "node-" + node},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now,
			LeaseTransitions: new(int32),
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return l
}

// leaseOf returns the lease of a node, nil if there is none.
func leaseOf(t *testing.T, c *kubetest.Cluster, ns, node string) *coordinationv1.Lease {
	t.Helper()
	l, err := c.Client.CoordinationV1().Leases(ns).Get(t.Context(), "node-"+node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(t, err)
	return l
}

// awaitLease waits until the lease of a node has a holder, "" for no lease.
func awaitLease(t *testing.T, c *kubetest.Cluster, ns, node, holder string) {
	t.Helper()
	c.Eventually(t, func(ctx context.Context) error {
		l, err := c.Client.CoordinationV1().Leases(ns).Get(ctx, "node-"+node, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err) && holder == "":
			return nil
		case err != nil:
			return err
		case *l.Spec.HolderIdentity != holder:
			return fmt.Errorf("the lease of %s is held by %s", node, *l.Spec.HolderIdentity)
		}
		return nil
	})
}

// blocking adds a pod to a node whose budget allows no eviction, and returns what lifts that.
func blocking(t *testing.T, c *kubetest.Cluster, node string) (lift func()) {
	t.Helper()
	ns := c.Namespace(t)
	c.Deployment(t, ns, "cart", 1, kubetest.OnNodes(node))
	c.Budget(t, ns, "cart", 1)
	return func() {
		err := c.Client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "cart", metav1.DeleteOptions{})
		require.NoError(t, err)
	}
}

// A drain holds the lease of a node from before its cordon to its end, in the form of
// node-maintenance-operator, and renews it.
func TestLeases_whileADrainLasts(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	lift := blocking(t, c, nodes[0])
	p, ns := holding(t, c, c.Kubeconfig, t.TempDir())
	v, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	first := leaseOf(t, c, ns, nodes[0])
	require.Equal(t, "kube-node-manager/"+v.ID, *first.Spec.HolderIdentity)
	require.Equal(t, int32(3), *first.Spec.LeaseDurationSeconds)
	require.Zero(t, *first.Spec.LeaseTransitions)
	owner := first.OwnerReferences[0]
	require.Equal(t, []string{"v1", "Node", nodes[0], string(c.Node(t, nodes[0]).UID)},
		[]string{owner.APIVersion, owner.Kind, owner.Name, string(owner.UID)})
	c.Eventually(t, func(ctx context.Context) error {
		now, err := c.Client.CoordinationV1().Leases(ns).Get(ctx, first.Name, metav1.GetOptions{})
		if err == nil && now.Spec.RenewTime.Sub(first.Spec.RenewTime.Time) < time.Second {
			err = errors.New("it is not renewed twice")
		}
		return err
	})
	now := leaseOf(t, c, ns, nodes[0])
	require.Equal(t, first.Spec.AcquireTime, now.Spec.AcquireTime)
	require.Equal(t, first.UID, now.UID)
	awaitLease(t, c, ns, nodes[1], "") // that node is drained
	lift()
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Nil(t, leaseOf(t, c, ns, nodes[0]))

	for _, operation := range []string{"cordon", "uncordon"} {
		require.Empty(t, p.wait(t, p.submit(t, c.Name, operation, nodes...).ID).Counts.Failed)
	}
	list, err := c.Client.CoordinationV1().Leases(ns).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, list.Items)
}

// Nodes whose leases somebody else has wait, and say for whom; the others do not wait for
// them. A lease that has expired is taken over.
func TestLeases_ofOthersAreWaitedFor(t *testing.T) {
	for _, operation := range []string{"drain", "cordon"} {
		t.Run(operation, func(t *testing.T) {
			c := lease(t)
			nodes := c.Nodes(t, 3)
			p, ns := holding(t, c, c.Kubeconfig, t.TempDir())
			theirs := grab(t, c, ns, nodes[0], nmo, 3600)
			grab(t, c, ns, nodes[1], "node-healthcheck", 2)
			v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
				Cluster: c.Name, Operation: operation, Nodes: nodes, Reason: "kernel CVE", Fields: form.Fields{"others": {"1"}},
			})
			require.NoError(t, err)
			now := p.follow(t, v.ID, func(v batch.View) bool {
				return v.Counts.Succeeded == 2 && v.Counts.Waiting == 1 && len(v.Leases) == 1
			})
			require.Equal(t, nodes[0], now.Leases[0].Node)
			require.Equal(t, nmo, now.Leases[0].Holder)
			require.Equal(t, nmo, p.engine.On(c.Name, nodes[0]).Lease.Holder)
			require.WithinDuration(t, theirs.Spec.RenewTime.Add(time.Hour), now.Leases[0].Until, time.Second)
			if operation == "drain" {
				require.Equal(t, drain.PhaseHeld, now.Drain.Nodes[0].Phase)
				awaitEvents(t, c, nodes[0], "DrainBlocked")
			}
			require.False(t, c.Node(t, nodes[0]).Spec.Unschedulable, "nothing was done to it")
			require.Equal(t, theirs, leaseOf(t, c, ns, nodes[0]))

			require.NoError(t, c.Client.CoordinationV1().Leases(ns).Delete(t.Context(), theirs.Name, metav1.DeleteOptions{}))
			require.Equal(t, 3, p.wait(t, v.ID).Counts.Succeeded)
			require.True(t, c.Node(t, nodes[0]).Spec.Unschedulable)
			require.Nil(t, leaseOf(t, c, ns, nodes[0]))
			require.Nil(t, leaseOf(t, c, ns, nodes[1]))
		})
	}
}

// Who cancels a batch that waits learns what it has waited for; the lease stays theirs.
func TestLeases_cancelledWait(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	p, ns := holding(t, c, c.Kubeconfig, t.TempDir())
	theirs := grab(t, c, ns, nodes[0], nmo, 3600)
	v, err := p.drain(t, c.Name, nodes, "others", "1")
	require.NoError(t, err)
	p.follow(t, v.ID, func(v batch.View) bool { return len(v.Leases) == 1 })
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	p.wait(t, v.ID)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, store.ItemCancelled, it.State)
	require.Equal(t, "error_lease_held", it.Error.ID)
	require.Equal(t, nmo, it.Error.Args["Holder"])
	require.Equal(t, theirs, leaseOf(t, c, ns, nodes[0]))
}

// Somebody takes the lease of a node that is being drained: the node is theirs, and is not
// touched any more.
func TestLeases_lost(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	blocking(t, c, nodes[0])
	p, ns := holding(t, c, c.Kubeconfig, t.TempDir())
	v, err := p.drain(t, c.Name, nodes, "restore", "1")
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	require.NoError(t, c.Client.CoordinationV1().Leases(ns).Delete(t.Context(), "node-"+nodes[0], metav1.DeleteOptions{}))
	theirs := grab(t, c, ns, nodes[0], nmo, 3600)
	require.Equal(t, store.StateFailed, p.wait(t, v.ID).State)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, "error_lease_lost", it.Error.ID)
	require.Equal(t, nmo, it.Error.Args["Holder"])
	require.True(t, c.Node(t, nodes[0]).Spec.Unschedulable, "it is not for us to uncordon it")
	require.Equal(t, theirs, leaseOf(t, c, ns, nodes[0]))
}

// A process that ends leaves the leases of what it has not done; the next one takes them up,
// and so does another batch of the same installation, but not another installation.
func TestLeases_afterARestart(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	lift := blocking(t, c, nodes[0])
	dir := t.TempDir()
	p, ns := holding(t, c, c.Kubeconfig, dir)
	v, err := p.drain(t, c.Name, nodes, "wave_size", "1")
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	p.stop()
	require.Equal(t, "kube-node-manager/"+v.ID, *leaseOf(t, c, ns, nodes[0]).Spec.HolderIdentity)

	other := startProcess(t, c.Kubeconfig, t.TempDir(), leased())
	other.rule(t, c.Name, form.Fields{"node_lease": {"1"}, "lease_namespace": {ns}})
	extend(t, c, ns, nodes[0])
	theirs, err := other.drain(t, c.Name, nodes[:1], "others", "1")
	require.NoError(t, err)
	other.follow(t, theirs.ID, func(v batch.View) bool { return len(v.Leases) == 1 })
	other.stop()

	o := leased()
	o.LeaseFor = time.Minute
	p = startProcess(t, c.Kubeconfig, dir, o)
	next := p.submit(t, c.Name, "cordon", nodes[0])
	require.True(t, p.wait(t, next.ID).State.Ended(), "it may take over the lease of an interrupted batch")
	require.Nil(t, leaseOf(t, c, ns, nodes[0]))
	lift()
	_, err = p.engine.Resume(as(t, services.RoleAdmin), v.ID, form.Fields{})
	require.NoError(t, err)
	require.Equal(t, store.StateSucceeded, p.wait(t, v.ID).State)
	require.Nil(t, leaseOf(t, c, ns, nodes[0]))
}

// extend makes a lease valid for an hour.
func extend(t *testing.T, c *kubetest.Cluster, ns, node string) {
	t.Helper()
	l, now, seconds := leaseOf(t, c, ns, node), metav1.NowMicro(), int32(3600)
	l.Spec.RenewTime, l.Spec.LeaseDurationSeconds = &now, &seconds
	_, err := c.Client.CoordinationV1().Leases(ns).Update(t.Context(), l, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// What an interrupted batch has left is released when it is cancelled.
func TestLeases_cancelledAfterARestart(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	blocking(t, c, nodes[0])
	dir := t.TempDir()
	p, ns := holding(t, c, c.Kubeconfig, dir)
	v, err := p.drain(t, c.Name, nodes)
	require.NoError(t, err)
	awaitLifecycle(t, c, nodes[0], saysDraining)
	p.stop()
	extend(t, c, ns, nodes[0])
	p = startProcess(t, c.Kubeconfig, dir, leased())
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	require.Equal(t, store.StateCancelled, p.wait(t, v.ID).State)
	require.Nil(t, leaseOf(t, c, ns, nodes[0]))
}

// Without the lease, nothing is done: the error says what is missing.
func TestLeases_cannotBeTaken(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 2)
	p := startProcess(t, c.Kubeconfig, t.TempDir(), leased())
	p.rule(t, c.Name, form.Fields{"node_lease": {"1"}, "lease_namespace": {"missing"}})
	for _, operation := range []string{"cordon", "drain"} {
		v, err := p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
			Cluster: c.Name, Operation: operation, Nodes: nodes,
		})
		require.NoError(t, err)
		require.Equal(t, store.StateFailed, p.wait(t, v.ID).State)
		it := p.items(t, v.ID)[nodes[0]]
		require.Equal(t, "error_lease_namespace", it.Error.ID)
		require.False(t, it.Unknown && operation == "cordon")
	}
	ns := c.Namespace(t)
	proxy := kubetest.NewProxy(t, c.User(t, operatorRules()...))
	p = startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), leased())
	p.rule(t, c.Name, form.Fields{"node_lease": {"1"}, "lease_namespace": {ns}})
	v := p.wait(t, p.submit(t, c.Name, "cordon", nodes...).ID)
	require.Equal(t, store.StateFailed, v.State)
	it := p.items(t, v.ID)[nodes[0]]
	require.Equal(t, "get leases.coordination.k8s.io in "+ns, it.Error.Args["Call"])
	require.Zero(t, proxy.Calls("patch", "nodes"))
}

// Whoever writes the lease between our read and our write wins.
func TestLeases_conflicts(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	proxy := c.Proxy(t)
	p, ns := holding(t, c, proxy.Kubeconfig(t, c.Name), t.TempDir())
	hold := make(chan struct{})
	create := proxy.Inject(kubetest.Fault{Verb: "create", Resource: "leases", Hold: hold, Times: 1})
	v := p.submit(t, c.Name, "cordon", nodes...)
	create.WaitHits(t, 1)
	theirs := grab(t, c, ns, nodes[0], nmo, 3600)
	close(hold)
	p.follow(t, v.ID, func(v batch.View) bool { return len(v.Leases) == 1 })
	require.Equal(t, theirs, leaseOf(t, c, ns, nodes[0]))
	require.False(t, c.Node(t, nodes[0]).Spec.Unschedulable)
	require.NoError(t, c.Client.CoordinationV1().Leases(ns).Delete(t.Context(), theirs.Name, metav1.DeleteOptions{}))
	require.Equal(t, 1, p.wait(t, v.ID).Counts.Succeeded)
}
