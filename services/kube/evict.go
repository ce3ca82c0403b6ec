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

// evictTimeout bounds one eviction. The API server itself retries for up to ten
// seconds while other writers keep changing the status of the budget.
const evictTimeout = 20 * time.Second

// Eviction is the outcome of one attempt to evict a pod.
type Eviction int

// The outcomes.
const (
	// NotEvicted: the attempt failed. The error says why; FaultOf says whether to retry.
	NotEvicted Eviction = iota
	// Evicted: the pod is terminating or has ended.
	Evicted
	// Gone: the pod no longer exists. Another pod may have its name.
	Gone
	// Blocked: the pod's budget does not allow it now.
	Blocked
	// NamespaceEnding: the pod's namespace is being deleted, and the pod with it.
	NamespaceEnding
	// TooManyBudgets: more than one budget selects the pod. The eviction API never
	// evicts such a pod (kubernetes/kubernetes#75957).
	TooManyBudgets
)

// EvictPod sends one eviction. It never bypasses a budget, and it affects only
// the pod with this UID. If grace is below zero, the pod's own grace period
// applies. For Blocked the error's message is what the server says about the
// budget.
func (c *Client) EvictPod(ctx context.Context, namespace, name, uid string, grace time.Duration) (Eviction, error) {
	ctx, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: namespace, Name: name},
		DeleteOptions: deleteOptions(uid, grace),
	}
	err := c.writes.Post().
		Namespace(namespace).Resource("pods").Name(name).SubResource("eviction").
		Body(eviction).
		MaxRetries(0). // client-go would block here for ten times ten seconds
		Do(ctx).Error()
	outcome, err := evictionOf(ctx, err)
	return outcome, c.doubt(ctx, err)
}

// DeletePod deletes a pod regardless of its budgets. gone reports that the pod
// with this UID no longer exists. If grace is below zero, the pod's own grace
// period applies. No drain calls it: only an administrator may decide this, for
// one pod at a time.
func (c *Client) DeletePod(
	ctx context.Context, namespace, name, uid string, grace time.Duration,
) (gone bool, err error) {
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
	return false, explainChange(ctx, err, "delete pods")
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

// evictionOf returns the outcome of an eviction from the API server's answer.
//
// Source: k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go.
func evictionOf(ctx context.Context, err error) (Eviction, error) {
	if err == nil {
		return Evicted, nil
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return NotEvicted, explainChange(ctx, err, "create pods/eviction")
	}
	s := answer.Status()
	switch {
	case s.Code == http.StatusNotFound:
		return Gone, nil
	case s.Code == http.StatusConflict && strings.Contains(s.Message, "UID"):
		return Gone, nil
	case s.Code == http.StatusTooManyRequests && hasCause(s, policyv1.DisruptionBudgetCause):
		return Blocked, blockedError(err, s)
	case s.Code == http.StatusForbidden && hasCause(s, corev1.NamespaceTerminatingCause):
		return NamespaceEnding, nil
	case s.Code == http.StatusForbidden && hasCause(s, policyv1.DisruptionBudgetCause):
		return Blocked, blockedError(err, s)
	case s.Code == http.StatusInternalServerError && strings.Contains(s.Message, "more than one PodDisruptionBudget"):
		return TooManyBudgets, services.Wrap(err, services.CodeConflict, "error_pod_two_budgets")
	}
	return NotEvicted, explainChange(ctx, err, "create pods/eviction")
}

// blockedError returns the error of an eviction that a budget does not allow.
func blockedError(err error, s metav1.Status) error {
	message := causeMessage(s, policyv1.DisruptionBudgetCause)
	return services.Wrap(err, services.CodeConflict, "error_pod_blocked", "Message", message)
}

func hasCause(s metav1.Status, cause metav1.CauseType) bool { return causeOf(s, cause) != nil }

func causeMessage(s metav1.Status, cause metav1.CauseType) string {
	c := causeOf(s, cause)
	if c == nil || c.Message == "" {
		return s.Message
	}
	return c.Message
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
