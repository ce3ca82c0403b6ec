package nodes

import (
	"slices"

	"kube-node-manager/services/node"
)

// MenuView is the menu of a row: every operation on one node.
type MenuView struct {
	Cluster  string
	Node     *node.Node
	MayDrain bool
}

// copiable reports whether a node has taints that others could get.
func copiable(n *node.Node) bool {
	return slices.ContainsFunc(n.Taints, func(t node.Taint) bool { return !quietTaint(n, t) })
}

// FromNode begins the Query.Apply of a table in which nodes are selected that get the
// taints of another one, whose name follows.
const FromNode = "from-"

// selectForURL returns the table in which nodes are selected that get the taints of n.
func (v MenuView) selectForURL() node.Query { return node.Query{Apply: FromNode + v.Node.Name} }
