package handlers

import (
	"net/http"

	"kube-node-manager/services"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// NodesMenu answers the menu of a row, which the table loads when it is opened. A browser
// that opens its address gets the page of the node.
func (h *Handlers) NodesMenu(w http.ResponseWriter, r *http.Request) error {
	cluster, name := pathParam(r, "cluster"), pathParam(r, "node")
	if err := services.RequireIn(r.Context(), cluster, services.PermitChange); err != nil {
		return err
	}
	if !isHTMX(r) {
		return redirect(w, r, ui.NodeURL(cluster, name))
	}
	ctx, cancel := reading(r)
	defer cancel()
	all, err := h.Nodes.All(ctx, cluster, false)
	if err != nil {
		return err
	}
	n := all.Find(name)
	if n == nil {
		return services.NewError(services.CodeNotFound, "error_node_gone")
	}
	may := services.ActorFrom(r.Context()).In(cluster).May(services.PermitDrain)
	return render(w, r, http.StatusOK, nodes.RowMenu(nodes.MenuView{Cluster: cluster, Node: n, MayDrain: may}))
}
