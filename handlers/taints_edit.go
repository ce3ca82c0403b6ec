package handlers

import "net/http"

// TaintsEdit is LabelsEdit for taints: a row is a key with an effect.
func (h *Handlers) TaintsEdit(w http.ResponseWriter, r *http.Request) error {
	return h.edit(w, r, "taints")
}
