package kube

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Call is a kind of request that the RBAC of a cluster allows or denies: in one namespace,
// or in all.
type Call struct{ Verb, Group, Resource, Subresource, Namespace string }

// String returns the call as kubectl auth can-i names it: "create pods/eviction", and the
// namespace.
func (c Call) String() string {
	text := c.Verb + " " + c.Resource
	if c.Group != "" {
		text += "." + c.Group
	}
	if c.Subresource != "" {
		text += "/" + c.Subresource
	}
	if c.Namespace != "" {
		text += " in " + c.Namespace
	}
	return text
}

// May reports whether the cluster would allow a call to this client. It changes
// nothing.
func (c *Client) May(ctx context.Context, call Call) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: call.Verb, Group: call.Group, Resource: call.Resource, Subresource: call.Subresource,
			Namespace: call.Namespace,
		},
	}}
	answer, err := c.reads.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, Explain(err, "create selfsubjectaccessreviews")
	}
	return answer.Status.Allowed, nil
}
