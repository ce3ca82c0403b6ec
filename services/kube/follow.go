package kube

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// errWatchClosed is the error of a watch that the API server ended. It does so
// with every watch after some minutes.
var errWatchClosed = errors.New("the API server closed the watch")

// FollowNodes calls seen with each state of a node after the resource version
// since, and with the last state of a node that is deleted. It follows the node
// of the given name, or all nodes if name is "". It returns nil once seen returns
// true, and an error when ctx ends or the watch fails; later states are then
// unknown.
func (c *Client) FollowNodes(
	ctx context.Context, name, since string, seen func(n *corev1.Node, deleted bool) (done bool),
) error {
	o := metav1.ListOptions{ResourceVersion: since}
	if name != "" {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	}
	w, err := c.reads.CoreV1().Nodes().Watch(ctx, o)
	if err != nil {
		return Explain(err, "watch nodes")
	}
	return follow(ctx, w, func(object runtime.Object, deleted bool) bool {
		n, ok := object.(*corev1.Node)
		return ok && seen(n, deleted)
	})
}

// FollowPods calls seen with each state of a pod after the resource version since, and
// with the last state of a pod that is deleted. It returns an error when ctx ends or the
// watch fails.
func (c *Client) FollowPods(ctx context.Context, since string, seen func(p *corev1.Pod, deleted bool)) error {
	w, err := c.reads.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{ResourceVersion: since})
	if err != nil {
		return Explain(err, "watch pods")
	}
	return follow(ctx, w, func(object runtime.Object, deleted bool) bool {
		p, ok := object.(*corev1.Pod)
		if ok {
			seen(p, deleted)
		}
		return false
	})
}

// follow calls seen with the object of each event until seen returns true.
func follow(ctx context.Context, w watch.Interface, seen func(o runtime.Object, deleted bool) (done bool)) error {
	defer w.Stop()
	for done := false; !done; {
		event, err := next(ctx, w)
		if err != nil {
			return err
		}
		done = seen(event.Object, event.Type == watch.Deleted)
	}
	return nil
}

// next waits for the next event of a watch. The end of ctx or of the watch is an
// error.
func next(ctx context.Context, w watch.Interface) (watch.Event, error) {
	select {
	case <-ctx.Done():
		return watch.Event{}, context.Cause(ctx)
	case event, open := <-w.ResultChan():
		switch {
		case !open:
			return event, errWatchClosed
		case event.Type == watch.Error:
			return event, fmt.Errorf("watch: %w", apierrors.FromObject(event.Object))
		}
		return event, nil
	}
}
