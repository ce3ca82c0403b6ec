package kubetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ownLabel marks cluster-wide objects that this package creates.
const ownLabel = "kubetest"

// resetTimeout bounds the cleaning of a cluster. A thousand pods take seconds.
const resetTimeout = 2 * time.Minute

// reset empties the cluster: no nodes, no pods, no namespaces but the
// system's, no rights that a test gave away. An empty cluster costs it a dozen
// cheap calls.
func (c *Cluster) reset(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resetTimeout)
	defer cancel()
	if err := errors.Join(
		c.deleteNamespaces(ctx), // First: nothing is created in them any more.
		c.deleteWorkloads(ctx),
		c.deleteNodes(ctx),
		c.deleteRights(ctx),
	); err != nil {
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
	return slices.Contains([]string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}, name)
}

// deleteWorkloads deletes what would make new pods, and budgets, in the
// namespaces that stay.
func (c *Cluster) deleteWorkloads(ctx context.Context) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	var errs []error
	for _, namespace := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem} {
		apps := c.Client.AppsV1()
		errs = append(errs,
			apps.Deployments(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
			apps.ReplicaSets(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
			apps.StatefulSets(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
			apps.DaemonSets(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
			c.Client.BatchV1().Jobs(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
			c.Client.PolicyV1().PodDisruptionBudgets(namespace).DeleteCollection(ctx, options, metav1.ListOptions{}),
		)
	}
	return errors.Join(errs...)
}

// deleteNodes deletes the leases, too: kwok takes a node whose lease the
// garbage collector removes under its hands for somebody else's for a while.
func (c *Cluster) deleteNodes(ctx context.Context) error {
	nodes, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		return err
	}
	for _, node := range nodes.Items {
		if len(node.Finalizers) > 0 {
			if err := c.patchNode(ctx, node.Name, `{"metadata":{"finalizers":null}}`); err != nil && !gone(err) {
				return err
			}
		}
	}
	return errors.Join(
		c.Client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}),
		c.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}),
	)
}

func (c *Cluster) deleteRights(ctx context.Context) error {
	own := metav1.ListOptions{LabelSelector: ownLabel}
	rbac := c.Client.RbacV1()
	return errors.Join(
		rbac.ClusterRoleBindings().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
		rbac.ClusterRoles().DeleteCollection(ctx, metav1.DeleteOptions{}, own),
		c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).DeleteCollection(ctx, metav1.DeleteOptions{}, own),
	)
}

// deletePods removes all pods by force, since their nodes are gone, and says
// so as long as it found any.
func (c *Cluster) deletePods(ctx context.Context) error {
	pods, err := c.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	now := int64(0)
	for _, pod := range pods.Items {
		client := c.Client.CoreV1().Pods(pod.Namespace)
		if len(pod.Finalizers) > 0 {
			_, err := client.Patch(ctx, pod.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			if err != nil && !gone(err) {
				return err
			}
		}
		err := client.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		if err != nil && !gone(err) {
			return err
		}
	}
	if len(pods.Items) > 0 {
		return fmt.Errorf("%d pods were left", len(pods.Items))
	}
	return nil
}

func (c *Cluster) patchNode(ctx context.Context, name, patch string) error {
	_, err := c.Client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// poll calls check until it returns nil or the context ends; the error is then
// that of the last check.
func poll(ctx context.Context, check func(context.Context) error) error {
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err // Not the context's end that the check ran into.
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
