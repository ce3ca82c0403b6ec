package batch

import (
	"context"
	"errors"
	"time"
)

const (
	// convergeIdle is how long a batch waits for the control plane while nothing
	// converges, and convergeLimit how long in all. A controller manager with its
	// default rate limit reconciles 20 nodes per second.
	convergeIdle  = 10 * time.Second
	convergeLimit = 2 * time.Minute
	// convergeStopped is the same for a batch that is to take no more nodes: whoever
	// cancels it wants an answer soon.
	convergeStopped = time.Second
)

// converge waits until the control plane has reconciled what the batch has written,
// for example added the taint of a cordon: a table that was read before would soon be
// wrong. The wait is bounded; what is left then is followed in the background.
func (r *run) converge() {
	cluster := r.batch.Cluster
	if r.behind.Len() == 0 || errors.Is(r.pace.stopped(), errShutdown) || r.engine.after.isSilent(cluster) {
		return
	}
	ctx, cancel := context.WithTimeout(r.engine.base, convergeLimit)
	defer cancel()
	idle := time.AfterFunc(convergeIdle, cancel)
	defer idle.Stop()
	stopped := context.AfterFunc(r.pace.take, func() { idle.Reset(r.stoppedWait()) })
	defer stopped()
	r.changed()

	followed := false
	r.behind.Follow(ctx, r.client, func() {
		followed = true
		if r.pace.take.Err() == nil {
			idle.Reset(convergeIdle)
		}
		r.changed()
	})
	if r.pace.take.Err() == nil {
		r.engine.after.setSilent(cluster, !followed)
	}
	if left := r.behind.Len(); left > 0 {
		r.log.Warn("The control plane has not followed on every node yet", "nodes", left)
	}
}

// stoppedWait returns how long a run that takes no more items may still wait.
func (r *run) stoppedWait() time.Duration {
	if errors.Is(r.pace.stopped(), errShutdown) {
		return 0
	}
	return convergeStopped
}

// lookAfter has the effects of a batch followed that come after its end.
func (r *run) lookAfter(changed bool) {
	r.engine.after.followNodes(r.batch.Cluster, r.client, r.behind)
	if changed && r.op.MovesPods() {
		r.engine.after.followPods(r.batch.Cluster)
	}
}
