package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
)

// evictTimeout bounds one eviction. The API server itself tries for up to ten
// seconds when a budget's status keeps changing under it.
const evictTimeout = 20 * time.Second

// Eviction is the outcome of one try to evict a pod.
type Eviction int

// The outcomes.
const (
	// NotEvicted: it did not work; the error says why, FaultOf whether to try again.
	NotEvicted Eviction = iota
	// Evicted: the pod is ending, or has ended.
	Evicted
	// Gone: there is no such pod any more; one of the same name is another pod.
	Gone
	// Blocked: its budget does not allow it now.
	Blocked
	// NamespaceEnding: its namespace is being deleted, and the pod with it.
	NamespaceEnding
	// TooManyBudgets: more than one budget selects the pod, and the eviction
	// API refuses such pods for good (kubernetes/kubernetes#75957).
	TooManyBudgets
)

// EvictPod asks the API server once to evict a pod. It never deletes a pod
// past its budget, and never another pod than the one with this UID. A grace
// period below zero is the pod's own. For Blocked the error's message is the
// server's sentence on the budget.
func (c *Client) EvictPod(ctx context.Context, namespace, name, uid string, grace time.Duration) (Eviction, error) {
	ctx, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	err := c.writes.Post().
		Namespace(namespace).Resource("pods").Name(name).SubResource("eviction").
		Body(&policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, DeleteOptions: deleteOptions(uid, grace)}).
		MaxRetries(0). // client-go would wait in here for ten times ten seconds
		Do(ctx).Error()
	return evictionOf(err)
}

// DeletePod deletes a pod past every budget, if it still is the one with this
// UID; gone reports that it is not. A grace period below zero is the pod's own.
// No drain calls it: it is an administrator's own decision about one pod.
func (c *Client) DeletePod(ctx context.Context, namespace, name, uid string, grace time.Duration) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	err = c.writes.Delete().
		Namespace(namespace).Resource("pods").Name(name).
		Body(deleteOptions(uid, grace)).
		MaxRetries(0).
		Do(ctx).Error()
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true, nil
	}
	return false, Explain(err, "delete pods")
}

func deleteOptions(uid string, grace time.Duration) *metav1.DeleteOptions {
	podUID := types.UID(uid)
	options := &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &podUID}}
	if grace >= 0 {
		seconds := int64(grace / time.Second)
		options.GracePeriodSeconds = &seconds
	}
	return options
}

// evictionOf reads the API server's answer to an eviction; see
// pkg/registry/core/pod/storage/eviction.go of Kubernetes.
func evictionOf(err error) (Eviction, error) {
	if err == nil {
		return Evicted, nil
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return NotEvicted, Explain(err, "create pods/eviction")
	}
	s := answer.Status()
	switch {
	case s.Code == http.StatusNotFound:
		return Gone, nil
	case s.Code == http.StatusConflict && strings.Contains(s.Message, "UID"):
		return Gone, nil
	case s.Code == http.StatusTooManyRequests && hasCause(s, policyv1.DisruptionBudgetCause):
		return Blocked, services.Wrap(err, services.CodeConflict, "error_pod_blocked", "Message", causeMessage(s, policyv1.DisruptionBudgetCause))
	case s.Code == http.StatusForbidden && hasCause(s, corev1.NamespaceTerminatingCause):
		return NamespaceEnding, nil
	case s.Code == http.StatusForbidden && hasCause(s, policyv1.DisruptionBudgetCause):
		return Blocked, services.Wrap(err, services.CodeConflict, "error_pod_blocked", "Message", causeMessage(s, policyv1.DisruptionBudgetCause))
	case s.Code == http.StatusInternalServerError && strings.Contains(s.Message, "more than one PodDisruptionBudget"):
		return TooManyBudgets, services.Wrap(err, services.CodeConflict, "error_pod_two_budgets")
	}
	return NotEvicted, Explain(err, "create pods/eviction")
}

func hasCause(s metav1.Status, cause metav1.CauseType) bool { return causeOf(s, cause) != nil }

func causeMessage(s metav1.Status, cause metav1.CauseType) string {
	if c := causeOf(s, cause); c != nil && c.Message != "" {
		return c.Message
	}
	return s.Message
}

func causeOf(s metav1.Status, cause metav1.CauseType) *metav1.StatusCause {
	if s.Details == nil {
		return nil
	}
	for i := range s.Details.Causes {
		if s.Details.Causes[i].Type == cause {
			return &s.Details.Causes[i]
		}
	}
	return nil
}

// ListNodePods gives the pods that are bound to a node, by a consistent read.
func (c *Client) ListNodePods(ctx context.Context, node string) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: onNode(node)})
	if err != nil {
		return nil, Explain(err, "list pods")
	}
	return list.Items, nil
}

// ListAllPods gives every pod, by a consistent read.
func (c *Client) ListAllPods(ctx context.Context) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list pods")
	}
	return list.Items, nil
}

// ListBudgets gives every PodDisruptionBudget.
func (c *Client) ListBudgets(ctx context.Context) ([]policyv1.PodDisruptionBudget, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.PolicyV1().PodDisruptionBudgets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list poddisruptionbudgets")
	}
	return list.Items, nil
}

// DaemonSets gives the UID of every DaemonSet of apps/v1.
func (c *Client) DaemonSets(ctx context.Context) (map[types.UID]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list daemonsets")
	}
	uids := make(map[types.UID]bool, len(list.Items))
	for _, d := range list.Items {
		uids[d.UID] = true
	}
	return uids, nil
}
