package handlers

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// lastCluster is the cookie that remembers where a browser was.
const lastCluster = "cluster"

const lastClusterLasts = 90 * 24 * time.Hour

// Home sends to the nodes of the last used cluster, or to the clusters.
func (h *Handlers) Home(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(lastCluster); err == nil {
		name, err := url.QueryUnescape(cookie.Value)
		if _, unseen := h.clusterSeen(r, name); err == nil && unseen == nil {
			return redirect(w, r, ui.NodesURL(name, node.Query{}))
		}
	}
	if clusters := h.clustersSeen(r); len(clusters) == 1 {
		return redirect(w, r, ui.NodesURL(clusters[0].Name, node.Query{}))
	}
	return redirect(w, r, ui.ClustersURL)
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
	manages := managesClusters(r)
	rows := h.clusterViews(services.ActorFrom(r.Context()).Scope())
	if manages {
		rows = h.viewsOf(h.Clusters.List()) // also the disabled ones
	}
	if wantsJSON(r) {
		list := make([]clusterJSON, len(rows))
		for i, row := range rows {
			list[i] = newClusterJSON(r.Context(), row)
		}
		return writeJSON(w, http.StatusOK, clusterListJSON{list})
	}
	f := h.frame(r, "clusters", ui.T(r.Context(), "nav_clusters"), "")
	return render(w, r, http.StatusOK, admin.ClustersPage(f, admin.Clusters{Rows: rows, Manages: manages}))
}

// ClustersShow sends to the cluster's nodes.
func (h *Handlers) ClustersShow(w http.ResponseWriter, r *http.Request) error {
	c, err := h.clusterSeen(r, pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newClusterJSON(r.Context(), h.clusterView(c)))
	}
	return redirect(w, r, ui.NodesURL(c.Name, node.Query{}))
}

// ClustersTest asks a cluster for its version and its nodes.
func (h *Handlers) ClustersTest(w http.ResponseWriter, r *http.Request) error {
	c, err := h.clusterSeen(r, pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	ctx, cancel := reading(r)
	defer cancel()
	status, err := h.Clusters.Check(ctx, c.Name)
	if err != nil {
		return err
	}
	if status.Err == nil {
		_, _ = h.Nodes.All(ctx, c.Name, true) // its error shows in the row
	}
	row := h.clusterView(c)
	switch {
	case wantsJSON(r):
		return writeJSON(w, http.StatusOK, newClusterJSON(r.Context(), row))
	case isHTMX(r):
		return render(w, r, http.StatusOK, admin.ClusterRow(row, managesClusters(r), h.now()))
	default:
		return redirect(w, r, ui.ClustersURL)
	}
}

// clusterJSON is one cluster of the registry.
type clusterJSON struct {
	Name   string `json:"name"`
	Server string `json:"server"`
	Source string `json:"source"`
	// Labels are "key=value".
	Labels   []string `json:"labels"`
	Colour   string   `json:"colour,omitempty"`
	Position int      `json:"position,omitempty"` // in lists, from 1
	Disabled bool     `json:"disabled,omitempty"`
	ActAs    bool     `json:"actAsUser,omitempty"` // changes are made in the name of their user

	Checked bool `json:"checked"`
	// Reachable is null while nobody has asked; the times are those of the last
	// news and of the last change.
	Reachable *bool      `json:"reachable"`
	CheckedAt *time.Time `json:"checkedAt"`
	Since     *time.Time `json:"since"`
	Version   string     `json:"version,omitempty"`
	Nodes     *int       `json:"nodes"`             // null when not known
	Problem   string     `json:"problem,omitempty"` // why it does not answer, or its nodes cannot be read
}

func newClusterJSON(ctx context.Context, v ui.Cluster) clusterJSON {
	c := clusterJSON{
		Name: v.Name, Server: v.Server, Source: v.Source, Labels: v.Labels, Colour: v.Colour, Position: v.Position,
		Disabled: v.Disabled, ActAs: v.ActAs,
		Checked: !v.At.IsZero(), Version: v.Version,
	}
	if c.Checked {
		reachable, at, since := v.Down == nil, v.At.UTC(), v.Since.UTC()
		c.Reachable, c.CheckedAt, c.Since = &reachable, &at, &since
	}
	if v.Nodes >= 0 {
		c.Nodes = &v.Nodes
	}
	if err := cmp.Or(v.Down, v.Unread); err != nil {
		c.Problem = ui.NewProblem(ctx, err).Text
	}
	return c
}
