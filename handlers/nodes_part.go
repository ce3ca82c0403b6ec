package handlers

import (
	"context"
	"net/http"
	"time"

	"kube-node-manager/services/audit"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/nodes"
)

// historyWithin is how long the conditions wait for events, which only explain them.
const historyWithin = 2 * time.Second

// addPart reads what only one tab shows, and adds it to the page.
func (h *Handlers) addPart(r *http.Request, q nodeRequest, found node.Found, v *nodes.View) error {
	ctx, cancel := reading(r)
	defer cancel()
	switch q.tab {
	case nodes.TabOverview:
		v.Loading = !found.UsageKnown() && !q.usage
		return found.PodsError
	case nodes.TabConditions:
		ctx, cancel := context.WithTimeout(ctx, historyWithin)
		defer cancel()
		return h.addEvents(ctx, q, v)
	case nodes.TabEvents:
		return h.addEvents(ctx, q, v)
	case nodes.TabPods:
		return h.addPods(ctx, q, v)
	case nodes.TabImages, nodes.TabYAML:
		return h.addObject(ctx, q, v)
	case nodes.TabHeartbeat:
		return h.addLease(ctx, q, v)
	case nodes.TabHistory:
		return h.addHistory(ctx, q, v)
	default:
		return nil
	}
}

// partRead notes how old a part is: a page is as old as its oldest part.
func partRead(v *nodes.View, at time.Time, err error) {
	if err == nil && at.Before(v.AsOf) {
		v.AsOf = at
	}
}

func (h *Handlers) addEvents(ctx context.Context, q nodeRequest, v *nodes.View) error {
	part, err := h.Inspect.Events(ctx, q.cluster, q.node, q.fresh)
	v.Events = part.Value
	partRead(v, part.AsOf, err)
	return err
}

func (h *Handlers) addPods(ctx context.Context, q nodeRequest, v *nodes.View) error {
	part, err := h.Inspect.Pods(ctx, q.cluster, q.node, q.fresh)
	v.PodPlan = part.Value.Plan
	v.Node.Pods = make([]node.Pod, len(part.Value.Pods))
	for i, p := range part.Value.Pods {
		v.Node.Pods[i] = p.Pod
	}
	v.Pods = part.Value.Page(q.pods, func(verdict drain.Verdict) string {
		return batches.VerdictWord(ctx, verdict, 1)
	})
	partRead(v, part.AsOf, err)
	return err
}

func (h *Handlers) addObject(ctx context.Context, q nodeRequest, v *nodes.View) error {
	part, err := h.Inspect.Object(ctx, q.cluster, q.node, q.fresh)
	v.Object = part.Value
	partRead(v, part.AsOf, err)
	return err
}

func (h *Handlers) addLease(ctx context.Context, q nodeRequest, v *nodes.View) error {
	part, err := h.Inspect.Lease(ctx, q.cluster, q.node)
	v.Lease = part.Value
	partRead(v, part.AsOf, err)
	return err
}

// nodeEntries is how many audit entries the page of a node shows.
const nodeEntries = 20

func (h *Handlers) addHistory(ctx context.Context, q nodeRequest, v *nodes.View) (err error) {
	v.Past, err = h.Batches.OnNode(ctx, q.cluster, q.node)
	if err != nil {
		return err
	}
	page, err := h.Audit.List(ctx, audit.Query{Cluster: q.cluster, Node: q.node})
	v.Audit = page.Items[:min(nodeEntries, len(page.Items))]
	return err
}
