package drain

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube"
)

// Host is the batch that a drain is conducted for. Seq is the number of a node
// in the batch. Its methods must not block, but for Take and AwaitServer.
type Host interface {
	// Context returns the context of a call for a node, from any goroutine.
	Context(ctx context.Context, seq int) context.Context
	// Take is called before a node is cordoned, from any goroutine. It returns a HeldError
	// if somebody else has to leave the node first; then it is called again.
	Take(seq int) error
	// AwaitServer is called from any goroutine when the API server may be away, as an error
	// says. It waits while the API server does not answer, and reports whether it is back after
	// such a wait. It returns the error if it has waited in vain.
	AwaitServer(failed error) (back bool, err error)
	// Lost returns an error if somebody else has taken the node since.
	Lost(seq int) error
	// Progress tells how a node is getting on.
	Progress(seq int, p Progress)
	// End tells that nothing more will happen to a node.
	End(seq int, o Outcome)
	// Cordoned tells that every node has been cordoned that can be, and then of each that
	// follows late.
	Cordoned()
	// Begin reports whether the drain of a cordoned node may begin, while so many
	// others are being drained. When it may not, neither may those after it for now.
	// An error means that it never may; the node then ends with it, not drained.
	Begin(seq, active int) (bool, error)
	// Paused reports whether no new evictions are to be begun.
	Paused() bool
	// Nudge returns a channel that receives after Paused has changed.
	Nudge() <-chan struct{}
}

// Target is one node to drain.
type Target struct {
	Seq       int
	Node      string
	UID       string
	Evicted   int                             // pods that an earlier process evicted from it
	Restarted []string                        // Deployments that an earlier process restarted for it
	Cordon    func(ctx context.Context) error // idempotent
	// Restore lifts the cordon; ErrForeign if it is not this batch's. nil when that is known.
	Restore func(ctx context.Context) error
}

// Outcome is how a node's drain ended.
type Outcome struct {
	Evicted   int      // pods whose eviction the API server accepted
	Restarted []string // Deployments that were restarted so that pods left
	Skipped   int      // pods that stay
	Err       error    // nil: it was seen to be drained
	Aside     bool     // not drained, which is no failure: the node is no more, or was not tried; Err says why
	Cancelled bool     // the batch was cancelled or stopped before the node was done
	Restored  bool     // its cordon was lifted again
}

// Terms are how a drain is done.
type Terms struct {
	Options  Options
	Policies Policies
}

// Cluster is what a drain needs of a cluster.
type Cluster interface {
	StartWatch(ctx context.Context, what kube.Watched, changed func()) (*kube.Watch, error)
	DaemonSets(ctx context.Context) (map[types.UID]bool, error)
	ListNodePods(ctx context.Context, node string) ([]corev1.Pod, error)
	EvictPod(ctx context.Context, namespace, name, uid string, grace time.Duration) (kube.Eviction, error)
	RestartDeployment(ctx context.Context, r kube.Restart, now time.Time) (written bool, err error)
	Limiter() *kube.Limiter
	// Now is the time by the cluster's clock.
	Now() time.Time
}
