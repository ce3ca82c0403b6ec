// Package operation holds everything that changes nodes. An operation is a
// small value that can plan and apply its change to one node; the batch engine
// runs it over many. A new operation is one new file here and its line in All.
package operation

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
)

// Operation is a change that is the same for every node of a batch.
type Operation interface {
	// Plan says what the operation would change on n. It is pure.
	Plan(n *node.Node) Plan
	// Apply makes the change on one node through the write gateway. Calling it
	// again after an error or a crash is safe. Its errors are those of the
	// gateway, so kube.FaultOf tells whether to try again.
	Apply(ctx context.Context, c Cluster, t Target) (Result, error)
}

// Cluster is what an operation needs of a cluster; *kube.Client is one.
type Cluster interface {
	GetNode(ctx context.Context, name string) (*corev1.Node, error)
	PatchNode(ctx context.Context, name string, p kube.NodePatch) (*corev1.Node, error)
	DeletePod(ctx context.Context, namespace, name, uid string, grace time.Duration) (gone bool, err error)
}

// State is the part of a node that an operation touches. A nil value in a map
// means that the key is absent.
type State struct {
	Unschedulable *bool              `json:"unschedulable,omitempty"`
	Annotations   map[string]*string `json:"annotations,omitempty"`
	Labels        map[string]*string `json:"labels,omitempty"`
	// Taints are by their identity; see node.Taint.ID.
	Taints map[string]*node.Taint `json:"taints,omitempty"`
	// Recomputed says that the node had changed since the plan, so that the
	// change was computed again from what it was then.
	Recomputed  bool   `json:"recomputed,omitempty"`
	EvictedPods int    `json:"evictedPods,omitempty"`
	SkippedPods int    `json:"skippedPods,omitempty"`
	Pod         string `json:"pod,omitempty"` // "namespace/name" of the one pod that it is about
}

// Plan is what an operation would do to one node.
type Plan struct {
	Before    State
	After     State
	Changes   bool              // false: the node is already as asked
	Protected []string          // labels' keys or taints' ids that would go, were they not protected
	Warnings  []*services.Error // what a person should know before
	Blockers  []*services.Error // why it cannot be done
}

// Target is the node that a batch's item means.
type Target struct {
	Node string
	UID  string // "" when the node was not known as the batch was made
	// Seen is the node as it was planned with, or nil when that is not known any
	// more or too old: after a restart, and after a try that failed.
	Seen *node.Node
	// Old says that another batch has worked on the node since it was planned.
	Old bool
	// Again says that an earlier try may have taken effect.
	Again bool
	Plan  Plan // zero when the node was not known
}

// Result is what was seen after Apply.
type Result struct {
	UID     string
	Before  State
	After   State
	Changed bool
	// Converges is the resource version of the node as it was stored, when the
	// control plane has yet to follow it; see [kube.Converged]. "" says that
	// nothing is left to come.
	Converges string
}

// Namer is an operation that may touch protected labels or taints. Only an
// administrator may do that, with a typed confirmation.
type Namer interface {
	// Named returns the protected keys that it touches on these nodes because the
	// request, or the batch that it takes back, named them.
	Named(nodes []string) []string
}

// Versioned is an operation whose writes may name the version of the node that
// they were made for. The older the plan, the more of them are refused.
type Versioned interface {
	// Versioned reports whether they do.
	Versioned() bool
}

// SkipError says that a node was left alone on purpose.
type SkipError struct{ Reason *services.Error }

// Error gives the log form.
func (e *SkipError) Error() string { return e.Reason.Error() }

// Unwrap gives the reason.
func (e *SkipError) Unwrap() error { return e.Reason }

// Meta is what a batch says to its operation.
type Meta struct {
	Reason  string
	By      string
	At      time.Time
	Protect Protection
	Records map[string]Record // of an undo: what the batch did, by node
}

// Sources is what an operation may read once for a whole batch.
type Sources struct {
	Cluster   string
	Nodes     Cluster
	Templates Templates
}

// Definition describes one kind of operation.
type Definition struct {
	Name   string
	Permit services.Permission
	// Long says that a batch takes longer than a request may: it is followed by
	// its progress from the start, and after a restart it waits for a person.
	Long bool
	// Beside says that it does not wait for its turn on a node: the batch that is
	// at work there may wait for just this.
	Beside bool
	// CacheLog names the operation in the log line of the cache's clearing;
	// operators search for it.
	CacheLog func(sync bool) string
	// Parse reads the operation's own fields of a form. Its errors name them.
	Parse func(form url.Values) (json.RawMessage, error)
	// Resolve, when set, completes the parameters with what has to be read once
	// for the whole batch, so that every node gets the same.
	Resolve func(ctx context.Context, from Sources, params json.RawMessage) (json.RawMessage, error)
	// Authorize, when set, checks what the role alone does not settle.
	Authorize func(actor services.Actor, cluster string, form url.Values, params json.RawMessage) error
	// New makes the operation of a batch from what Parse gave.
	New func(params json.RawMessage, m Meta) (Operation, error)
}

// All lists the operations.
func All() []Definition {
	return []Definition{
		cordonDefinition(), uncordonDefinition(), drainDefinition(), deletePodDefinition(),
		labelDefinition(), taintDefinition(), copyTaintsDefinition(), undoDefinition(),
	}
}

// Permit gives the permission that an operation needs, and that controlling its
// batches does.
func Permit(name string) services.Permission {
	d, _ := Find(name) // the permission of an unknown operation is nobody's
	return d.Permit
}

// Find gives the definition of that name, or an error that names the field.
func Find(name string) (Definition, error) {
	for _, d := range All() {
		if d.Name == name {
			return d, nil
		}
	}
	if name == "" {
		return Definition{}, services.Invalid("operation", "error_operation_missing")
	}
	return Definition{}, services.Invalid("operation", "error_operation_unknown", "Operation", name)
}
