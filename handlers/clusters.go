package handlers

import (
	"net/http"
	"net/url"
	"time"

	"kube-node-manager/services/cluster"
	"kube-node-manager/services/node"
	"kube-node-manager/views"
)

// lastCluster is the cookie that remembers where a browser was.
const lastCluster = "cluster"

const lastClusterLasts = 90 * 24 * time.Hour

// Home sends to the nodes of the last used cluster, or to the clusters.
func (h *Handlers) Home(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(lastCluster); err == nil {
		name, err := url.QueryUnescape(cookie.Value)
		if _, unknown := h.Clusters.Get(name); err == nil && unknown == nil {
			return redirect(w, r, views.NodesURL(name, node.Query{}))
		}
	}
	if clusters := h.Clusters.List(); len(clusters) == 1 {
		return redirect(w, r, views.NodesURL(clusters[0].Name, node.Query{}))
	}
	return redirect(w, r, views.ClustersURL)
}

func (h *Handlers) rememberCluster(w http.ResponseWriter, r *http.Request, name string) {
	value := url.QueryEscape(name)
	if cookie, err := r.Cookie(lastCluster); err == nil && cookie.Value == value {
		return
	}
	h.Cookies.keep(w, lastCluster, value, lastClusterLasts)
}

// ClustersList answers every cluster with what is known of it; it asks none.
func (h *Handlers) ClustersList(w http.ResponseWriter, r *http.Request) error {
	clusters := h.Clusters.List()
	rows := make([]views.ClusterView, len(clusters))
	for i, c := range clusters {
		rows[i] = h.clusterView(r, c)
	}
	if wantsJSON(r) {
		list := make([]clusterJSON, len(rows))
		for i, row := range rows {
			list[i] = newClusterJSON(row)
		}
		return writeJSON(w, http.StatusOK, map[string]any{"items": list})
	}
	return render(w, r, http.StatusOK, views.ClustersPage(h.frame(r, "clusters", views.T(r.Context(), "nav_clusters"), ""), rows))
}

// ClustersShow sends to the cluster's nodes.
func (h *Handlers) ClustersShow(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Clusters.Get(pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newClusterJSON(h.clusterView(r, c)))
	}
	return redirect(w, r, views.NodesURL(c.Name, node.Query{}))
}

// ClustersTest asks a cluster for its version and its nodes.
func (h *Handlers) ClustersTest(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Clusters.Get(pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	if status, err := h.Clusters.Check(r.Context(), c.Name); err != nil {
		return err
	} else if status.Err == nil {
		_, _ = h.Nodes.All(r.Context(), c.Name, true) // its error shows in the row as a missing count
	}
	switch row := h.clusterView(r, c); {
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, newClusterJSON(row))
	case isHTMX(r):
		return render(w, r, http.StatusOK, views.ClusterRow(row, h.now()))
	default:
		return redirect(w, r, views.ClustersURL)
	}
}

func (h *Handlers) clusterView(r *http.Request, c cluster.Cluster) views.ClusterView {
	s := h.Clusters.Status(c.Name)
	v := views.ClusterView{
		Name: c.Name, Server: c.Server, Source: c.Source, Checked: !s.At.IsZero(), Version: s.Version, Nodes: -1,
		AsOf: s.At, Problem: views.NewProblem(r.Context(), s.Err),
	}
	if known, ok := h.Nodes.Known(c.Name); ok {
		v.Nodes = len(known.Nodes)
	}
	return v
}

// clusterJSON is one cluster of the registry.
type clusterJSON struct {
	Name    string `json:"name"`
	Server  string `json:"server"`
	Source  string `json:"source"`
	Checked bool   `json:"checked"`
	Version string `json:"version,omitempty"`
	Nodes   *int   `json:"nodes"` // null when not known
	Problem string `json:"problem,omitempty"`
}

func newClusterJSON(v views.ClusterView) clusterJSON {
	c := clusterJSON{Name: v.Name, Server: v.Server, Source: v.Source, Checked: v.Checked, Version: v.Version}
	if v.Nodes >= 0 {
		c.Nodes = &v.Nodes
	}
	if v.Problem != nil {
		c.Problem = v.Problem.Text
	}
	return c
}
