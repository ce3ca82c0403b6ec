package batch_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
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

// maintenances is the kind of node-maintenance-operator.
var maintenances = kubetest.Resource{
	Group: "nodemaintenance.medik8s.io", Version: "v1beta1", Kind: "NodeMaintenance", Plural: "nodemaintenances",
}

// reboots are the DaemonSet of kured, which has the lock of some nodes.
type reboots struct{ ns string }

func newReboots(t *testing.T, c *kubetest.Cluster) reboots {
	t.Helper()
	ns, of := c.Namespace(t), &metav1.LabelSelector{MatchLabels: map[string]string{"name": "kured"}}
	_, err := c.Client.AppsV1().DaemonSets(ns).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "kured"},
		Spec: appsv1.DaemonSetSpec{Selector: of, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: of.MatchLabels},
			Spec: corev1.PodSpec{
				NodeSelector: map[string]string{"nowhere": "1"}, Containers: []corev1.Container{{Name: "kured", Image: "kured"}},
			},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return reboots{ns}
}

// lock sets the annotation as kured does.
func (r reboots) lock(t *testing.T, c *kubetest.Cluster, value string) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{"weave.works/kured-node-lock": value}},
	})
	require.NoError(t, err)
	_, err = c.Client.AppsV1().DaemonSets(r.ns).Patch(
		t.Context(), "kured", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
}

// one is the lock of one node, as kured writes it.
func one(node string, created time.Time, ttl time.Duration) string {
	const form = `{"nodeID":%q,"metadata":{"unschedulable":false},"created":%q,"TTL":%d}`
	return fmt.Sprintf(form, node, created.UTC().Format(time.RFC3339Nano), ttl)
}

// others returns who else is at work on a node of a plan, by kind.
func others(t *testing.T, p *process, cluster, name string) map[string]node.Actor {
	t.Helper()
	plan, err := p.engine.Preview(as(t, services.RoleAdmin), batch.Request{
		Cluster: cluster, Operation: "drain", Nodes: []string{name},
	})
	require.NoError(t, err)
	found := map[string]node.Actor{}
	for _, a := range plan.Others[name] {
		found[a.Kind] = a
	}
	return found
}

// What node-maintenance-operator, kured and holders of leases keep outside of the nodes is
// named by the plan, and needs a consent; the page of a node knows it, too.
func TestElsewhere(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 4)
	c.Install(t, maintenances)
	kured, ns := newReboots(t, c), c.Namespace(t)
	c.Add(t, maintenances, "default", "disks", nil, map[string]any{"nodeName": nodes[0], "reason": "new disks"})
	grab(t, c, ns, nodes[0], nmo, 3600)
	grab(t, c, ns, nodes[1], "node-healthcheck", 3600)
	kured.lock(t, c, one(nodes[2], time.Now(), time.Hour))
	p := startProcess(t, c.Kubeconfig, t.TempDir(), leased())
	p.rule(t, c.Name, form.Fields{"lease_namespace": {ns}})

	found := others(t, p, c.Name, nodes[0])
	require.Equal(t, "NodeMaintenance disks: new disks", found[node.ActorMaintenance].Mark)
	require.Equal(t, nmo, found[node.ActorLease].Mark)
	require.WithinDuration(t, time.Now().Add(time.Hour), *found[node.ActorLease].Until, time.Minute)
	require.Equal(t, "node-healthcheck", others(t, p, c.Name, nodes[1])[node.ActorLease].Mark)
	require.Equal(t, "DaemonSet "+kured.ns+"/kured", others(t, p, c.Name, nodes[2])[node.ActorKured].Mark)
	require.Empty(t, others(t, p, c.Name, nodes[3]))
	for _, name := range nodes[:3] {
		_, err := p.drain(t, c.Name, []string{name})
		require.Equal(t, "others: error_others", text(err), name)
	}
	all, err := p.nodes.All(as(t, services.RoleViewer), c.Name, false)
	require.NoError(t, err)
	shown, err := p.engine.Actors(as(t, services.RoleViewer), c.Name, all.Find(nodes[0]))
	require.NoError(t, err)
	require.Len(t, shown, 2)
	_, err = p.engine.Actors(t.Context(), c.Name, all.Find(nodes[0]))
	require.Equal(t, services.CodeForbidden, services.CodeOf(err))

	// With --concurrency, kured has a list of locks. Those that have expired are none.
	kured.lock(t, c, fmt.Sprintf(`{"maxOwners":2,"locks":[%s,%s]}`,
		one(nodes[2], time.Now().Add(-2*time.Hour), time.Hour), one(nodes[3], time.Now().Add(-2*time.Hour), 0)))
	p.cache.InvalidateCluster(c.Name)
	require.Empty(t, others(t, p, c.Name, nodes[2]))
	require.Contains(t, others(t, p, c.Name, nodes[3]), node.ActorKured)
	kured.lock(t, c, "not JSON")
	p.cache.InvalidateCluster(c.Name)
	require.Empty(t, others(t, p, c.Name, nodes[3]))
}

// What the account may not read is unknown, and said once, where there is something to know.
func TestElsewhere_unread(t *testing.T) {
	c := lease(t)
	nodes := c.Nodes(t, 1)
	proxy := kubetest.NewProxy(t, c.User(t, operatorRules()...))
	p := startProcess(t, proxy.Kubeconfig(t, c.Name), t.TempDir(), leased())
	q := batch.Request{Cluster: c.Name, Operation: "cordon", Nodes: nodes}
	plan, err := p.engine.Preview(as(t, services.RoleUser), q)
	require.NoError(t, err)
	require.Empty(t, plan.OthersUnread, "nobody has anything of it")
	require.Zero(t, proxy.Calls("list", "leases"))
	calls := proxy.Calls("list", "daemonsets")
	_, err = p.engine.Preview(as(t, services.RoleUser), q)
	require.NoError(t, err)
	require.Equal(t, calls, proxy.Calls("list", "daemonsets"), "it is not read for each plan that is shown")

	c.Install(t, maintenances)
	p.cache.InvalidateCluster(c.Name)
	plan, err = p.engine.Preview(as(t, services.RoleUser), q)
	require.NoError(t, err)
	require.Equal(t, []string{"nodemaintenances", "leases"}, plan.OthersUnread)
	v := p.wait(t, p.submit(t, c.Name, "cordon", nodes...).ID)
	require.Equal(t, store.StateSucceeded, v.State)
}
