package handlers

import (
	"context"
	"net/http"

	"kube-node-manager/services/cluster"
	"kube-node-manager/views/admin"
	"kube-node-manager/views/ui"
)

// ClustersAccess tests the connection to a cluster, and answers what the cluster allows
// and how to allow what is missing.
func (h *Handlers) ClustersAccess(w http.ResponseWriter, r *http.Request) error {
	c, err := h.clusterSeen(r, pathParam(r, "cluster"))
	if err != nil {
		return err
	}
	ctx, cancel := reading(r)
	defer cancel()
	test, err := h.Clusters.Test(ctx, c.Name)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newTestJSON(r.Context(), c.Name, test))
	}
	title := ui.T(r.Context(), "cluster_access_title", "Name", c.Name)
	v := admin.ClusterAccess{Cluster: c, Test: test, Manages: managesClusters(r), Now: h.now()}
	return render(w, r, http.StatusOK, admin.ClusterAccessPage(h.frame(r, "clusters", title, ""), v))
}

// testJSON is the result of a connection test.
type testJSON struct {
	Cluster      string           `json:"cluster,omitempty"`
	Reachable    bool             `json:"reachable"`
	Version      string           `json:"version,omitempty"`
	Milliseconds int64            `json:"milliseconds,omitempty"` // of the request for the version
	Problem      string           `json:"problem,omitempty"`      // why it is not reachable
	Permissions  []permissionJSON `json:"permissions"`
}

type permissionJSON struct {
	Need    string `json:"need"`
	Call    string `json:"call"`    // as kubectl auth can-i takes it
	Allowed *bool  `json:"allowed"` // null when it is not known
	Problem string `json:"problem,omitempty"`
}

func newTestJSON(ctx context.Context, name string, t cluster.Test) testJSON {
	out := testJSON{Cluster: name, Reachable: t.Err == nil, Permissions: []permissionJSON{}}
	if t.Err != nil {
		out.Problem = ui.NewProblem(ctx, t.Err).Text
		return out
	}
	out.Version, out.Milliseconds = t.Version, t.Latency.Milliseconds()
	for _, p := range t.Permissions {
		one := permissionJSON{Need: p.ID, Call: p.Call.String()}
		if p.Err != nil {
			one.Problem = ui.NewProblem(ctx, p.Err).Text
		} else {
			one.Allowed = &p.Allowed
		}
		out.Permissions = append(out.Permissions, one)
	}
	return out
}
