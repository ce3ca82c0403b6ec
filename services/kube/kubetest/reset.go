package kubetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ownLabel marks cluster-wide objects that this package creates.
const ownLabel = "kubetest"

// noFinalizers is a patch that removes all finalizers, so that an object can end.
const noFinalizers = `{"metadata":{"finalizers":null}}`

// resetTimeout bounds the reset of a cluster. A thousand pods take seconds.
const resetTimeout = 5 * time.Minute

// deleters is how many pods are deleted at once.
const deleters = 8

// reset empties the cluster: it deletes all nodes, all pods, all namespaces but
// the system's, and all permissions that a test granted. For an empty cluster it
// makes a dozen cheap calls.
func (c *Cluster) reset(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resetTimeout)
	defer cancel()
	err := errors.Join(
		c.deleteNamespaces(ctx), // First, so that nothing new is created in them.
		c.deleteWorkloads(ctx),
		c.deleteNodes(ctx),
		c.deletePermissions(ctx),
	)
	if err != nil {
		return err
	}
	return poll(ctx, c.deletePods)
}

func (c *Cluster) deleteNamespaces(ctx context.Context) error {
	list, err := c.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, namespace := range list.Items {
		if systemNamespace(namespace.Name) || namespace.DeletionTimestamp != nil {
			continue
		}
		err := c.Client.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{})
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func systemNamespace(name string) bool {
	system := []string{
		metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease,
	}
	return slices.Contains(system, name)
}

// deleteWorkloads deletes budgets and everything that would create new pods in
// the system's namespaces, which stay.
func (c *Cluster) deleteWorkloads(ctx context.Context) error {
	background := metav1.DeletePropagationBackground
	options, every := metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{}
	apps, batch, policy := c.Client.AppsV1(), c.Client.BatchV1(), c.Client.PolicyV1()
	var errs []error
	for _, namespace := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem} {
		errs = append(errs,
			apps.Deployments(namespace).DeleteCollection(ctx, options, every),
			apps.ReplicaSets(namespace).DeleteCollection(ctx, options, every),
			apps.StatefulSets(namespace).DeleteCollection(ctx, options, every),
			apps.DaemonSets(namespace).DeleteCollection(ctx, options, every),
			batch.Jobs(namespace).DeleteCollection(ctx, options, every),
			policy.PodDisruptionBudgets(namespace).DeleteCollection(ctx, options, every),
		)
	}
	return errors.Join(errs...)
}

// deleteNodes deletes all nodes and their leases. If it left the leases to the
// garbage collector, kwok would for a while believe that another kwok manages the
// next node of the same name.
func (c *Cluster) deleteNodes(ctx context.Context) error {
	nodes, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		return err
	}
	for _, node := range nodes.Items {
		if len(node.Finalizers) > 0 {
			if err := c.patchNode(ctx, node.Name, noFinalizers); err != nil && !gone(err) {
				return err
			}
		}
	}
	leases := c.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	// A call that deletes thousands may end in a time-out of the API server's own.
	return poll(ctx, func(ctx context.Context) error {
		return errors.Join(
			c.Client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}),
			leases.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}),
		)
	})
}

func (c *Cluster) deletePermissions(ctx context.Context) error {
	own := metav1.ListOptions{LabelSelector: ownLabel}
	rbac := c.Client.RbacV1()
	return errors.Join(
		rbac.ClusterRoleBindings().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
		rbac.ClusterRoles().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
		c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).DeleteCollection(ctx, metav1.DeleteOptions{}, own),
	)
}

// deletePods deletes all pods without a grace period, since their nodes no longer
// exist. It returns an error until there are no pods left.
func (c *Cluster) deletePods(ctx context.Context) error {
	pods, err := c.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var workers errgroup.Group
	workers.SetLimit(deleters)
	for i := range pods.Items {
		workers.Go(func() error { return c.deletePod(ctx, &pods.Items[i]) })
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	if len(pods.Items) > 0 {
		return fmt.Errorf("%d pods were left", len(pods.Items))
	}
	return nil
}

func (c *Cluster) deletePod(ctx context.Context, pod *corev1.Pod) error {
	client := c.Client.CoreV1().Pods(pod.Namespace)
	if len(pod.Finalizers) > 0 {
		_, err := client.Patch(ctx, pod.Name, types.MergePatchType, []byte(noFinalizers), metav1.PatchOptions{})
		if err != nil && !gone(err) {
			return err
		}
	}
	now := int64(0)
	err := client.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if gone(err) {
		return nil
	}
	return err
}

func (c *Cluster) patchNode(ctx context.Context, name, patch string) error {
	_, err := c.Client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// gone reports whether an error says that the object no longer exists, or was
// deleted and created anew.
func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// poll calls check until it returns nil or ctx ends; the error then contains that
// of the last check.
func poll(ctx context.Context, check func(context.Context) error) error {
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err // An error after the end of ctx would only say that ctx ended.
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
