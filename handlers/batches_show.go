package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// BatchesShow answers one batch and its nodes. "state" chooses among the nodes;
// a page shows a part of them, JSON has them all.
func (h *Handlers) BatchesShow(w http.ResponseWriter, r *http.Request) error {
	if id := pathParam(r, "id"); batch.IsGroup(id) {
		return redirect(w, r, batches.GroupURL(id))
	}
	v, err := h.Batches.View(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	q, err := itemQuery(r.URL.Query())
	if err != nil {
		return err
	}
	return h.showItems(w, r, http.StatusOK, v, q)
}

// itemQuery reads which nodes of a batch are asked for; the engine checks the
// state.
func itemQuery(values url.Values) (batch.ItemQuery, error) {
	page, err := numberField(values, "page")
	return batch.ItemQuery{State: values.Get("state"), Page: page}, err
}

// showBatch answers one batch with its nodes, as a page or as JSON.
func (h *Handlers) showBatch(w http.ResponseWriter, r *http.Request, status int, v batch.View) error {
	return h.showItems(w, r, status, v, batch.ItemQuery{})
}

func (h *Handlers) showItems(
	w http.ResponseWriter, r *http.Request, status int, v batch.View, q batch.ItemQuery,
) error {
	shown, err := h.Batches.ItemPage(r.Context(), v.ID, q)
	if err != nil {
		return err
	}
	later, err := h.Batches.Successors(r.Context(), v.ID)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return h.writeBatch(w, r, status, v, later, q)
	}
	page := batches.PageView{Batch: h.batchView(r, v), ItemPage: shown, Later: later, Now: h.now()}
	page.Mine = v.ActorID == services.ActorFrom(r.Context()).ID
	page.Related = h.related(r.Context(), v, later)
	if isHTMX(r) {
		return render(w, r, status, batches.Moved(page))
	}
	f := h.frame(r, "batches", ui.T(r.Context(), "batch_title", "Operation", v.Operation, "Cluster", v.Cluster), v.Cluster)
	f.Dock = nil // the page itself is the batch
	if v.State == store.StateInterrupted {
		f.Path = ui.BatchURL(v.ID)
	}
	return render(w, r, status, batches.Page(f, page))
}

// relatedShown is how many related batches a page names; of the others it has
// the ids.
const relatedShown = 10

// related finds the batches that one goes back to and that go back to it. One
// that cannot be read is left out: it is only named.
func (h *Handlers) related(ctx context.Context, v batch.View, later batch.Successors) map[string]batch.Batch {
	ids := slices.Concat([]string{v.RetryOf, v.UndoOf}, later.Retries, later.Undos)
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	out := map[string]batch.Batch{}
	for _, id := range ids[:min(len(ids), relatedShown)] {
		if b, err := h.Batches.View(ctx, id); err == nil {
			out[id] = b.Batch
		}
	}
	return out
}

// writeBatch writes one batch with every node that the query asks for.
func (h *Handlers) writeBatch(
	w http.ResponseWriter, r *http.Request, status int, v batch.View, later batch.Successors, q batch.ItemQuery,
) error {
	items, err := h.Batches.Items(r.Context(), v.ID)
	if err != nil {
		return err
	}
	if q.State != "" {
		items = slices.DeleteFunc(items, func(it batch.Item) bool { return string(it.State) != q.State })
	}
	b := newBatchJSON(r.Context(), v, items)
	b.Successors = later
	return writeJSON(w, status, b)
}
