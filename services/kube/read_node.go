package kube

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// Limits of the events of one node. The API server does not sort them, so the newest are
// only known when all of them have been read.
const (
	eventsPerCall = 500
	mostEvents    = 2000
)

// NodeEvents returns the events about a node, in no order. They may be in any namespace.
// complete is false if there are more than are read.
func (c *Client) NodeEvents(ctx context.Context, node string) (events []corev1.Event, complete bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	about := fields.Set{"involvedObject.kind": "Node", "involvedObject.name": node}
	o := metav1.ListOptions{FieldSelector: about.String(), Limit: eventsPerCall}
	for len(events) < mostEvents {
		list, err := c.reads.CoreV1().Events(metav1.NamespaceAll).List(ctx, o)
		if err != nil {
			return nil, false, Explain(err, "list events")
		}
		events = append(events, list.Items...)
		o.Continue = list.Continue
		if o.Continue == "" {
			return events, true, nil
		}
	}
	return events, false, nil
}

// NodeLease returns the lease with which the kubelet of a node says that it is alive. If
// there is none, the error has CodeNotFound.
func (c *Client) NodeLease(ctx context.Context, node string) (*coordinationv1.Lease, error) {
	if err := checkNodeName(node); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	lease, err := c.reads.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return nil, Explain(err, "get leases in "+corev1.NamespaceNodeLease)
	}
	return lease, nil
}

// EventTime returns when an event was last seen. Which of its fields says so depends on
// the component that recorded it.
func EventTime(e *corev1.Event) time.Time {
	if e.Series != nil && !e.Series.LastObservedTime.IsZero() {
		return e.Series.LastObservedTime.Time
	}
	for _, at := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time} {
		if !at.IsZero() {
			return at
		}
	}
	return e.CreationTimestamp.Time
}
