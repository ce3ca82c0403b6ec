package fleet

import (
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

// An app is what a workload's pods have in common.
type app struct {
	namespace string
	name      string
	image     string
	cpu       string
	memory    string
	emptyDir  bool
	gpu       bool // Runs in the gpu pool.
}

// WorkloadObjects makes one workload of every kind that a drain treats in a
// way of its own. They grow with the cluster and never fill it.
func (c *Cluster) WorkloadObjects() Workloads {
	scale := func(perNodes, most int) int32 { return int32(min(max(2, c.Nodes/perNodes), most)) }
	frontend := app{namespace: "shop", name: "frontend", image: "shop/frontend:4.2.0", cpu: "250m", memory: "256Mi"}
	catalog := app{namespace: "shop", name: "catalog", image: "shop/catalog:2.9.1", cpu: "500m", memory: "1Gi"}
	cart := app{namespace: "checkout", name: "cart", image: "shop/cart:1.18.3", cpu: "200m", memory: "512Mi"}
	payments := app{namespace: "checkout", name: "payments", image: "shop/payments:3.0.7", cpu: "500m", memory: "2Gi"}
	query := app{namespace: "search", name: "query", image: "search/query:7.1.0", cpu: "750m", memory: "3Gi"}
	indexer := app{namespace: "search", name: "indexer", image: "search/indexer:7.1.0", cpu: "1", memory: "2Gi", emptyDir: true}
	worker := app{namespace: "batch", name: "worker", image: "batch/worker:0.31.0", cpu: "400m", memory: "768Mi"}
	report := app{namespace: "batch", name: "monthly-report", image: "batch/report:0.31.0", cpu: "100m", memory: "128Mi"}
	shell := app{namespace: "batch", name: "debug-shell", image: "busybox:1.37", cpu: "50m", memory: "64Mi"}
	agent := app{namespace: "kube-system", name: "node-agent", image: "monitoring/node-agent:1.9.0", cpu: "50m", memory: "96Mi"}
	network := app{namespace: "kube-system", name: "network", image: "network/cni:1.21.0", cpu: "100m", memory: "128Mi"}

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
			// As many as there are: this budget blocks every eviction.
			cart.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: value(intstr.FromInt32(3))}),
			payments.budget(policyv1.PodDisruptionBudgetSpec{MaxUnavailable: value(intstr.FromInt32(1))}),
			query.budget(policyv1.PodDisruptionBudgetSpec{MinAvailable: value(intstr.FromString("50%"))}),
		},
	}
	c.addTraining(&w)
	return w
}

// addTraining adds pods for the gpu nodes, if there are any: one each.
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
	trainer := app{namespace: "ml", name: "trainer", image: "ml/trainer:2026.11", cpu: "6", memory: "48Gi", emptyDir: true, gpu: true}
	w.Namespaces = append(w.Namespaces, trainer.namespace)
	w.Deployments = append(w.Deployments, trainer.deployment(int32(gpus)))
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
		spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}
	}
	if a.gpu {
		spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	}
	return spec
}

// template spreads the pods over the nodes, which the scheduler's defaults
// would only do for pods behind a Service.
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
			// All at once: pods of a database that bootstraps in parallel.
			PodManagementPolicy: appsv1.ParallelPodManagement,
		},
	}
}

// daemonSet runs on every node, whatever its taints.
func (a app) daemonSet() *appsv1.DaemonSet {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: a.labels()}, Spec: a.podSpec()}
	template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	template.Spec.PriorityClassName = "system-node-critical"
	return &appsv1.DaemonSet{
		ObjectMeta: a.meta(),
		Spec:       appsv1.DaemonSetSpec{Selector: a.selector(), Template: template},
	}
}

// job leaves a finished pod behind.
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
