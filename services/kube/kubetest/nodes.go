package kubetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// A node with this label and value has no kubelet: devcluster's kwok ignores it.
const (
	kubeletLabel   = "devcluster/kubelet"
	kubeletStopped = "stopped"
)

// waitTimeout bounds every wait. What is waited for takes less than a second on
// an idle machine, and must not time out on a busy one.
const waitTimeout = time.Minute

// A NodeOption changes the i-th node, counted from 0, before it is created. Tests
// may define their own.
type NodeOption func(i int, node *corev1.Node)

// Named sets the names of the nodes.
func Named(names ...string) NodeOption {
	return func(i int, node *corev1.Node) {
		node.Name = names[i]
		node.Labels[corev1.LabelHostname] = node.Name
	}
}

// WithLabels adds labels.
func WithLabels(labels map[string]string) NodeOption {
	return func(_ int, node *corev1.Node) { maps.Copy(node.Labels, labels) }
}

// WithTaints adds taints.
func WithTaints(taints ...corev1.Taint) NodeOption {
	return func(_ int, node *corev1.Node) { node.Spec.Taints = append(node.Spec.Taints, taints...) }
}

// Cordoned makes the nodes unschedulable.
func Cordoned() NodeOption {
	return func(_ int, node *corev1.Node) { node.Spec.Unschedulable = true }
}

// NotReady makes nodes without a kubelet: their conditions stay Unknown, and the
// pods on them neither start nor end.
func NotReady() NodeOption {
	return func(_ int, node *corev1.Node) {
		node.Labels[kubeletLabel] = kubeletStopped
		for i := range node.Status.Conditions {
			node.Status.Conditions[i].Status = corev1.ConditionUnknown
			node.Status.Conditions[i].Reason = "NodeStatusUnknown"
			node.Status.Conditions[i].Message = "Kubelet stopped posting node status."
		}
	}
}

// Nodes creates n nodes and returns their names, sorted. It returns when kwok
// holds their leases, so that pods on them can run. Without options the nodes are
// Ready, have 8 cores, 32 GiB of memory and room for 110 pods, and their names are
// unique and contain dots. A thousand nodes take about two seconds.
func (c *Cluster) Nodes(t testing.TB, n int, options ...NodeOption) []string {
	t.Helper()
	nodes := make([]*corev1.Node, n)
	names := make([]string, n)
	prefix := "node-" + unique()
	for i := range nodes {
		nodes[i] = newNode(fmt.Sprintf("%s-%04d.test", prefix, i))
		for _, option := range options {
			option(i, nodes[i])
		}
		names[i] = nodes[i].Name
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	require.NoError(t, c.createNodes(ctx, nodes), "kubetest: create nodes")
	held := func(ctx context.Context) error { return c.nodesHeld(ctx, nodes) }
	require.NoError(t, poll(ctx, held), "kubetest: wait for nodes")
	return names
}

// newNode returns a node as a kubelet registers it: with a status, so that it is
// Ready from the start.
func newNode(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname:   name,
			corev1.LabelOSStable:   "linux",
			corev1.LabelArchStable: "amd64",
		}},
		Status: readyStatus(name),
	}
}

func readyStatus(name string) corev1.NodeStatus {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("8"),
		corev1.ResourceMemory: resource.MustParse("32Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	return corev1.NodeStatus{
		Phase:    corev1.NodeRunning, // Deprecated, but kwok's heartbeat stage requires it.
		Capacity: capacity, Allocatable: capacity,
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			Message:           "kubelet is posting ready status",
			LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		}},
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: "10.0.0.1"},
			{Type: corev1.NodeHostName, Address: name},
		},
		NodeInfo: corev1.NodeSystemInfo{
			Architecture: "amd64", OperatingSystem: "linux", OSImage: "kubetest",
			KernelVersion: "6.12.0", ContainerRuntimeVersion: "containerd://2.2.1", KubeletVersion: "v1.37.2",
		},
	}
}

// createNodes creates the nodes with 32 concurrent calls.
func (c *Cluster) createNodes(ctx context.Context, nodes []*corev1.Node) error {
	queue := make(chan *corev1.Node)
	errs := make([]error, min(32, len(nodes)))
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			for node := range queue {
				_, err := c.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	for _, node := range nodes {
		queue <- node
	}
	close(queue)
	workers.Wait()
	return errors.Join(errs...)
}

// nodesHeld returns an error until kwok holds the lease of every node that has a
// kubelet.
func (c *Cluster) nodesHeld(ctx context.Context, nodes []*corev1.Node) error {
	leases, err := c.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, l := range leases.Items {
		held[l.Name] = l.Spec.HolderIdentity != nil
	}
	for _, node := range nodes {
		if !held[node.Name] && node.Labels[kubeletLabel] != kubeletStopped {
			return fmt.Errorf("kwok does not hold node %s", node.Name)
		}
	}
	return nil
}

// StopKubelet makes a running node NotReady for good, as if its machine had
// failed: its pods stay bound to it and do not end.
func (c *Cluster) StopKubelet(t testing.TB, name string) {
	t.Helper()
	label := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, kubeletLabel, kubeletStopped)
	require.NoError(t, c.patchNode(t.Context(), name, label))
	nodes := c.Client.CoreV1().Nodes()
	update(t, nodes.Get, nodes.UpdateStatus, name, func(n *corev1.Node) { NotReady()(0, n) })
}

// UpdateNode changes a node as another writer would.
func (c *Cluster) UpdateNode(t testing.TB, name string, change func(*corev1.Node)) {
	t.Helper()
	nodes := c.Client.CoreV1().Nodes()
	update(t, nodes.Get, nodes.Update, name, change)
}

// UpdateBudget changes a disruption budget as another writer would.
func (c *Cluster) UpdateBudget(t testing.TB, ns, name string, change func(*policyv1.PodDisruptionBudget)) {
	t.Helper()
	budgets := c.Client.PolicyV1().PodDisruptionBudgets(ns)
	update(t, budgets.Get, budgets.Update, name, change)
}

// UpdatePodStatus changes what a pod reports about itself.
func (c *Cluster) UpdatePodStatus(t testing.TB, ns, name string, change func(*corev1.Pod)) {
	t.Helper()
	pods := c.Client.CoreV1().Pods(ns)
	update(t, pods.Get, pods.UpdateStatus, name, change)
}

// update reads, changes and writes an object, again when a controller wrote in between.
func update[T any](
	t testing.TB,
	get func(context.Context, string, metav1.GetOptions) (T, error),
	put func(context.Context, T, metav1.UpdateOptions) (T, error),
	name string, change func(T),
) {
	t.Helper()
	require.NoError(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		object, err := get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(object)
		_, err = put(t.Context(), object, metav1.UpdateOptions{})
		return err
	}))
}

// Node returns one node by a consistent read.
func (c *Cluster) Node(t testing.TB, name string) *corev1.Node {
	t.Helper()
	node, err := c.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return node
}
