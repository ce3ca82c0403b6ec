package handlers

import "net/http"

// BatchesShow answers one batch and its items.
func (h *Handlers) BatchesShow(w http.ResponseWriter, r *http.Request) error {
	v, err := h.Batches.View(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	return h.showBatch(w, r, http.StatusOK, v)
}
