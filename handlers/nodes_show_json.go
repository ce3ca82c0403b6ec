package handlers

import (
	"context"
	"net/http"
	"time"

	"kube-node-manager/services/audit"
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// nodeDetailJSON is one node with its age, and what the tab that was asked for adds.
type nodeDetailJSON struct {
	Cluster string    `json:"cluster"`
	AsOf    time.Time `json:"asOf"`
	node.Detail
	// Drain is what a drain of the node alone would do, with the default options.
	Drain       *drainPlanJSON    `json:"drain,omitempty"`
	Events      *eventsJSON       `json:"events,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Images      *imagesJSON       `json:"images,omitempty"`
	Lease       *inspect.Lease    `json:"lease,omitempty"`
	Manifest    *inspect.Manifest `json:"manifest,omitempty"`
	History     *nodeHistoryJSON  `json:"history,omitempty"`
}

// eventsJSON are the newest events; total counts all that were read.
type eventsJSON struct {
	Items    []inspect.Event `json:"items"`
	Total    int             `json:"total"`
	Complete bool            `json:"complete"` // false if the cluster has more
}

// imagesJSON are the largest images; total and sizeBytes are about all of them.
type imagesJSON struct {
	Items []inspect.Image `json:"items"`
	Total int             `json:"total"`
	Bytes int64           `json:"sizeBytes"`
}

// nodeHistoryJSON is what batches did to the node, and the audit entries of these batches,
// the newest first.
type nodeHistoryJSON struct {
	Batches []nodeItemJSON `json:"batches"`
	Audit   []audit.Entry  `json:"audit"`
}

type nodeItemJSON struct {
	Batch     string      `json:"batch"` // its ID
	Operation string      `json:"operation"`
	By        string      `json:"by"`
	Reason    string      `json:"reason,omitempty"`
	State     store.State `json:"state"`
	CreatedAt time.Time   `json:"createdAt"`
	Item      itemJSON    `json:"item"`
}

// nodeJSON answers a script: the node with its pods, or with what a tab shows. A part that
// cannot be read is an error.
func (h *Handlers) nodeJSON(w http.ResponseWriter, r *http.Request, q nodeRequest) error {
	ctx, cancel := reading(r)
	defer cancel()
	read := h.Nodes.GetQuick
	if q.tab == "" || q.tab == nodes.TabOverview {
		read = h.Nodes.Get
	}
	found, err := read(ctx, q.cluster, q.node, q.fresh)
	h.noteSilence(q.cluster, err)
	if err != nil {
		return err
	}
	v := nodes.View{Node: found.Detail, AsOf: found.AsOf, Tab: q.tab}
	if q.tab != nodes.TabOverview && q.tab != nodes.TabConditions {
		err = h.addPart(r, q, found, &v)
	}
	if err != nil {
		return err
	}
	h.addActors(r, q, &v)
	return writeJSON(w, http.StatusOK, newNodeDetailJSON(r, q.cluster, v))
}

func newNodeDetailJSON(r *http.Request, cluster string, v nodes.View) nodeDetailJSON {
	out := nodeDetailJSON{Cluster: cluster, AsOf: v.AsOf.UTC(), Detail: v.Node}
	switch v.Tab {
	case nodes.TabPods:
		out.Drain = newDrainPlanJSON(r, v.PodPlan)
	case nodes.TabEvents:
		out.Events = &eventsJSON{v.Events.Items, v.Events.Total, v.Events.Complete}
	case nodes.TabLabels:
		out.Annotations = v.Node.Annotations
	case nodes.TabImages:
		out.Images = &imagesJSON{append([]inspect.Image{}, v.Object.Images...), v.Object.ImageCount, v.Object.ImageBytes}
	case nodes.TabHeartbeat:
		out.Lease = &v.Lease
	case nodes.TabYAML:
		out.Manifest = &v.Object.Manifest
	case nodes.TabHistory:
		out.History = newNodeHistoryJSON(r.Context(), v)
	}
	return out
}

func newNodeHistoryJSON(ctx context.Context, v nodes.View) *nodeHistoryJSON {
	out := &nodeHistoryJSON{Batches: make([]nodeItemJSON, len(v.Past)), Audit: append([]audit.Entry{}, v.Audit...)}
	for i, p := range v.Past {
		b := p.Batch
		out.Batches[i] = nodeItemJSON{
			Batch: b.ID, Operation: b.Operation, By: b.By, Reason: b.Reason, State: b.State, CreatedAt: b.CreatedAt.UTC(),
			Item: itemJSON{Item: p.Item},
		}
		if p.Item.Error != nil {
			out.Batches[i].Item.Error = ui.Text(ctx, *p.Item.Error)
		}
	}
	return out
}
