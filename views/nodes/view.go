// Package nodes shows the nodes of a cluster: the table, the page of one node,
// the overviews of labels and taints, and the forms that edit them.
package nodes

import (
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// ListView is the node table.
type ListView struct {
	Cluster        string
	Page           node.Page
	Loading        bool        // the columns that need pods are on their way
	Problem        *ui.Problem // instead of the table, when the nodes cannot be read
	MayChange      bool        // show the operations
	MayDrain       bool
	IdempotencyKey string         // of the form
	Apply          *ApplyTemplate // nodes are chosen for it; nil in the common case
	Now            time.Time
}

// View is the page of one node.
type View struct {
	Cluster        string
	Node           node.Detail
	AsOf           time.Time // of its oldest part
	Stale          error     // why a part could not be read again
	MayChange      bool
	MayDrain       bool
	IdempotencyKey string
	PodsProblem    *ui.Problem
	Past           []batch.NodeItem // what batches did here, newest first
	Now            time.Time
}
