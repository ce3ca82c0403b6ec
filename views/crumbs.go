package views

import (
	"context"
	"net/url"
)

// crumb is one of the pages above a page.
type crumb struct{ Text, URL string }

// nodeCrumbs are the pages above what is about some nodes. The table is the one
// that back leads to, with its filters, order and page, if back is a table.
func nodeCrumbs(ctx context.Context, cluster, back string) []crumb {
	table := NodesURL(cluster, zeroQuery)
	if u, err := url.Parse(back); err == nil && u.EscapedPath() == nodesPath(cluster) {
		table = back
	}
	return []crumb{{cluster, ClusterURL(cluster)}, {T(ctx, "crumb_nodes"), table}}
}
