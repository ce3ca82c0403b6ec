package kube

import (
	"context"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// perNodeWatches is up to how many nodes have a pod watch each. For more nodes,
// one watch of all pods costs the API server less.
const perNodeWatches = 10

// byNode is the index of watched pods by the node to which they are bound.
const byNode = "node"

// Watch follows the nodes and the budgets of a cluster, and the pods on some of
// its nodes. Its methods return a recent state of the API server, without calling
// it. The returned objects are shared and must not be changed.
type Watch struct {
	pods    []cache.SharedIndexInformer
	nodes   cache.SharedIndexInformer
	budgets cache.SharedIndexInformer // nil if the account may not read them
	// Of the workloads; nil unless they are followed.
	deployments, sets cache.SharedIndexInformer

	changed func()
	running sync.WaitGroup
	cancel  context.CancelFunc

	mu         sync.Mutex
	uncordoned map[string]bool // by node name; see Uncordoned
}

// Watched is what a Watch follows besides the nodes and the budgets of a cluster.
type Watched struct {
	Nodes     []string // the pods on these
	Workloads bool     // the Deployments of the cluster, and their ReplicaSets
}

// StartWatch starts a watch, and returns when its
// state is complete. It calls changed after every change, from any goroutine;
// changed must not block. If the account may not read budgets, the watch goes
// without them. The caller must call Stop, unless there is an error.
func (c *Client) StartWatch(ctx context.Context, what Watched, changed func()) (*Watch, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watch{changed: changed, cancel: cancel, uncordoned: map[string]bool{}}
	if err := w.start(ctx, c, what.Nodes); err != nil {
		w.Stop()
		return nil, Explain(err, "watch pods")
	}
	if !what.Workloads {
		return w, nil
	}
	if err := w.followWorkloads(ctx, c); err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

// Stop ends the watch and waits for its goroutines.
func (w *Watch) Stop() {
	w.cancel()
	w.running.Wait()
}

func (w *Watch) start(ctx context.Context, c *Client, nodes []string) error {
	core, policy := c.reads.CoreV1().RESTClient(), c.reads.PolicyV1().RESTClient()
	for _, selector := range podSelectors(nodes) {
		pods, err := w.follow(ctx, core, "pods", selector, &corev1.Pod{})
		if err != nil {
			return err
		}
		w.pods = append(w.pods, pods)
	}
	var err error
	w.nodes, err = w.follow(ctx, core, "nodes", fields.Everything(), &corev1.Node{})
	if err != nil {
		return err
	}
	budgets, err := w.follow(ctx, policy, "poddisruptionbudgets", fields.Everything(), &policyv1.PodDisruptionBudget{})
	if apierrors.IsForbidden(err) {
		return nil
	}
	w.budgets = budgets
	return err
}

// podSelectors returns one selector for each pod watch.
func podSelectors(nodes []string) []fields.Selector {
	if len(nodes) > perNodeWatches {
		return []fields.Selector{fields.Everything()}
	}
	var selectors []fields.Selector
	for _, name := range nodes {
		selectors = append(selectors, onNode(name))
	}
	return selectors
}

// follow starts an informer and waits until it has the first list. If the
// account may not read the resource, it returns an error; after any other failure
// the informer retries.
func (w *Watch) follow(
	ctx context.Context, client rest.Interface, resource string, selector fields.Selector, object runtime.Object,
) (cache.SharedIndexInformer, error) {
	lister := cache.NewListWatchFromClient(client, resource, "", selector)
	informer := cache.NewSharedIndexInformer(lister, object, 0, indexersOf(object))
	failed := make(chan error, 1)
	registration, err := w.configure(informer, failed)
	if err != nil {
		return nil, err
	}
	own, stop := context.WithCancel(ctx)
	w.running.Go(func() { informer.RunWithContext(own) })
	if err := awaitSync(ctx, registration, failed); err != nil {
		stop()
		return nil, err
	}
	context.AfterFunc(ctx, stop)
	return informer, nil
}

// configure sets what the informer stores and reports. Errors of its lists and
// watches go to failed, without blocking.
func (w *Watch) configure(
	informer cache.SharedIndexInformer, failed chan<- error,
) (cache.ResourceEventHandlerRegistration, error) {
	onError := func(_ context.Context, _ *cache.Reflector, err error) {
		select {
		case failed <- err:
		default:
		}
	}
	if err := informer.SetWatchErrorHandlerWithContext(onError); err != nil {
		return nil, err
	}
	if err := informer.SetTransform(trim); err != nil {
		return nil, err
	}
	return informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { w.changed() },
		UpdateFunc: func(before, now any) {
			w.noteUncordon(before, now)
			w.changed()
		},
		DeleteFunc: func(any) { w.changed() },
	})
}

// awaitSync waits until the first list is complete. It returns an error if ctx
// ends or the account may not read the resource.
func awaitSync(ctx context.Context, registration cache.ResourceEventHandlerRegistration, failed <-chan error) error {
	for !registration.HasSynced() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-failed:
			if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
				return err
			}
		case <-registration.HasSyncedChecker().Done():
		}
	}
	return nil
}

func indexersOf(object runtime.Object) cache.Indexers {
	switch object.(type) {
	case *corev1.Pod:
		return podIndexers()
	case *appsv1.ReplicaSet:
		return setIndexers()
	default:
		return nil
	}
}

func podIndexers() cache.Indexers {
	return cache.Indexers{byNode: func(o any) ([]string, error) {
		if pod, ok := o.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
			return []string{pod.Spec.NodeName}, nil
		}
		return nil, nil
	}}
}

// trim drops the large fields that a drain does not need: a pod's containers and
// a node's images take up most of their memory.
func trim(o any) (any, error) {
	switch v := o.(type) {
	case *corev1.Pod:
		v.ManagedFields = nil
		v.Spec.InitContainers, v.Spec.Containers, v.Spec.EphemeralContainers = nil, nil, nil
		v.Spec.Affinity, v.Spec.Tolerations = nil, nil
		v.Status.ContainerStatuses, v.Status.InitContainerStatuses = nil, nil
	case *corev1.Node:
		v.ManagedFields, v.Status.Images = nil, nil
	case *policyv1.PodDisruptionBudget:
		v.ManagedFields = nil
	case *appsv1.Deployment:
		v.ManagedFields, v.Spec.Template.Spec = nil, corev1.PodSpec{}
	case *appsv1.ReplicaSet:
		v.ManagedFields, v.Spec.Template.Spec = nil, corev1.PodSpec{}
	}
	return o, nil
}

// PodsOn returns the pods that are bound to a node.
func (w *Watch) PodsOn(node string) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, informer := range w.pods {
		objects, _ := informer.GetIndexer().ByIndex(byNode, node) // the index exists
		for _, o := range objects {
			pods = append(pods, o.(*corev1.Pod))
		}
	}
	return pods
}

// Node returns a node, or nil if it does not exist.
func (w *Watch) Node(name string) *corev1.Node {
	o, found, _ := w.nodes.GetIndexer().GetByKey(name)
	if !found {
		return nil
	}
	return o.(*corev1.Node)
}

// noteUncordon records a node that was uncordoned. A reader of the current state
// would miss it if the node is cordoned again soon.
func (w *Watch) noteUncordon(before, now any) {
	old, ok := before.(*corev1.Node)
	if !ok || !old.Spec.Unschedulable || now.(*corev1.Node).Spec.Unschedulable {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uncordoned[old.Name] = true
}

// Uncordoned reports whether somebody has uncordoned the node since the watch
// started, even if it is cordoned now.
func (w *Watch) Uncordoned(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.uncordoned[name]
}

// Budgets returns every budget; known is false if the account may not read them.
func (w *Watch) Budgets() (budgets []*policyv1.PodDisruptionBudget, known bool) {
	if w.budgets == nil {
		return nil, false
	}
	for _, o := range w.budgets.GetIndexer().List() {
		budgets = append(budgets, o.(*policyv1.PodDisruptionBudget))
	}
	return budgets, true
}
