package handlers

import (
	"net/http"
	"net/url"

	"kube-node-manager/views/people"
	"kube-node-manager/views/ui"
)

// An answer to a form may stand at the address that the form was sent to: what
// was wrong with it, or an error. Who loads that address again, or shares it,
// is led to the page that the form belongs to.

// BatchesPosted leads to the batches of a cluster.
func (h *Handlers) BatchesPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.AllBatchesURL+"?"+url.Values{"cluster": {pathParam(r, "cluster")}}.Encode())
}

// BatchPosted leads to one batch.
func (h *Handlers) BatchPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.BatchURL(pathParam(r, "id")))
}

// ClustersPosted leads to the clusters.
func (h *Handlers) ClustersPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.ClustersURL)
}

// UserPosted leads to one user.
func (h *Handlers) UserPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, people.URL(pathParam(r, "user")))
}

// ProfilePosted leads to the actor's own account.
func (h *Handlers) ProfilePosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.ProfileURL)
}

// FactorPosted leads to the actor's own second factor.
func (h *Handlers) FactorPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.FactorURL)
}

// TemplatesPosted leads to the templates of a kind.
func (h *Handlers) TemplatesPosted(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, ui.TemplatesURL(pathParam(r, "kind")))
}
