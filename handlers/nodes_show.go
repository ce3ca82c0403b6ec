package handlers

import (
	"context"
	"net/http"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// NodesShow answers the page of one node.
func (h *Handlers) NodesShow(w http.ResponseWriter, r *http.Request) error {
	cluster, name := pathParam(r, "cluster"), pathParam(r, "node")
	found, err := h.showNode(r, cluster, name)
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
	actor := services.ActorFrom(r.Context()).In(cluster)
	v := nodes.View{
		Cluster: cluster, Node: found.Detail, AsOf: found.AsOf, Stale: found.Stale, Past: past,
		IdempotencyKey: newKey(), Now: h.now(),
		MayChange: actor.May(services.PermitChange),
		MayDrain:  actor.May(services.PermitDrain),
	}
	if found.PodsError != nil {
		v.PodsProblem = ui.NewProblem(r.Context(), found.PodsError)
	}
	return render(w, r, http.StatusOK, nodes.Page(h.frame(r, "nodes", name, cluster), v))
}

// showNode reads a node. A person whose cluster does not answer is shown what is
// known; a script that asks for a fresh node gets that or an error.
func (h *Handlers) showNode(r *http.Request, cluster, name string) (node.Found, error) {
	ctx, cancel := reading(r)
	defer cancel()
	fresh := r.URL.Query().Get("fresh") == "1"
	found, err := h.Nodes.Get(ctx, cluster, name, fresh)
	h.noteSilence(cluster, err)
	code := services.CodeOf(err)
	if !fresh || wantsJSON(r) || code != services.CodeUnavailable && code != services.CodeTimeout {
		return found, err
	}
	ctx, cancel = context.WithTimeout(r.Context(), lookWithin)
	defer cancel()
	known, knownErr := h.Nodes.Get(ctx, cluster, name, false)
	if knownErr != nil {
		return found, err
	}
	known.Stale = err
	return known, nil
}

// lookWithin is how long it may take to find what is known already.
const lookWithin = time.Second
