package handlers

import "net/http"

// BatchesUndo makes a batch that takes an ended one back. With force=1 it does
// so on nodes too that somebody else has changed since; fields "node" choose
// among the nodes.
func (h *Handlers) BatchesUndo(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	id := pathParam(r, "id")
	if !wantsJSON(r) {
		return h.createFrom(w, r, id, "undo_of")
	}
	q := requestOf(r)
	q.Nodes = r.Form["node"]
	v, err := h.Batches.Undo(r.Context(), id, q)
	if err != nil {
		return err
	}
	return h.answerBatch(w, r, v)
}
