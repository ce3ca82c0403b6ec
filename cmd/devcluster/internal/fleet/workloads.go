package fleet

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Workloads are the objects that run on a cluster's nodes.
type Workloads struct {
	Namespaces   []string
	Deployments  []*appsv1.Deployment
	StatefulSets []*appsv1.StatefulSet
	DaemonSets   []*appsv1.DaemonSet
	Jobs         []*batchv1.Job
	Pods         []*corev1.Pod // Without a controller.
	Budgets      []*policyv1.PodDisruptionBudget
}

// An app is the properties that all pods of a workload share.
type app struct {
	namespace string
	name      string
	image     string
	cpu       string
	memory    string
	emptyDir  bool
	gpu       bool // Runs in the gpu pool.
}

// WorkloadObjects returns a workload of each kind that a drain treats differently.
// The number of their pods grows with the cluster, but they never fill it.
func (c *Cluster) WorkloadObjects() Workloads {
	scale := func(perNodes, most int) int32 { return int32(min(max(2, c.Nodes/perNodes), most)) }
	frontend := newApp("shop/frontend", "shop/frontend:4.2.0", "250m", "256Mi")
	catalog := newApp("shop/catalog", "shop/catalog:2.9.1", "500m", "1Gi")
	cart := newApp("checkout/cart", "shop/cart:1.18.3", "200m", "512Mi")
	payments := newApp("checkout/payments", "shop/payments:3.0.7", "500m", "2Gi")
	query := newApp("search/query", "search/query:7.1.0", "750m", "3Gi")
	indexer := newApp("search/indexer", "search/indexer:7.1.0", "1", "2Gi")
	indexer.emptyDir = true
	worker := newApp("batch/worker", "batch/worker:0.31.0", "400m", "768Mi")
	report := newApp("batch/monthly-report", "batch/report:0.31.0", "100m", "128Mi")
	shell := newApp("batch/debug-shell", "busybox:1.37", "50m", "64Mi")
	agent := newApp("kube-system/node-agent", "monitoring/node-agent:1.9.0", "50m", "96Mi")
	network := newApp("kube-system/network", "network/cni:1.21.0", "100m", "128Mi")

	w := Workloads{
		Namespaces: []string{"shop", "checkout", "search", "batch"},
		Deployments: []*appsv1.Deployment{
			frontend.deployment(scale(4, 40)), catalog.deployment(scale(6, 20)), cart.deployment(3),
			query.deployment(scale(8, 12)), indexer.deployment(scale(10, 8)), worker.deployment(scale(5, 30)),
		},
		StatefulSets: []*appsv1.StatefulSet{payments.statefulSet(3)},
		DaemonSets:   []*appsv1.DaemonSet{agent.daemonSet(), network.daemonSet()},
		Jobs:         []*batchv1.Job{report.job()},
		Pods:         []*corev1.Pod{shell.pod()},
		Budgets: []*policyv1.PodDisruptionBudget{
			frontend.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: value(intstr.FromString("25%"))}),
			catalog.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: value(intstr.FromInt32(1))}),
			// Equal to the number of pods: this budget blocks every eviction.
			cart.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: value(intstr.FromInt32(3))}),
			payments.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: value(intstr.FromInt32(1))}),
			query.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: value(intstr.FromString("50%"))}),
		},
	}
	c.addTraining(&w)
	return w
}

// addTraining adds one pod for each gpu node.
func (c *Cluster) addTraining(w *Workloads) {
	gpus := 0
	for _, pool := range c.poolOfEach() {
		if pool == "gpu" {
			gpus++
		}
	}
	if gpus == 0 {
		return
	}
	trainer := newApp("ml/trainer", "ml/trainer:2026.11", "6", "48Gi")
	trainer.emptyDir, trainer.gpu = true, true
	w.Namespaces = append(w.Namespaces, trainer.namespace)
	w.Deployments = append(w.Deployments, trainer.deployment(int32(gpus)))
}

// newApp returns an app without extra features. name is "namespace/name".
func newApp(name, image, cpu, memory string) app {
	namespace, name, _ := strings.Cut(name, "/")
	return app{namespace: namespace, name: name, image: image, cpu: cpu, memory: memory}
}

func (a app) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: a.namespace, Name: a.name, Labels: a.labels()}
}

func (a app) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": a.name}
}

func (a app) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: a.labels()}
}

func (a app) podSpec() corev1.PodSpec {
	requests := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(a.cpu),
		corev1.ResourceMemory: resource.MustParse(a.memory),
	}
	limits := corev1.ResourceList{corev1.ResourceMemory: requests[corev1.ResourceMemory]}
	if a.gpu {
		limits["nvidia.com/gpu"] = resource.MustParse("1")
	}
	spec := corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: a.name, Image: "registry.example.com/" + a.image,
			Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits},
		}},
	}
	if a.emptyDir {
		emptyDir := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: emptyDir}}
		spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}
	}
	if a.gpu {
		spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	}
	return spec
}

// template returns a template whose pods the scheduler spreads over the nodes. By
// default it does so only for the pods of a Service.
func (a app) template() corev1.PodTemplateSpec {
	spec := a.podSpec()
	spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname,
		WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: a.selector(),
	}}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: a.labels()}, Spec: spec}
}

func (a app) deployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: a.meta(),
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: a.selector(), Template: a.template()},
	}
}

func (a app) statefulSet(replicas int32) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: a.meta(),
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, Selector: a.selector(), Template: a.template(), ServiceName: a.name,
			PodManagementPolicy: appsv1.ParallelPodManagement, // Start all pods at once.
		},
	}
}

// daemonSet returns a DaemonSet that tolerates every taint.
func (a app) daemonSet() *appsv1.DaemonSet {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: a.labels()}, Spec: a.podSpec()}
	template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	template.Spec.PriorityClassName = "system-node-critical"
	return &appsv1.DaemonSet{
		ObjectMeta: a.meta(),
		Spec:       appsv1.DaemonSetSpec{Selector: a.selector(), Template: template},
	}
}

// job returns a Job whose finished pod stays.
func (a app) job() *batchv1.Job {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: a.labels()}, Spec: a.podSpec()}
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{ObjectMeta: a.meta(), Spec: batchv1.JobSpec{Template: template}}
}

func (a app) pod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: a.meta(), Spec: a.podSpec()}
}

func (a app) budget(spec policyv1.PodDisruptionBudgetSpec) *policyv1.PodDisruptionBudget {
	spec.Selector = a.selector()
	meta := a.meta()
	meta.Name += "-pdb"
	return &policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: spec}
}

func value[T any](v T) *T { return &v }
