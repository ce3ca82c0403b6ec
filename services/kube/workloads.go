package kube

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Workloads are the Deployments of a cluster, and their ReplicaSets.
type Workloads struct {
	deployments map[types.UID]*appsv1.Deployment
	sets        map[types.UID]*metav1.OwnerReference // the controller of each ReplicaSet
}

// NewWorkloads returns what these lists have.
func NewWorkloads(deployments []appsv1.Deployment, sets []metav1.PartialObjectMetadata) *Workloads {
	w := &Workloads{map[types.UID]*appsv1.Deployment{}, map[types.UID]*metav1.OwnerReference{}}
	for i := range deployments {
		w.deployments[deployments[i].UID] = &deployments[i]
	}
	for i := range sets {
		w.sets[sets[i].UID] = metav1.GetControllerOf(&sets[i])
	}
	return w
}

// DeploymentOf returns the Deployment that a pod belongs to, or nil.
func (w *Workloads) DeploymentOf(pod *corev1.Pod) *appsv1.Deployment {
	set := controllerOf(pod, "ReplicaSet")
	if set == nil {
		return nil
	}
	owner := w.sets[set.UID]
	if !isApps(owner, "Deployment") {
		return nil
	}
	return w.deployments[owner.UID]
}

// controllerOf returns the controller of an object if it is of that kind of apps/v1.
func controllerOf(o metav1.Object, kind string) *metav1.OwnerReference {
	owner := metav1.GetControllerOfNoCopy(o)
	if !isApps(owner, kind) {
		return nil
	}
	return owner
}

func isApps(owner *metav1.OwnerReference, kind string) bool {
	return owner != nil && owner.Kind == kind && owner.APIVersion == appsv1.SchemeGroupVersion.String()
}

// perNamespaceLists is up to how many namespaces are asked for their workloads one by one.
const perNamespaceLists = 10

// Workloads reads the Deployments of some namespaces, and the metadata of their
// ReplicaSets.
//
// Errors: CodeForbidden if the account may not read them.
func (c *Client) Workloads(ctx context.Context, namespaces []string) (*Workloads, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if len(namespaces) > perNamespaceLists {
		namespaces = []string{metav1.NamespaceAll}
	}
	var deployments []appsv1.Deployment
	var sets []metav1.PartialObjectMetadata
	for _, namespace := range namespaces {
		list, err := c.reads.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, Explain(err, "list deployments")
		}
		deployments = append(deployments, list.Items...)
		more, err := c.replicaSets(ctx, namespace)
		if err != nil {
			return nil, Explain(err, "list replicasets")
		}
		sets = append(sets, more...)
	}
	return NewWorkloads(deployments, sets), nil
}

// replicaSets reads the metadata of the ReplicaSets of a namespace, or of all.
func (c *Client) replicaSets(ctx context.Context, namespace string) ([]metav1.PartialObjectMetadata, error) {
	path := "/apis/apps/v1/replicasets"
	if namespace != metav1.NamespaceAll {
		path = "/apis/apps/v1/namespaces/" + namespace + "/replicasets"
	}
	var list metav1.PartialObjectMetadataList
	err := c.getJSON(ctx, path, onlyMetadata, &list)
	return list.Items, err
}
