package handlers

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/views/ui"
)

// Rail returns what the rail says now of the clusters of a scope, without asking one.
func (h *Handlers) Rail(scope services.Scope) ui.Rail { return h.rail(scope, h.Batches.Running(scope)) }

func (h *Handlers) rail(scope services.Scope, running []batch.View) ui.Rail {
	return ui.Rail{Clusters: h.clusterViews(scope), Running: len(running), Work: workOf(running)}
}

// workOf names the state of the running batches.
func workOf(running []batch.View) string {
	sum := fnv.New64a()
	for _, v := range running {
		_, _ = fmt.Fprintf(sum, "%s %s %t %+v\n", v.ID, v.State, v.Paused, v.Counts)
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}

// clusterViews returns the clusters of a scope that are in use.
func (h *Handlers) clusterViews(scope services.Scope) []ui.Cluster {
	return h.viewsOf(h.clustersIn(scope))
}

func (h *Handlers) viewsOf(clusters []cluster.Cluster) []ui.Cluster {
	views := make([]ui.Cluster, len(clusters))
	for i, c := range clusters {
		views[i] = h.clusterView(c)
	}
	return views
}

// clustersSeen returns the clusters that the actor of a request sees.
func (h *Handlers) clustersSeen(r *http.Request) []cluster.Cluster {
	scope := services.ActorFrom(r.Context()).Scope()
	return slices.DeleteFunc(h.Clusters.List(), func(c cluster.Cluster) bool { return !scope.Has(c.Name) })
}

// clusterSeen returns a cluster that the actor of a request sees.
func (h *Handlers) clusterSeen(r *http.Request, name string) (cluster.Cluster, error) {
	c, err := h.Clusters.Get(name)
	if err != nil {
		return cluster.Cluster{}, err
	}
	return c, services.RequireIn(r.Context(), name, services.PermitSee)
}

// clusterView puts together what is known of a cluster. It is the one source of
// its state, wherever that is shown.
func (h *Handlers) clusterView(c cluster.Cluster) ui.Cluster {
	s := h.Clusters.Status(c.Name)
	v := ui.Cluster{
		Name: c.Name, Server: c.Server, Source: c.Source, Colour: c.Colour, Labels: labelTexts(c.Labels),
		Position: c.Position, Disabled: c.Disabled, ActAs: c.ActAs,
		Version: s.Version, At: s.At, Since: s.Since, Down: s.Err, Nodes: -1,
	}
	known, ok := h.Nodes.Known(c.Name)
	v.Unread = known.Stale
	if ok {
		counts := known.Summary()
		v.Nodes, v.NotReady, v.Cordoned = len(known.Nodes), counts.NotReady, counts.Cordoned
	}
	return v
}
