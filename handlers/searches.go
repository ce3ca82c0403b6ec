package handlers

import (
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/views/ui"
)

// searchListJSON is the list of the recent searches.
type searchListJSON struct {
	Items []string `json:"items"` // the latest first
}

// SearchesList answers the actor's recent searches of nodes.
func (h *Handlers) SearchesList(w http.ResponseWriter, r *http.Request) error {
	searches, err := h.Saved.Searches(r.Context())
	if err != nil {
		return err
	}
	if !wantsJSON(r) {
		return redirect(w, r, ui.ViewsURL)
	}
	return writeJSON(w, http.StatusOK, searchListJSON{searches})
}

// SearchesKeep adds a search, q, to the recent ones. The page sends those that somebody
// has finished typing.
func (h *Handlers) SearchesKeep(w http.ResponseWriter, r *http.Request) error {
	return h.changeSearches(w, r, func(text string) error { return h.Saved.KeepSearch(r.Context(), text) })
}

// SearchesForget forgets one recent search, q, or all without it.
func (h *Handlers) SearchesForget(w http.ResponseWriter, r *http.Request) error {
	return h.changeSearches(w, r, func(text string) error { return h.Saved.ForgetSearches(r.Context(), text) })
}

func (h *Handlers) changeSearches(w http.ResponseWriter, r *http.Request, change func(text string) error) error {
	if err := services.ActorFrom(r.Context()).Require(services.PermitSee); err != nil {
		return err
	}
	if err := parseForm(r); err != nil {
		return err
	}
	if err := change(r.PostForm.Get("q")); err != nil {
		return err
	}
	if wantsJSON(r) {
		return h.SearchesList(w, r)
	}
	return redirect(w, r, ui.ViewsURL)
}
