package kubetest_test

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

func evict(t *testing.T, cluster *kubetest.Cluster, pod corev1.Pod) error {
	t.Helper()
	return cluster.Client.CoreV1().Pods(pod.Namespace).EvictV1(t.Context(), &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
	})
}

func TestNodes(t *testing.T) {
	cluster := kubetest.Acquire(t)
	taint := corev1.Taint{Key: "gpu", Value: "true", Effect: corev1.TaintEffectNoSchedule}
	names := cluster.Nodes(t, 20, kubetest.WithLabels(map[string]string{"pool": "gpu"}), kubetest.WithTaints(taint))
	cluster.Nodes(t, 2, kubetest.Named("ip-10-0-0-1.test", "ip-10-0-0-2.test"), kubetest.Cordoned())
	cluster.Nodes(t, 1, kubetest.Named("dead"), kubetest.NotReady())

	list, err := cluster.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 23)
	node := cluster.Node(t, names[0])
	require.Equal(t, "gpu", node.Labels["pool"])
	require.Equal(t, []corev1.Taint{taint}, node.Spec.Taints)
	require.Contains(t, node.Name, ".")
	require.True(t, cluster.Node(t, "ip-10-0-0-1.test").Spec.Unschedulable)
	require.Equal(t, corev1.ConditionUnknown, cluster.Node(t, "dead").Status.Conditions[0].Status)
}

func TestStopKubelet(t *testing.T) {
	cluster := kubetest.Acquire(t)
	name := cluster.Nodes(t, 1)[0]
	namespace := cluster.Namespace(t)
	pod := cluster.Pod(t, namespace, "alone", name)
	cluster.StopKubelet(t, name)
	cluster.Eventually(t, func(context.Context) error {
		// kwok's node stages must not apply, or the node would become Ready again.
		for _, taint := range cluster.Node(t, name).Spec.Taints {
			if taint.Key == corev1.TaintNodeUnreachable {
				return nil
			}
		}
		return context.DeadlineExceeded
	})
	require.NoError(t, evict(t, cluster, pod))
	time.Sleep(4 * time.Second) // A running kubelet takes three seconds at most.
	left, err := cluster.Client.CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	require.NoError(t, err, "a pod on a dead node has ended")
	require.NotNil(t, left.DeletionTimestamp)
}

func TestWorkloads(t *testing.T) {
	cluster := kubetest.Acquire(t)
	nodes := cluster.Nodes(t, 3)
	namespace := cluster.Namespace(t)
	options := []kubetest.PodOption{
		kubetest.OnNodes(nodes[0]), kubetest.EmptyDir(), kubetest.Requests("250m", "1Gi"),
	}
	web := cluster.Deployment(t, namespace, "web", 2, options...)
	for _, pod := range web {
		require.Equal(t, nodes[0], pod.Spec.NodeName)
	}
	require.Len(t, cluster.DaemonSet(t, namespace, "agent", 3), 3)
	db := cluster.StatefulSet(t, namespace, "db", 2)
	require.Equal(t, "db-0", db[0].Name)

	budget := cluster.Budget(t, namespace, "web", 2)
	require.Zero(t, budget.Status.DisruptionsAllowed)
	err := evict(t, cluster, web[0])
	require.True(t, apierrors.IsTooManyRequests(err), "%v", err)
	require.True(t, apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause))

	require.NoError(t, evict(t, cluster, db[0]))
	cluster.Eventually(t, func(ctx context.Context) error {
		pod, err := cluster.Client.CoreV1().Pods(namespace).Get(ctx, "db-0", metav1.GetOptions{})
		if err == nil && pod.UID == db[0].UID {
			return context.DeadlineExceeded
		}
		return err
	})
}

func TestStuckAndUnreadyPods(t *testing.T) {
	cluster := kubetest.Acquire(t)
	node := cluster.Nodes(t, 1)[0]
	namespace := cluster.Namespace(t)
	stuck := cluster.Pod(t, namespace, "stuck", node, kubetest.Stuck())
	quick := cluster.Pod(t, namespace, "quick", node, kubetest.EndsAfter("100ms"))
	unready := cluster.Pod(t, namespace, "unready", node, kubetest.Unready())
	for _, condition := range unready.Status.Conditions {
		if condition.Type == corev1.PodReady {
			require.Equal(t, corev1.ConditionFalse, condition.Status)
		}
	}
	require.NoError(t, evict(t, cluster, stuck))
	require.NoError(t, evict(t, cluster, quick))
	cluster.Eventually(t, func(ctx context.Context) error {
		_, err := cluster.Client.CoreV1().Pods(namespace).Get(ctx, quick.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return context.DeadlineExceeded
	})
	_, err := cluster.Client.CoreV1().Pods(namespace).Get(t.Context(), stuck.Name, metav1.GetOptions{})
	require.NoError(t, err)
}

func TestUser(t *testing.T) {
	cluster := kubetest.Acquire(t)
	node := cluster.Nodes(t, 1)[0]
	proxy := cluster.Proxy(t)
	user := client(t, proxy.Through(cluster.User(t, kubetest.Rule("", []string{"get", "list"}, []string{"nodes"}))))
	_, err := user.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	require.NoError(t, err)
	require.True(t, apierrors.IsForbidden(patchNode(t, user)))
}

// Whatever a test leaves in a cluster is deleted before another test gets it.
func TestAcquireEmpties(t *testing.T) {
	var name string
	t.Run("user", func(t *testing.T) {
		cluster := kubetest.Acquire(t)
		name = cluster.Name
		node := cluster.Nodes(t, 2)[0]
		namespace := cluster.Namespace(t)
		cluster.Pod(t, namespace, "stuck", node, kubetest.Stuck(), func(pod *corev1.PodTemplateSpec) {
			pod.Finalizers = []string{"example.com/hold"}
		})
		cluster.Deployment(t, metav1.NamespaceDefault, "web", 3)
	})
	for _, cluster := range kubetest.AcquireN(t, 2) {
		if cluster.Name != name {
			continue
		}
		nodes, err := cluster.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.Empty(t, nodes.Items)
		pods, err := cluster.Client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.Empty(t, pods.Items)
	}
}

// A cluster is never leased to two tests at once.
func TestAcquireIsExclusive(t *testing.T) {
	var taken sync.Map
	for range 5 {
		t.Run("user", func(t *testing.T) {
			t.Parallel()
			cluster := kubetest.Acquire(t)
			_, doubly := taken.LoadOrStore(cluster.Name, true)
			require.False(t, doubly, "cluster %s is leased twice", cluster.Name)
			time.Sleep(20 * time.Millisecond)
			taken.Delete(cluster.Name)
		})
	}
}

func TestKubectl(t *testing.T) {
	cluster := kubetest.Acquire(t)
	name := cluster.Nodes(t, 1)[0]
	for _, kubeconfig := range []string{cluster.Kubeconfig, cluster.ViewerKubeconfig} {
		kubectl := exec.CommandContext(t.Context(), cluster.Plane().Kubectl, "--kubeconfig", kubeconfig, "get", "nodes")
		output, err := kubectl.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, string(output), name)
		require.Contains(t, string(output), " Ready ")
	}
}
