package handlers

import (
	"time"

	"kube-node-manager/services/node"
)

// nodeListJSON is the node list of the HTTP contract.
type nodeListJSON struct {
	Cluster      string     `json:"cluster"`
	AsOf         time.Time  `json:"asOf"`
	Total        int        `json:"total"`        // that the filters let through
	ClusterTotal int        `json:"clusterTotal"` // in the cluster
	Page         int        `json:"page"`
	Size         int        `json:"size"`
	Items        []nodeJSON `json:"items"`
	// Groups are those of all nodes that match, if the request says how to group them.
	Groups       []node.Group `json:"groups,omitempty"`
	UnknownNames []string     `json:"unknownNames,omitempty"` // of a list in q: those that no node has
}

type nodeJSON struct {
	*node.Node
	Usage *node.Usage `json:"usage,omitempty"`
	InUse *node.Used  `json:"inUse,omitempty"` // as its kubelet has measured it
}

// nodeItems returns the nodes of a page.
func nodeItems(p node.Page) []nodeJSON {
	items := make([]nodeJSON, len(p.Nodes))
	for i, n := range p.Nodes {
		items[i].Node = n
		if u, known := p.Usage.Of(n); known {
			items[i].Usage = &u
		}
		if u, known := p.InUse.Of(n); known {
			items[i].InUse = &u
		}
	}
	return items
}

func newNodeListJSON(cluster string, p node.Page) nodeListJSON {
	return nodeListJSON{
		Cluster: cluster, AsOf: p.AsOf.UTC(), Total: p.Match, ClusterTotal: p.Total,
		Page: p.Query.Page, Size: p.Query.Size, Items: nodeItems(p), Groups: p.Groups, UnknownNames: p.UnknownNames,
	}
}
