package ui

import (
	"context"
	"net/url"
)

// Crumb is one of the pages above a page.
type Crumb struct{ Text, URL string }

// NodeCrumbs are the pages above what is about some nodes. The table is the one
// that back leads to, with its filters, order and page, if back is a table.
func NodeCrumbs(ctx context.Context, cluster, back string) []Crumb {
	table := AllNodesURL(cluster)
	if u, err := url.Parse(back); err == nil && u.EscapedPath() == NodesPath(cluster) {
		table = back
	}
	return []Crumb{{cluster, ClusterURL(cluster)}, {T(ctx, "crumb_nodes"), table}}
}
