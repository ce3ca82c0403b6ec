// Package operation holds everything that changes nodes. An operation is a
// small value that can plan and apply its change to one node; the batch engine
// runs it over many. A new operation is one new file here and its line in definitions.
package operation

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation/drain"
)

// Operation is a change that is the same for every node of a batch. Embed plain
// for the usual answers to all but Plan and Apply.
type Operation interface {
	// Plan returns what the operation would change on n. It is pure.
	Plan(n *node.Node) Plan
	// Apply makes the change on one node through the write gateway. Calling it
	// again after an error or a crash is safe. Its errors are those of the
	// gateway, so kube.FaultOf tells whether to try again.
	Apply(ctx context.Context, c Cluster, t Target) (Result, error)
	// Named returns the protected keys that it touches on these nodes because the
	// request, or the batch that it takes back, named them. Only an administrator
	// may touch these, with a typed confirmation.
	Named(nodes []string) []string
	// Versioned reports whether its writes name the version of the node that they
	// were made for. The older the plan, the more of them are refused.
	Versioned() bool
	// MovesPods reports whether pods leave nodes after it, or start elsewhere, for
	// seconds after the last call: what the table says of pods changes with them.
	MovesPods() bool
	// Evictions counts the pods that would leave their nodes without their budgets
	// being asked, as after a taint with the effect NoExecute. It writes nothing.
	Evictions(ctx context.Context, c *kube.Client, nodes []*node.Node) (Evictions, error)
}

// plain is what most operations answer.
type plain struct{}

func (plain) Named([]string) []string { return nil }
func (plain) Versioned() bool         { return false }
func (plain) MovesPods() bool         { return false }
func (plain) Evictions(context.Context, *kube.Client, []*node.Node) (Evictions, error) {
	return Evictions{}, nil
}

// Cluster is what an operation needs of a cluster; *kube.Client is one.
type Cluster interface {
	GetNode(ctx context.Context, name string) (*corev1.Node, error)
	PatchNode(ctx context.Context, name string, p kube.NodePatch) (*corev1.Node, error)
	DeletePod(ctx context.Context, namespace, name, uid string, grace time.Duration) (gone bool, err error)
}

// Plan is what an operation would do to one node.
type Plan struct {
	Before    change.State
	After     change.State
	Protected []string          // keys of labels or annotations, or ids of taints, that stay because they are protected
	Warnings  []*services.Error // what a person should know before
	Blockers  []*services.Error // why it cannot be done
}

// Changes reports whether there is anything to do: the node is not as requested,
// and nothing forbids it.
func (p Plan) Changes() bool { return len(p.Blockers) == 0 && !change.Same(p.Before, p.After) }

// Target is the node of one batch item.
type Target struct {
	Node string
	UID  string // "" when the node was not known as the batch was made
	// Seen is the node as it was planned with, or nil when that is no longer known
	// or too old: after a restart, and after a try that failed.
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
	Before  change.State
	After   change.State
	Changed bool
	// Converges is the resource version of the node as it was stored, when the
	// control plane has yet to follow it; see [kube.Converged]. "" says that
	// nothing is left to come.
	Converges string
	// Maintenance is the batch of this program because of which the node says that it is
	// in maintenance; "" for none. See node.Node.Maintenance.
	Maintenance string
	// Foreign says that somebody else has cordoned the node after it was planned: the cordon
	// is theirs.
	Foreign bool
}

// SkipError says that a node was skipped on purpose.
type SkipError struct{ Reason *services.Error }

// Error returns the log form.
func (e *SkipError) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e *SkipError) Unwrap() error { return e.Reason }

// Meta is what a batch tells its operation.
type Meta struct {
	Reason  string
	By      string
	At      time.Time
	Protect Protection
	Records map[string]Record // of an undo: what the batch did, by node
	// Namespaces are the cluster's rules for the pods of its namespaces.
	Namespaces []drain.NamespaceRule
}

// Sources is what an operation may read once for a whole batch.
type Sources struct {
	Cluster   string
	Nodes     Cluster
	Templates Templates
}
