// Package plan shows what an operation would do before it is done, with its
// options and the button that starts it.
package plan

import (
	"net/url"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// View is the page that shows what an operation would do before it is
// done, with its options and the button that does it.
type View struct {
	Cluster        string
	Operation      string
	Reason         string
	Nodes          []Node
	Summary        Summary
	Drain          *drain.Plan   // of a drain
	Change         *Change       // of labels and taints
	Origin         *Origin       // of an undo or a retry: what it goes back to
	Pod            *Pod          // of the deletion of one pod
	Options        drain.Options // of a drain
	Rollout        batch.Rollout
	Typed          url.Values  // the form, when its fields could not be read
	Refusal        *ui.Problem // why the cluster would refuse it
	Names          []string    // of all nodes, for the form
	Problem        *ui.Problem // what keeps it from being done; Fields names the options
	MayForce       bool        // the person is an administrator
	IdempotencyKey string
	Back           string        // URL of the page before
	Digest         string        // of the plan; the form carries it where that is a consent
	Reach          []batch.Reach // how far it goes, where that is far
	Left           []string      // nodes that were left out, which can be put back
}

// drains reports whether the plan is of a drain.
func (v View) drains() bool { return operation.TraitsOf(v.Operation).Drains }

// Node is one node of a plan.
type Node struct {
	Node     string
	Pool     string
	Zone     string
	Control  bool // it is one of the control plane
	Changes  bool
	Before   change.State
	After    change.State
	Warnings []string // translated
	Blockers []string // translated

	Protected []string // what a replacement leaves alone
}

// Summary counts the nodes of a plan.
type Summary struct {
	Total     int `json:"total"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Blocked   int `json:"blocked"`
}
