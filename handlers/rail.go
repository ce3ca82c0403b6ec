package handlers

import (
	"fmt"
	"hash/fnv"
	"strconv"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/cluster"
	"kube-node-manager/views/ui"
)

// Rail returns what the rail says now, without asking a cluster.
func (h *Handlers) Rail() ui.Rail { return h.rail(h.Batches.Running()) }

func (h *Handlers) rail(running []batch.View) ui.Rail {
	return ui.Rail{Clusters: h.clusterViews(), Running: len(running), Work: workOf(running)}
}

// workOf names the state of the running batches.
func workOf(running []batch.View) string {
	sum := fnv.New64a()
	for _, v := range running {
		_, _ = fmt.Fprintf(sum, "%s %s %t %+v\n", v.ID, v.State, v.Paused, v.Counts)
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}

func (h *Handlers) clusterViews() []ui.Cluster {
	clusters := h.Clusters.List()
	all := make([]ui.Cluster, len(clusters))
	for i, c := range clusters {
		all[i] = h.clusterView(c)
	}
	return all
}

// clusterView puts together what is known of a cluster. It is the one source of
// its state, wherever that is shown.
func (h *Handlers) clusterView(c cluster.Cluster) ui.Cluster {
	s := h.Clusters.Status(c.Name)
	v := ui.Cluster{
		Name: c.Name, Server: c.Server, Source: c.Source,
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
