package handlers

import (
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
)

// BatchesRetry makes a batch that tries an ended one again where it did not get
// there. Fields "node" choose among those nodes.
func (h *Handlers) BatchesRetry(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	id := pathParam(r, "id")
	if !wantsJSON(r) {
		return h.createFrom(w, r, id, "retry_of")
	}
	q := requestOf(r)
	q.Nodes = r.Form["node"]
	v, err := h.Batches.Retry(r.Context(), id, q)
	if err != nil {
		return err
	}
	return h.answerBatch(w, r, v)
}

// createFrom starts the batch of a person's form that goes back to another: the
// same request as that of the other's page, so that the same is asked first.
func (h *Handlers) createFrom(w http.ResponseWriter, r *http.Request, id, field string) error {
	from, err := h.Batches.View(r.Context(), id)
	if err != nil {
		return err
	}
	r.Form.Set(field, id)
	r.Form.Set("back", ui.BatchURL(id))
	r.Form.Set("operation", operation.Undo)
	if field == "retry_of" {
		r.Form.Set("operation", from.Operation)
		r.Form.Set("reason", from.Reason)
	}
	q, err := h.batchRequest(r)
	if err != nil {
		return err
	}
	q.Cluster = from.Cluster
	return h.create(w, r, q)
}

// planOrigin returns the batch that a plan goes back to; nil for a plan of its own.
func planOrigin(q batch.Request, p batch.Preview) *plan.Origin {
	if q.RetryOf != "" {
		return &plan.Origin{ID: q.RetryOf}
	}
	undone := q.Fields.Text("undo_of")
	if q.Operation != operation.Undo || undone == "" {
		return nil
	}
	o := &plan.Origin{ID: undone, Undo: true, Force: q.Fields.Text("force") == "1"}
	for _, n := range p.Nodes {
		if operation.ChangedSince(n.Plan) {
			o.Since++
		}
	}
	return o
}

// plannedNodes returns the names of a plan's nodes: those of an undo or a retry
// are its batch's, unless the form chose among them.
func plannedNodes(p batch.Preview) []string {
	names := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		names[i] = n.Node
	}
	return names
}
