// Package views holds the pages and components (templ), their view models, the
// URLs of the product and its messages in English and Chinese. It knows plain
// types of services and calls nothing.
package views

import (
	"net/url"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
)

// Frame is what every signed-in page has around its content.
type Frame struct {
	Title    string // translated; of the browser's tab
	Current  string // "nodes", "batches", "clusters" or ""
	Cluster  string // the cluster that the page is about, or ""
	Clusters []ClusterView
	Running  int // batches running now
	User     string
	Role     services.Role
	Theme    string     // "", "light" or "dark"
	Path     string     // the page's own path and query, to come back to
	Stream   string     // URL of the page's event stream, without its batch; "" for none
	Dock     *BatchView // the batch that the dock shows, or nil
	Now      time.Time
	Version  string
}

// BatchView is a batch for the dock and its page.
type BatchView struct {
	batch.View
	MayControl     bool
	MayForce       bool   // the person may delete a pod past its budget
	MayUndo        bool   // the person may take it back
	IdempotencyKey string // a fresh one for the form that the answer renews; "" leaves it
	More           int    // other batches running in this cluster
	// Acted are the nodes of an answer to "all that match": once something was
	// done to them, the same filters may mean others.
	Acted []string
}

// NodesView is the node table.
type NodesView struct {
	Cluster        string
	Page           node.Page
	Loading        bool     // the columns that need pods are on their way
	Problem        *Problem // instead of the table, when the nodes cannot be read
	MayChange      bool     // show the operations
	MayDrain       bool
	IdempotencyKey string         // of the form
	Apply          *ApplyTemplate // nodes are chosen for it; nil in the common case
	Now            time.Time
}

// ApplyTemplate is the template that nodes are chosen for. Name is "" for one
// that is not there any more.
type ApplyTemplate struct {
	Kind string // "labels" or "taints"
	ID   int64
	Name string
}

// NodeView is the page of one node.
type NodeView struct {
	Cluster        string
	Node           node.Detail
	AsOf           time.Time // of its oldest part
	Stale          error     // why a part could not be read again
	MayChange      bool
	MayDrain       bool
	IdempotencyKey string
	PodsProblem    *Problem
	Past           []batch.NodeItem // what batches did here, newest first
	Now            time.Time
}

// BatchPageView is the page of one batch: its panel and its items.
type BatchPageView struct {
	Batch BatchView
	batch.ItemPage
	Later   batch.Successors       // the batches that retry or undo it
	Related map[string]batch.Batch // those batches, and the one that it retries or undoes, by id
	Now     time.Time
}

// Problem is what went wrong, in a person's words.
type Problem struct {
	Status    int
	Code      services.Code
	Text      string // what happened, translated
	Hint      string // what to do, translated; may be empty
	RetryURL  string // where Try again goes; "" shows no button
	RequestID string
	Fields    map[string]string // field name → translated text
}

// SessionEnd is how somebody notices that their login session has ended; "" when
// it has not.
type SessionEnd string

// The ends of login sessions.
const (
	EndNoticed SessionEnd = "noticed" // by something that the page loaded
	EndRefused SessionEnd = "refused" // by an action, which was refused
)

// ParseSessionEnd returns the end that a parameter names, "" for anything else.
func ParseSessionEnd(text string) SessionEnd {
	if end := SessionEnd(text); end == EndNoticed || end == EndRefused {
		return end
	}
	return ""
}

// SignInForm is the sign-in page.
type SignInForm struct {
	Name    string
	Next    string
	Ended   SessionEnd
	Problem *Problem
}

// SetupForm is the page that makes the first administrator.
type SetupForm struct {
	Code    string
	Name    string
	Others  bool // somebody who is no administrator can sign in
	Problem *Problem
}

// PlanView is the page that shows what an operation would do before it is
// done, with its options and the button that does it.
type PlanView struct {
	Cluster        string
	Operation      string
	Reason         string
	Nodes          []PlanNode
	Summary        PlanSummary
	Drain          *drain.Plan   // of a drain
	Change         *PlanChange   // of labels and taints
	Origin         *PlanOrigin   // of an undo or a retry: what it goes back to
	Pod            *PlanPod      // of the deletion of one pod
	Options        drain.Options // of a drain, as typed
	Typed          url.Values    // the form, when its options could not be read
	Rollout        url.Values    // the form, with the fields of the rollout
	Refusal        *Problem      // why the cluster would refuse it
	Names          []string      // of all nodes, for the form
	Problem        *Problem      // what keeps it from being done; Fields names the options
	MayForce       bool          // the person is an administrator
	IdempotencyKey string
	Back           string        // URL of the page before
	Digest         string        // of the plan; the form carries it where that is a consent
	Reach          []batch.Reach // how far it goes, where that is far
	Left           []string      // nodes that were left out, which can be put back
}

// PlanNode is one node of a plan.
type PlanNode struct {
	Node     string
	Pool     string
	Zone     string
	Control  bool // it is one of the control plane
	Changes  bool
	Before   operation.State
	After    operation.State
	Warnings []string // translated
	Blockers []string // translated

	Protected []string // what a replacement leaves alone
}

// PlanSummary counts the nodes of a plan.
type PlanSummary struct {
	Total     int `json:"total"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Blocked   int `json:"blocked"`
}

// PlanPod is the one pod that a plan is about.
type PlanPod struct {
	Name string // "namespace/name"
	UID  string
}

// Short gives the pod's name without its namespace: what a person types to
// confirm.
func (p PlanPod) Short() string {
	_, name, _ := strings.Cut(p.Name, "/")
	return name
}
