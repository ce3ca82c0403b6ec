package handlers

import (
	"net/http"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// LabelsOverview answers every label of a cluster, and on how many nodes it is.
func (h *Handlers) LabelsOverview(w http.ResponseWriter, r *http.Request) error {
	return h.overview(w, r, "labels")
}

// TaintsOverview is LabelsOverview for taints.
func (h *Handlers) TaintsOverview(w http.ResponseWriter, r *http.Request) error {
	return h.overview(w, r, "taints")
}

// overview shows what is searched (q), or one key with all of its values (key).
func (h *Handlers) overview(w http.ResponseWriter, r *http.Request, kind string) error {
	cluster, query := pathParam(r, "cluster"), r.URL.Query()
	if _, err := h.clusterSeen(r, cluster); err != nil {
		return err
	}
	_, words := services.SearchWords("q", query.Get("q"))
	wrong := append(services.CheckFilters(services.Filter{Field: "q", Value: query.Get("q")}), words...)
	if len(wrong) > 0 {
		return services.InvalidFields(wrong...)
	}
	e, _ := editorOf(kind)
	v := nodes.OverviewView{Cluster: cluster, Kind: kind, Query: query.Get("q"), Key: query.Get("key"), Now: h.now()}
	title := ui.T(r.Context(), "overview_title_"+kind, "Cluster", cluster)
	ctx, cancel := reading(r)
	defer cancel()
	all, err := h.Nodes.All(ctx, cluster, query.Get("fresh") == "1")
	if err != nil {
		status := 0
		v.Problem, status = h.clusterProblem(r, cluster, node.Query{}, err)
		if v.Problem == nil || wantsJSON(r) {
			return err
		}
		known, ok := h.Nodes.Known(cluster)
		if !ok {
			v.Problem.RetryURL = nodes.FreshURL(r.URL.RequestURI())
			return render(w, r, status, nodes.OverviewPage(h.frame(r, "nodes", title, cluster), v))
		}
		all, v.Problem = known, nil
		all.Stale = err
	}
	found := e.spread(all.Nodes)
	v.Nodes, v.Total, v.AsOf, v.Stale = len(all.Nodes), len(found), all.AsOf, all.Stale
	if v.Key != "" {
		found = slices.DeleteFunc(found, func(s node.Spread) bool { return s.ID() != v.Key })
	}
	for _, s := range node.SearchSpread(found, v.Query) {
		if e.protects(h.Protect, s) {
			v.Locked = append(v.Locked, s)
		} else {
			v.Free = append(v.Free, s)
		}
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newOverviewJSON(v))
	}
	return render(w, r, http.StatusOK, nodes.OverviewPage(h.frame(r, "nodes", title, cluster), v))
}

// overviewJSON is every label or taint that was asked for.
type overviewJSON struct {
	Cluster string       `json:"cluster"`
	AsOf    time.Time    `json:"asOf"`
	Nodes   int          `json:"nodes"` // of the cluster
	Items   []spreadJSON `json:"items"`
}

type spreadJSON struct {
	node.Spread
	Protected bool `json:"protected"`
}

func newOverviewJSON(v nodes.OverviewView) overviewJSON {
	out := overviewJSON{Cluster: v.Cluster, AsOf: v.AsOf.UTC(), Nodes: v.Nodes, Items: []spreadJSON{}}
	for _, s := range v.Free {
		out.Items = append(out.Items, spreadJSON{s, false})
	}
	for _, s := range v.Locked {
		out.Items = append(out.Items, spreadJSON{s, true})
	}
	return out
}
