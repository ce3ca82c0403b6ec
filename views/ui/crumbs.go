package ui

import (
	"context"
	"net/url"
)

// Crumb is a link to a page above the current one.
type Crumb struct{ Text, URL string }

// NodeCrumbs are the pages above a page that is about some nodes: the cluster and
// its node table. If back is the address of that table, it is used as it is, with
// its filters, order and page. Without a cluster it is the table of all clusters.
func NodeCrumbs(ctx context.Context, cluster, back string) []Crumb {
	table := AllNodesURL(cluster)
	if u, err := url.Parse(back); err == nil && u.EscapedPath() == NodesPath(cluster) {
		table = back
	}
	if cluster == "" {
		return []Crumb{{T(ctx, "nodes_of_all"), table}}
	}
	return []Crumb{{cluster, ClusterURL(cluster)}, {T(ctx, "crumb_nodes"), table}}
}
