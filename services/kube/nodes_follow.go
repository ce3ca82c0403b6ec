package kube

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

// errWatchClosed is why a watch ended that nobody stopped. API servers close
// each after some minutes.
var errWatchClosed = errors.New("the API server closed the watch")

// FollowNodes calls seen with each state that a node reaches after the resource
// version since, and with the last one of a node that is deleted. It follows
// the node of the given name, or all nodes when name is "". It returns nil once
// seen returns true, and an error when ctx ends or the server does not go on:
// then nothing is known of what came after the last call.
func (c *Client) FollowNodes(ctx context.Context, name, since string, seen func(n *corev1.Node, deleted bool) bool) error {
	o := metav1.ListOptions{ResourceVersion: since}
	if name != "" {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	}
	w, err := c.reads.CoreV1().Nodes().Watch(ctx, o)
	if err != nil {
		return Explain(err, "watch nodes")
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, open := <-w.ResultChan():
			if !open {
				return errWatchClosed
			}
			if e.Type == watch.Error {
				return fmt.Errorf("watch nodes: %w", apierrors.FromObject(e.Object))
			}
			n, ok := e.Object.(*corev1.Node)
			if ok && seen(n, e.Type == watch.Deleted) {
				return nil
			}
		}
	}
}
