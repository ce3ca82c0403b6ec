package kube

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// perNodeWatches is how many nodes are watched one by one. Beyond it one watch
// of all pods is cheaper for the API server.
const perNodeWatches = 10

// byNode is the index of watched pods by the node they are bound to.
const byNode = "node"

// Watch follows the pods of some nodes, the nodes themselves and the budgets of
// a cluster. What it gives is the API server's state as of a moment ago; the
// objects are shared and must not be changed.
type Watch struct {
	pods    []cache.SharedIndexInformer
	nodes   cache.SharedIndexInformer
	budgets cache.SharedIndexInformer // nil when the account may not read them
	running sync.WaitGroup
	cancel  context.CancelFunc

	mu         sync.Mutex
	uncordoned map[string]bool // nodes, by name; see Uncordoned
}

// StartWatch begins to follow and returns when the first state is complete.
// changed is called after every change, from any goroutine, and must not block.
// When the account may not read budgets it follows the rest. Stop must be
// called unless there is an error.
func (c *Client) StartWatch(ctx context.Context, nodes []string, changed func()) (*Watch, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watch{cancel: cancel, uncordoned: map[string]bool{}}
	core, policy := c.reads.CoreV1().RESTClient(), c.reads.PolicyV1().RESTClient()
	selectors := []string{""}
	if len(nodes) <= perNodeWatches {
		selectors = selectors[:0]
		for _, name := range nodes {
			selectors = append(selectors, onNode(name))
		}
	}
	var err error
	for _, selector := range selectors {
		pods, podsErr := w.follow(ctx, core, "pods", selector, &corev1.Pod{}, changed)
		if podsErr != nil {
			err = podsErr
			break
		}
		w.pods = append(w.pods, pods)
	}
	if err == nil {
		w.nodes, err = w.follow(ctx, core, "nodes", "", &corev1.Node{}, changed)
	}
	if err == nil {
		w.budgets, err = w.follow(ctx, policy, "poddisruptionbudgets", "", &policyv1.PodDisruptionBudget{}, changed)
		if apierrors.IsForbidden(err) {
			w.budgets, err = nil, nil
		}
	}
	if err != nil {
		w.Stop()
		return nil, Explain(err, "watch pods")
	}
	return w, nil
}

// Stop ends the watches and waits for them.
func (w *Watch) Stop() {
	w.cancel()
	w.running.Wait()
}

// follow starts one informer and waits for its first state. A first list that
// fails for good is an error; later failures are retried by the informer.
func (w *Watch) follow(ctx context.Context, client rest.Interface, resource, selector string, object runtime.Object, changed func()) (cache.SharedIndexInformer, error) {
	field, err := fields.ParseSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("selector %q: %w", selector, err)
	}
	informer := cache.NewSharedIndexInformer(cache.NewListWatchFromClient(client, resource, "", field), object, 0, indexersOf(object))
	failed := make(chan error, 1)
	if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		select {
		case failed <- err:
		default:
		}
	}); err != nil {
		return nil, err
	}
	if err := informer.SetTransform(trim); err != nil {
		return nil, err
	}
	notify := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(before, now any) { w.note(before, now); changed() },
		DeleteFunc: func(any) { changed() },
	}
	registration, err := informer.AddEventHandler(notify)
	if err != nil {
		return nil, err
	}
	own, stop := context.WithCancel(ctx) // stop is for a list that is refused; else ctx ends it
	w.running.Go(func() { informer.RunWithContext(own) })
	for !registration.HasSynced() {
		select {
		case <-ctx.Done():
			stop()
			return nil, context.Cause(ctx)
		case err := <-failed:
			if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
				stop()
				return nil, err
			}
		case <-registration.HasSyncedChecker().Done():
		}
	}
	context.AfterFunc(ctx, stop)
	return informer, nil
}

func indexersOf(object runtime.Object) cache.Indexers {
	if _, ok := object.(*corev1.Pod); !ok {
		return nil
	}
	return cache.Indexers{byNode: func(o any) ([]string, error) {
		if pod, ok := o.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
			return []string{pod.Spec.NodeName}, nil
		}
		return nil, nil
	}}
}

// trim drops what a drain never looks at: most of a pod is its containers, most
// of a node its images.
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
	}
	return o, nil
}

// PodsOn gives the pods that are bound to a node.
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

// Node gives a node, or nil when there is none of that name.
func (w *Watch) Node(name string) *corev1.Node {
	o, found, _ := w.nodes.GetIndexer().GetByKey(name)
	if !found {
		return nil
	}
	return o.(*corev1.Node)
}

// note keeps what a look at the present state may come too late for.
func (w *Watch) note(before, now any) {
	old, ok := before.(*corev1.Node)
	if !ok || !old.Spec.Unschedulable || now.(*corev1.Node).Spec.Unschedulable {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.uncordoned[old.Name] = true
}

// Uncordoned reports whether a node's cordon was lifted since the beginning,
// however short it had stood.
func (w *Watch) Uncordoned(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.uncordoned[name]
}

// Budgets gives every budget; known is false when the account may not read them.
func (w *Watch) Budgets() (budgets []*policyv1.PodDisruptionBudget, known bool) {
	if w.budgets == nil {
		return nil, false
	}
	for _, o := range w.budgets.GetIndexer().List() {
		budgets = append(budgets, o.(*policyv1.PodDisruptionBudget))
	}
	return budgets, true
}

func onNode(name string) string {
	return fields.OneTermEqualSelector("spec.nodeName", name).String()
}
