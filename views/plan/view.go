// Package plan shows what an operation would do before it is done, with its
// options and the button that starts it.
package plan

import (
	"net/url"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/change"
	"kube-node-manager/services/fit"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/views/ui"
)

// View is the page of a plan.
type View struct {
	Cluster        string // "" for several; see Group
	Operation      string
	Reason         string
	Nodes          []Node
	Summary        Summary
	Drain          *drain.Plan   // of a drain
	Fit            *fit.Fit      // of a drain: whether its pods find room elsewhere
	Change         *Change       // of labels, taints and annotations
	Origin         *Origin       // of an undo or a retry
	Pod            *Pod          // of the deletion of one pod
	Options        drain.Options // of a drain
	Rollout        batch.Rollout
	When           batch.When  // the batch begins
	Typed          url.Values  // the form, if it had errors
	Refusal        *ui.Problem // why the cluster would refuse the change
	Names          []string    // of all nodes, for the form
	Problem        *ui.Problem // why the batch was not started; Fields names the options
	MayForce       bool        // the user is an administrator
	IdempotencyKey string
	Back           string        // address of the page before
	Digest         string        // of the plan; see consents
	Reach          []batch.Reach // the large parts of the cluster that it affects
	Exceeded       []batch.Room  // the limits of the cluster that it would pass
	Waits          bool          // it waits for room then
	Gates          *batch.Gates  // the waits for health between the waves; nil for none
	Others         batch.Others  // who else is at work, where that needs a consent
	OthersUnread   []string      // resources that may not be listed, and that would say so
	Left           []string      // nodes that were left out
	Commands       string        // of kubectl, that would do the same; one in a line

	Stored *Stored // the batch whose plan it is; nil before there is one

	Parts  []View   // of a plan over several clusters: that of each; see Group
	Number int      // of a part, from 1
	Closed []Closed // the clusters that cannot be in the plan
}

// drains reports whether the plan is of a drain.
func (v View) drains() bool { return operation.TraitsOf(v.Operation).Drains }

// Node is a node of a plan.
type Node struct {
	Node     string
	Pool     string
	Zone     string
	Control  bool // it belongs to the control plane
	Changes  bool
	Before   change.State
	After    change.State
	Warnings []string // translated
	Blockers []string // translated

	Protected []string // keys that a replacement keeps
}

// Summary counts the nodes of a plan.
type Summary struct {
	Total     int `json:"total"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Blocked   int `json:"blocked"`
}
