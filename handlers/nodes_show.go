package handlers

import (
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/views"
)

// NodesShow answers the page of one node.
func (h *Handlers) NodesShow(w http.ResponseWriter, r *http.Request) error {
	cluster, name := pathParam(r, "cluster"), pathParam(r, "node")
	found, err := h.Nodes.Get(r.Context(), cluster, name, r.URL.Query().Get("fresh") == "1")
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, nodeDetailJSON{Cluster: cluster, AsOf: found.AsOf.UTC(), Detail: found.Detail})
	}
	past, err := h.Batches.OnNode(r.Context(), cluster, name)
	if err != nil {
		return err
	}
	v := views.NodeView{
		Past: past, Cluster: cluster, Node: found.Detail, AsOf: found.AsOf, IdempotencyKey: newKey(), Now: h.now(),
		MayChange: services.ActorFrom(r.Context()).May(services.PermitChange), MayDrain: services.ActorFrom(r.Context()).May(services.PermitDrain),
	}
	if found.PodsError != nil {
		v.PodsProblem = views.NewProblem(r.Context(), found.PodsError)
	}
	return render(w, r, http.StatusOK, views.NodePage(h.frame(r, "nodes", name, cluster), v))
}
