package handlers

import (
	"context"
	"net/http"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// BatchesCancel makes a batch take no more nodes.
func (h *Handlers) BatchesCancel(w http.ResponseWriter, r *http.Request) error {
	return h.control(w, r, h.Batches.Cancel)
}

// BatchesPause makes a batch begin nothing more until it is resumed.
func (h *Handlers) BatchesPause(w http.ResponseWriter, r *http.Request) error {
	return h.control(w, r, h.Batches.Pause)
}

// BatchesResume continues a paused or interrupted batch.
func (h *Handlers) BatchesResume(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	given := batch.ReadConsents(form.Fields(r.Form))
	if id := pathParam(r, "id"); batch.IsGroup(id) {
		return h.controlGroup(w, r, id, goingOn, func(member string) error {
			_, err := h.Batches.Resume(r.Context(), member, given)
			return err
		})
	}
	return h.control(w, r, func(ctx context.Context, id string) (batch.View, error) {
		return h.Batches.Resume(ctx, id, given)
	})
}

func (h *Handlers) control(
	w http.ResponseWriter, r *http.Request, act func(context.Context, string) (batch.View, error),
) error {
	if id := pathParam(r, "id"); batch.IsGroup(id) {
		return h.controlGroup(w, r, id, everyMember, func(member string) error {
			_, err := act(r.Context(), member)
			return err
		})
	}
	v, err := act(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	switch {
	case wantsJSON(r):
		return h.showBatch(w, r, http.StatusOK, v)
	case isHTMX(r):
		return render(w, r, http.StatusOK, batches.Panel(h.batchView(r, v)))
	default:
		return redirect(w, r, ui.BatchURL(v.ID))
	}
}
