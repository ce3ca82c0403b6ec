// Package nodes shows the nodes of a cluster: the table, the page of one node,
// the overviews of labels and taints, and the forms that edit them.
package nodes

import (
	"time"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/views/ui"
)

// ListView is the node table of a cluster, or of all clusters.
type ListView struct {
	Cluster        string   // "" for all
	Clusters       []Member // of the table of all clusters: those that the user sees
	Page           node.Page
	Columns        []string                 // keys of the chosen columns; none for the usual ones
	Servers        map[string]string        // versions of the API servers, by cluster
	Work           map[node.Ref]*batch.Work // the batches that work on nodes of the page
	Loading        bool                     // the columns that need pods come later
	Problem        *ui.Problem              // shown instead of the table, when the nodes cannot be read
	MayChange      bool                     // the user may change nodes
	MayDrain       bool
	IdempotencyKey string         // of the form
	Apply          *ApplyTemplate // the template for which nodes are selected, usually nil
	Saved          SavedMenuView
	Now            time.Time
}

// Member is a cluster of the table of all clusters.
type Member struct {
	ui.Cluster
	MayChange bool // the user may change its nodes
	MayDrain  bool
}

// View is a tab of the page of one node.
type View struct {
	Cluster        string
	Node           node.Detail
	AsOf           time.Time // of its oldest part
	Stale          error     // why the last refresh of a part failed
	MayChange      bool
	MayDrain       bool
	MayForce       bool // delete single pods
	IdempotencyKey string
	Tab            Tab
	Problem        *ui.Problem // why what only this tab shows could not be read
	Loading        bool        // what the pods request comes later
	Now            time.Time

	// What only one of the tabs shows.
	PodQuery inspect.PodQuery
	Pods     inspect.PodPage
	PodPlan  drain.Plan
	Events   inspect.Events
	Object   inspect.Object
	Lease    inspect.Lease
	Past     []batch.NodeItem // what batches did to the node, newest first
	Audit    []store.Entry    // of these batches, newest first
}
