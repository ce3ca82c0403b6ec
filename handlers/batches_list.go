package handlers

import (
	"context"
	"net/http"
	"net/url"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// BatchesList answers a page of the history, newest first.
func (h *Handlers) BatchesList(w http.ResponseWriter, r *http.Request) error {
	q := historyQuery(r.URL.Query())
	q.Zone = ui.Zone(r.Context())
	page, err := h.Batches.List(r.Context(), q)
	switch {
	case wantsJSON(r) && err == nil:
		return writeJSON(w, http.StatusOK, newBatchListJSON(r.Context(), page))
	case err == nil:
		return h.showBatches(w, r, http.StatusOK, batches.ListView{Page: page, Group: h.groupOf(r, q.Group)})
	case wantsJSON(r) || isHTMX(r) || services.CodeOf(err) != services.CodeInvalid:
		return err
	default: // the form comes back with what is wrong in it
		return h.showBatches(w, r, http.StatusUnprocessableEntity, batches.ListView{
			Page: batch.Page{Query: q}, Problem: ui.NewProblem(r.Context(), err),
		})
	}
}

// groupOf returns a group of batches, nil for none that the actor sees.
func (h *Handlers) groupOf(r *http.Request, id string) *batches.Group {
	if !batch.IsGroup(id) {
		return nil
	}
	members, err := h.Batches.Group(r.Context(), id)
	if err != nil {
		return nil
	}
	g := batches.NewGroup(members, services.ActorFrom(r.Context()))
	return &g
}

func (h *Handlers) showBatches(w http.ResponseWriter, r *http.Request, status int, v batches.ListView) error {
	v.Now = h.now()
	return render(w, r, status, batches.ListPage(h.frame(r, "batches", ui.T(r.Context(), "nav_batches"), ""), v))
}

// historyQuery reads the filters; the engine checks what they say.
func historyQuery(values url.Values) batch.Query {
	return batch.Query{
		Cluster: values.Get("cluster"), Operation: values.Get("operation"), State: values.Get("state"), By: values.Get("by"),
		Since: values.Get("since"), From: values.Get("from"), To: values.Get("to"),
		Node: values.Get("node"), Text: values.Get("q"), Before: values.Get("before"), Group: values.Get("group"),
	}
}

// batchListJSON is a page of the history; Older is the path of the next one.
type batchListJSON struct {
	Items []batchJSON `json:"items"`
	Older string      `json:"older,omitempty"`
}

func newBatchListJSON(ctx context.Context, p batch.Page) batchListJSON {
	list := batchListJSON{Items: make([]batchJSON, len(p.Items))}
	for i, v := range p.Items {
		list.Items[i] = newListedBatchJSON(ctx, v)
	}
	if p.Older != "" {
		list.Older = ui.Outside(ctx, batches.OlderURL(p))
	}
	return list
}
