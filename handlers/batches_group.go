package handlers

import (
	"net/http"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// GroupCreate starts a batch in each cluster of the nodes, or none at all.
func (h *Handlers) GroupCreate(w http.ResponseWriter, r *http.Request) error {
	s, err := h.submission(r)
	if err == nil {
		err = s.possible()
	}
	if err != nil {
		return err
	}
	err = s.agreed()
	var views []batch.View
	if err == nil {
		views, err = h.Batches.SubmitAll(r.Context(), s.requests)
	}
	switch {
	case err == nil:
		return h.answerGroup(w, r, views, s.Nodes)
	case wantsJSON(r) && planMoved(err):
		return h.refuseGroupMoved(w, r, s, err)
	case wantsJSON(r):
		return err
	case goesFar(err), services.CodeOf(err) == services.CodeInvalid && r.Form.Get("options") != "1":
		return h.goTo(w, r, ui.PreviewURL("")) // where the consent can be given
	case keepsForm(r, err):
		return h.showGroup(w, r, http.StatusUnprocessableEntity, s, err)
	case planMoved(err) && !isHTMX(r):
		return h.showGroup(w, r, http.StatusConflict, s, err)
	default:
		return err
	}
}

// answerGroup answers new batches, as answerBatch does with one.
func (h *Handlers) answerGroup(w http.ResponseWriter, r *http.Request, views []batch.View, refs []string) error {
	if len(views) == 1 && !wantsJSON(r) {
		return h.answerBatch(w, r, views[0], refs...)
	}
	views, err := h.waitForAll(r, views)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if slices.ContainsFunc(views, func(v batch.View) bool { return !v.State.Ended() }) {
		status = http.StatusAccepted
	}
	address := groupAddress(views)
	w.Header().Set("Location", address)
	switch {
	case wantsJSON(r):
		return writeJSON(w, status, newGroupJSON(r, views))
	case !isHTMX(r):
		return redirect(w, r, address)
	}
	if status == http.StatusOK {
		w.Header().Set("HX-Trigger", "nodes-changed")
	}
	answer := batches.NewGroup(views, services.ActorFrom(r.Context()))
	answer.IdempotencyKey = newKey()
	if r.Form.Get("all") == "1" {
		answer.Acted = refs
	}
	return render(w, r, status, batches.GroupAnswer(answer))
}

// groupAddress returns the page of batches: that of the group, or of a batch alone.
func groupAddress(views []batch.View) string {
	if group := batch.GroupOf(views[0].ID); group != "" {
		return batches.GroupURL(group)
	}
	return ui.BatchURL(views[0].ID)
}

// waitForAll waits until all batches have ended, if they are small enough together.
func (h *Handlers) waitForAll(r *http.Request, views []batch.View) ([]batch.View, error) {
	together := views[0]
	for _, v := range views[1:] {
		together.Total += v.Total
	}
	until := h.now().Add(h.Batches.SyncWait(together))
	for i, v := range views {
		wait := max(0, until.Sub(h.now()))
		if wait == 0 {
			break
		}
		now, err := h.Batches.Wait(r.Context(), v.ID, wait)
		if err != nil {
			return nil, err
		}
		views[i] = now
	}
	return views, nil
}

// everyMember is all batches of a group.
func everyMember(members []batch.View) []batch.View { return members }

// controlGroup does the same to every batch of a group that it applies to; nothing to do
// is the error of the first.
func (h *Handlers) controlGroup(
	w http.ResponseWriter, r *http.Request, id string, among func([]batch.View) []batch.View, act func(id string) error,
) error {
	members, err := h.Batches.Group(r.Context(), id)
	if err != nil {
		return err
	}
	var refused error
	done := 0
	for _, m := range among(members) {
		err := act(m.ID)
		if err == nil {
			done++
		} else if refused == nil {
			refused = err
		}
	}
	if done == 0 {
		return refused
	}
	return h.showGroupState(w, r, id)
}

func (h *Handlers) showGroupState(w http.ResponseWriter, r *http.Request, id string) error {
	members, err := h.Batches.Group(r.Context(), id)
	switch {
	case err != nil:
		return err
	case isHTMX(r):
		panel := batches.GroupPanel(batches.NewGroup(members, services.ActorFrom(r.Context())))
		return render(w, r, http.StatusOK, panel)
	default:
		return redirect(w, r, batches.GroupURL(id))
	}
}
