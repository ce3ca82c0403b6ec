package handlers

import (
	"net/http"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
)

// batchesShown is how many batches the overview of a cluster lists.
const batchesShown = 6

// ClustersOverview answers the overview of a cluster: its nodes in numbers, and what
// somebody should look at. What the pods request comes with a second request (usage=1).
func (h *Handlers) ClustersOverview(w http.ResponseWriter, r *http.Request) error {
	cluster := pathParam(r, "cluster")
	if _, err := h.clusterSeen(r, cluster); err != nil {
		return err
	}
	wait := r.URL.Query().Get("usage") == "1"
	v := nodes.FleetView{
		Cluster: cluster, Server: h.Clusters.Status(cluster).Version, Now: h.now(), IdempotencyKey: newKey(),
		MayChange: services.ActorFrom(r.Context()).In(cluster).May(services.PermitChange),
	}
	status, err := h.readFleet(r, cluster, wait, &v)
	if err != nil {
		return err
	}
	page, err := h.Batches.List(r.Context(), batch.Query{Cluster: cluster})
	if err != nil {
		return err
	}
	v.Batches = page.Items[:min(batchesShown, len(page.Items))]
	v.Fleet.Drift = h.repairable(v.Fleet.Drift)
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, newFleetJSON(r, v))
	}
	v.Loading = !v.Fleet.UsageKnown && !wait
	h.rememberCluster(w, r, cluster)
	return render(w, r, status, nodes.FleetPage(h.frame(r, "nodes", cluster, cluster), v))
}

// readFleet reads the nodes of a cluster. A person whose cluster does not answer is shown
// what is known, or why nothing is.
func (h *Handlers) readFleet(r *http.Request, cluster string, wait bool, v *nodes.FleetView) (status int, err error) {
	ctx, cancel := reading(r)
	defer cancel()
	v.Fleet, err = h.Nodes.Fleet(ctx, cluster, r.URL.Query().Get("fresh") == "1", wait)
	if err == nil || wantsJSON(r) {
		return http.StatusOK, err
	}
	v.Problem, status = h.clusterProblem(r, cluster, node.Query{}, err)
	if v.Problem == nil {
		return 0, err
	}
	v.Problem.RetryURL = nodes.FreshURL(nodes.FleetURL(cluster))
	known, ok := h.Nodes.KnownFleet(cluster)
	if ok {
		v.Fleet, v.Problem, status = known, nil, http.StatusOK
		v.Fleet.Stale = err
	}
	return status, nil
}

// repairable leaves out the drift of labels and taints that belong to somebody else: their
// owners set them.
func (h *Handlers) repairable(all []node.Drift) []node.Drift {
	out := make([]node.Drift, 0, len(all))
	for _, d := range all {
		protected := h.Protect.Label(d.Key)
		if d.Effect != "" {
			protected = h.Protect.Taint(node.Taint{Key: d.Key, Effect: d.Effect})
		}
		if !protected {
			out = append(out, d)
		}
	}
	return out
}

// fleetJSON is the overview of a cluster.
type fleetJSON struct {
	Cluster   string       `json:"cluster"`
	AsOf      time.Time    `json:"asOf"`
	Nodes     node.Share   `json:"nodes"`
	Versions  []node.Share `json:"versions"` // of kubelets
	Pools     []node.Share `json:"pools"`
	Zones     []node.Share `json:"zones"`
	Resources []node.Room  `json:"resources"`
	Server    string       `json:"server,omitempty"` // version of the API server
	Skews     []node.Skew  `json:"skews"`
	Cordons   []cordonJSON `json:"cordons"` // the longest cordoned first
	Drift     []node.Drift `json:"drift"`
	Batches   []batchJSON  `json:"batches"` // the newest
}

type cordonJSON struct {
	Node   string     `json:"node"`
	Reason string     `json:"reason,omitempty"`
	By     string     `json:"by,omitempty"`
	Since  *time.Time `json:"since"`
}

func newFleetJSON(r *http.Request, v nodes.FleetView) fleetJSON {
	f := v.Fleet
	out := fleetJSON{
		Cluster: v.Cluster, AsOf: f.AsOf.UTC(), Nodes: f.Total, Versions: f.Versions, Pools: f.Pools, Zones: f.Zones,
		Resources: f.Resources, Server: v.Server, Skews: append([]node.Skew{}, node.Skews(v.Server, f.Versions)...),
		Drift: f.Drift, Cordons: make([]cordonJSON, len(f.Cordons)), Batches: make([]batchJSON, len(v.Batches)),
	}
	for i, n := range f.Cordons {
		out.Cordons[i] = cordonJSON{n.Name, n.Reason, n.ReasonBy, n.ReasonSince}
	}
	for i, b := range v.Batches {
		out.Batches[i] = newBatchJSON(r.Context(), b, nil)
	}
	return out
}
