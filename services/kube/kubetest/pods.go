package kubetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// appLabel is a label of all pods that this package creates. Its value is the
// name of their workload.
const appLabel = "app"

// A PodOption changes pods before they are created. Tests may define their own.
type PodOption func(*corev1.PodTemplateSpec)

// OnNodes restricts the pods to these nodes.
func OnNodes(names ...string) PodOption {
	hosts := corev1.NodeSelectorRequirement{
		Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: names,
	}
	terms := []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{hosts}}}
	return func(pod *corev1.PodTemplateSpec) {
		pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}
	}
}

// EmptyDir adds an emptyDir volume, which is deleted with the pod.
func EmptyDir() PodOption {
	return func(pod *corev1.PodTemplateSpec) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
}

// Requests sets the resource requests of the pods, such as "250m" and "1Gi".
func Requests(cpu, memory string) PodOption {
	return func(pod *corev1.PodTemplateSpec) {
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}
	}
}

// Tolerations adds tolerations.
func Tolerations(tolerations ...corev1.Toleration) PodOption {
	return func(pod *corev1.PodTemplateSpec) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, tolerations...)
	}
}

// Stuck makes pods that stay Terminating until they are deleted with a grace
// period of 0.
func Stuck() PodOption { return annotated("devcluster/stuck", "true") }

// Unready makes pods that run but never become ready.
func Unready() PodOption { return annotated("devcluster/unready", "true") }

// EndsAfter sets how long the pods take to end, such as "5s". The default is one
// to three seconds.
func EndsAfter(duration string) PodOption { return annotated("devcluster/delete-delay", duration) }

func annotated(key, value string) PodOption {
	return func(pod *corev1.PodTemplateSpec) {
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[key] = value
	}
}

// Namespace creates a namespace with a unique name.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "test-" + unique()}}
	_, err := c.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	require.NoError(t, err)
	return namespace.Name
}

// Deployment creates a Deployment and returns its pods when all of them run.
func (c *Cluster) Deployment(t testing.TB, namespace, name string, replicas int, options ...PodOption) []corev1.Pod {
	t.Helper()
	count := int32(replicas)
	_, err := c.Client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &count, Selector: selector(name), Template: template(name, options),
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return c.WaitRunning(t, namespace, name, replicas)
}

// StatefulSet creates a StatefulSet, whose pods keep their names on another node,
// and returns its pods when all of them run.
func (c *Cluster) StatefulSet(t testing.TB, namespace, name string, replicas int, options ...PodOption) []corev1.Pod {
	t.Helper()
	count := int32(replicas)
	_, err := c.Client.AppsV1().StatefulSets(namespace).Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &count, Selector: selector(name), Template: template(name, options), ServiceName: name,
			PodManagementPolicy: appsv1.ParallelPodManagement,
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return c.WaitRunning(t, namespace, name, replicas)
}

// DaemonSet creates a DaemonSet that tolerates every taint, and returns its pods
// when all of them run. pods is their number: one for each of the cluster's nodes
// that has a kubelet, or fewer with [OnNodes].
func (c *Cluster) DaemonSet(t testing.TB, namespace, name string, pods int, options ...PodOption) []corev1.Pod {
	t.Helper()
	options = append([]PodOption{Tolerations(corev1.Toleration{Operator: corev1.TolerationOpExists})}, options...)
	_, err := c.Client.AppsV1().DaemonSets(namespace).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       appsv1.DaemonSetSpec{Selector: selector(name), Template: template(name, options)},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return c.WaitRunning(t, namespace, name, pods)
}

// Pod creates a pod without a controller on a node and returns it when it runs.
func (c *Cluster) Pod(t testing.TB, namespace, name, node string, options ...PodOption) corev1.Pod {
	t.Helper()
	from := template(name, options)
	pod := &corev1.Pod{ObjectMeta: from.ObjectMeta, Spec: from.Spec}
	pod.Name, pod.Spec.NodeName = name, node
	_, err := c.Client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	return c.WaitRunning(t, namespace, name, 1)[0]
}

// Budget creates a PodDisruptionBudget for a workload, and returns it when the
// disruption controller has counted all ready pods of the workload. With
// minAvailable equal to the number of pods it blocks every eviction.
func (c *Cluster) Budget(t testing.TB, namespace, workload string, minAvailable int) *policyv1.PodDisruptionBudget {
	t.Helper()
	minimum := intstr.FromInt(minAvailable)
	client := c.Client.PolicyV1().PodDisruptionBudgets(namespace)
	budget, err := client.Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: workload},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &minimum, Selector: selector(workload)},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.Eventually(t, func(ctx context.Context) error {
		budget, err = client.Get(ctx, workload, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready, err := c.ready(ctx, namespace, workload)
		if budget.Status.ObservedGeneration < budget.Generation || budget.Status.CurrentHealthy != ready {
			return fmt.Errorf("budget %s counts %d pods of %d", workload, budget.Status.CurrentHealthy, ready)
		}
		return err
	})
	return budget
}

// ready returns the number of a workload's pods that are ready.
func (c *Cluster) ready(ctx context.Context, namespace, workload string) (int32, error) {
	isReady := func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	pods, err := c.podsOf(ctx, namespace, workload)
	count := int32(0)
	for _, pod := range pods {
		if slices.ContainsFunc(pod.Status.Conditions, isReady) {
			count++
		}
	}
	return count, err
}

// podsOf returns the pods of a workload that are not terminating.
func (c *Cluster) podsOf(ctx context.Context, namespace, workload string) ([]corev1.Pod, error) {
	options := metav1.ListOptions{LabelSelector: appLabel + "=" + workload}
	pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	terminating := func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil }
	return slices.DeleteFunc(pods.Items, terminating), nil
}

// WaitRunning waits until exactly n pods of a workload run, and returns them.
// Terminating pods do not count.
func (c *Cluster) WaitRunning(t testing.TB, namespace, workload string, n int) []corev1.Pod {
	t.Helper()
	var running []corev1.Pod
	c.Eventually(t, func(ctx context.Context) error {
		pods, err := c.podsOf(ctx, namespace, workload)
		if err != nil {
			return err
		}
		running = nil
		for _, pod := range pods {
			if pod.Status.Phase == corev1.PodRunning {
				running = append(running, pod)
			}
		}
		if len(running) != n {
			return fmt.Errorf("%d of %d pods of %s run", len(running), n, workload)
		}
		return nil
	})
	return running
}

// Eventually calls check until it returns nil, for up to a minute. Otherwise it
// fails the test with check's last error.
func (c *Cluster) Eventually(t testing.TB, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	require.NoError(t, poll(ctx, check))
}

func selector(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: name}}
}

func template(name string, options []PodOption) corev1.PodTemplateSpec {
	container := corev1.Container{Name: "main", Image: "registry.example.com/" + name}
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{appLabel: name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
	}
	for _, option := range options {
		option(&pod)
	}
	return pod
}
