package handlers

import (
	"net/http"
	"net/url"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
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
	if err != nil {
		return err
	}
	if wait := h.Batches.SyncWait(v); wait > 0 {
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
		Reason: r.Form.Get("reason"), IdempotencyKey: r.Form.Get("idempotency_key"),
	}
	if r.Form.Get("all") != "1" {
		return q, nil
	}
	names, err := h.matchingNames(r, q.Cluster, r.Form)
	q.Nodes = names
	return q, err
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

// showBatch answers one batch with its items, as a page or as JSON.
func (h *Handlers) showBatch(w http.ResponseWriter, r *http.Request, status int, v batch.View) error {
	items, err := h.Batches.Items(r.Context(), v.ID)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, status, newBatchJSON(r.Context(), v, items))
	}
	page := views.BatchPageView{Batch: h.batchView(r, v), Items: items, Now: h.now()}
	if isHTMX(r) {
		return render(w, r, status, views.BatchItems(page))
	}
	f := h.frame(r, "batches", views.T(r.Context(), "batch_title", "Operation", v.Operation, "Cluster", v.Cluster), v.Cluster)
	f.Dock = nil // the page itself is the batch
	if v.State == store.StateInterrupted {
		f.Path = views.BatchURL(v.ID)
	}
	return render(w, r, status, views.BatchPage(f, page))
}
