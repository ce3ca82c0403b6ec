package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/views"
)

// BatchesCreate starts a batch. A small one that ends at once is answered with
// its result (200), any other with its progress (202).
func (h *Handlers) BatchesCreate(w http.ResponseWriter, r *http.Request) error {
	q, err := h.batchRequest(r)
	if err != nil {
		return err
	}
	v, err := h.Batches.Submit(r.Context(), q)
	if keepsForm(r, err) {
		return h.refusePlan(w, r, q, err)
	}
	if planMoved(err) && !isHTMX(r) {
		return h.refuseMoved(w, r, q, err)
	}
	if err != nil {
		return err
	}
	return h.answerBatch(w, r, v)
}

// answerBatch answers a new batch: its end, if it is small and ends at once,
// else its progress.
func (h *Handlers) answerBatch(w http.ResponseWriter, r *http.Request, v batch.View) error {
	if wait := h.Batches.SyncWait(v); wait > 0 {
		var err error
		if v, err = h.Batches.Wait(r.Context(), v.ID, wait); err != nil {
			return err
		}
	}
	status := http.StatusAccepted
	if v.State.Ended() {
		status = http.StatusOK
	}
	w.Header().Set("Location", views.BatchURL(v.ID))
	if !wantsJSON(r) && isHTMX(r) {
		if status == http.StatusOK {
			w.Header().Set("HX-Trigger", "nodes-changed")
		}
		answer := h.batchView(r, v)
		answer.IdempotencyKey = newKey()
		return render(w, r, status, views.BatchAnswer(answer))
	}
	return h.showBatch(w, r, status, v)
}

// refusePlan shows a plan's page again, with what was wrong with it.
func (h *Handlers) refusePlan(w http.ResponseWriter, r *http.Request, q batch.Request, problem error) error {
	p, err := h.Batches.Preview(r.Context(), q)
	if err != nil && !keepsForm(r, err) {
		return problem
	}
	return h.showPlan(w, r, http.StatusUnprocessableEntity, q, p, problem)
}

// batchRequest reads the form of a batch; its nodes are those that are named,
// or all that match the list's query.
func (h *Handlers) batchRequest(r *http.Request) (batch.Request, error) {
	if err := parseForm(r); err != nil {
		return batch.Request{}, err
	}
	q := batch.Request{
		Cluster: pathParam(r, "cluster"), Operation: r.Form.Get("operation"), Form: r.Form, Nodes: r.Form["node"],
		Reason: r.Form.Get("reason"), IdempotencyKey: r.Form.Get("idempotency_key"), RetryOf: r.Form.Get("retry_of"),
	}
	for _, names := range r.Form["nodes"] { // many in one field, as the forms carry them on
		for name := range strings.FieldsSeq(names) {
			if len(q.Nodes) > batch.MaxNodes {
				break // the engine says that these are too many
			}
			q.Nodes = append(q.Nodes, name)
		}
	}
	if r.Form.Get("all") != "1" {
		return q, nil
	}
	names, err := h.matchingNames(r, q.Cluster, listQuery(r.Form))
	q.Nodes = names
	return q, err
}

// listQuery gives the fields of the list's query in a batch's form. "label" and
// "taint" belong to the operation where that has such fields; the filters of the
// same names are then written "filter.label" and "filter.taint", as any of them
// may be.
func listQuery(form url.Values) url.Values {
	query := url.Values{}
	for _, name := range []string{"q", "status", "sched", "role", "label", "taint", "sort", "dir"} {
		own := form.Get("operation") == name
		switch values := form["filter."+name]; {
		case len(values) > 0:
			query[name] = values
		case !own:
			query[name] = form[name]
		}
	}
	return query
}

func (h *Handlers) matchingNames(r *http.Request, cluster string, form url.Values) ([]string, error) {
	query, err := nodeQuery(form)
	if err != nil {
		return nil, err
	}
	nodes, err := h.Nodes.Match(r.Context(), cluster, query)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names, nil
}
