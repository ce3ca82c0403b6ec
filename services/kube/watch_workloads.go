package kube

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// byOwner is the index of watched ReplicaSets by the UID of their controller.
const byOwner = "owner"

func setIndexers() cache.Indexers {
	return cache.Indexers{byOwner: func(o any) ([]string, error) {
		set, ok := o.(*appsv1.ReplicaSet)
		if !ok || metav1.GetControllerOfNoCopy(set) == nil {
			return nil, nil
		}
		return []string{string(metav1.GetControllerOfNoCopy(set).UID)}, nil
	}}
}

// followWorkloads follows the Deployments of the cluster and their ReplicaSets, too.
//
// Errors: CodeForbidden if the account may not watch them.
func (w *Watch) followWorkloads(ctx context.Context, c *Client) error {
	apps := c.reads.AppsV1().RESTClient()
	deployments, err := w.follow(ctx, apps, "deployments", fields.Everything(), &appsv1.Deployment{})
	if err != nil {
		return Explain(err, "watch deployments")
	}
	sets, err := w.follow(ctx, apps, "replicasets", fields.Everything(), &appsv1.ReplicaSet{})
	if err != nil {
		return Explain(err, "watch replicasets")
	}
	w.deployments, w.sets = deployments, sets
	return nil
}

// DeploymentOf returns the Deployment that a pod belongs to; nil if there is none, or if
// workloads are not followed.
func (w *Watch) DeploymentOf(pod *corev1.Pod) *appsv1.Deployment {
	owner := controllerOf(pod, "ReplicaSet")
	if owner == nil || w.sets == nil {
		return nil
	}
	o, found, _ := w.sets.GetIndexer().GetByKey(pod.Namespace + "/" + owner.Name)
	if !found || o.(*appsv1.ReplicaSet).UID != owner.UID {
		return nil
	}
	owner = controllerOf(o.(*appsv1.ReplicaSet), "Deployment")
	if owner == nil {
		return nil
	}
	return w.Deployment(pod.Namespace, owner.Name, owner.UID)
}

// Deployment returns a Deployment, or nil if it does not exist.
func (w *Watch) Deployment(namespace, name string, uid types.UID) *appsv1.Deployment {
	o, found, _ := w.deployments.GetIndexer().GetByKey(namespace + "/" + name)
	if !found || o.(*appsv1.Deployment).UID != uid {
		return nil
	}
	return o.(*appsv1.Deployment)
}

// NewPods returns how many pods a Deployment has of its latest restart, and how many of
// these are available.
func (w *Watch) NewPods(d *appsv1.Deployment) (count, available int) {
	mark := RestartMark(d.Spec.Template.Annotations)
	sets, _ := w.sets.GetIndexer().ByIndex(byOwner, string(d.UID)) // the index exists
	for _, o := range sets {
		set := o.(*appsv1.ReplicaSet)
		if RestartMark(set.Spec.Template.Annotations) != mark {
			continue
		}
		count += int(set.Status.Replicas)
		available += int(set.Status.AvailableReplicas)
	}
	return count, available
}
