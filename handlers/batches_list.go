package handlers

import (
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/views"
)

// batchesPerPage is how many batches the history shows at once.
const batchesPerPage = 50

// BatchesList answers the history, newest first.
func (h *Handlers) BatchesList(w http.ResponseWriter, r *http.Request) error {
	found, err := h.Batches.List(r.Context(), r.URL.Query().Get("before"), batchesPerPage)
	if err != nil {
		return err
	}
	older := ""
	if len(found) == batchesPerPage {
		older = views.AllBatchesURL + "?before=" + found[len(found)-1].ID
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newBatchListJSON(found, older))
	}
	v := views.BatchesView{Batches: found, Older: older, Now: h.now()}
	return render(w, r, http.StatusOK, views.BatchesPage(h.frame(r, "batches", views.T(r.Context(), "nav_batches"), ""), v))
}

// batchListJSON is the history; Older is the path of the next page.
type batchListJSON struct {
	Items []batchJSON `json:"items"`
	Older string      `json:"older,omitempty"`
}

func newBatchListJSON(found []batch.View, older string) batchListJSON {
	list := batchListJSON{Items: make([]batchJSON, len(found)), Older: older}
	for i, v := range found {
		list.Items[i] = batchJSON{View: v, RetryOf: orNull(v.RetryOf), UndoOf: orNull(v.UndoOf)}
	}
	return list
}
