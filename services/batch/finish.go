package batch

import (
	"context"
	"errors"
	"time"

	"kube-node-manager/services/store"
)

// finish ends a batch whose last item has ended, in this order: the remaining
// items, the clearing of the cache, the batch, the events. So whoever learns
// that the batch has ended finds the table fresh.
func (r *run) finish() {
	defer close(r.done)
	defer r.engine.forget(r.batch.ID)
	cause := context.Cause(r.take)
	if errors.Is(cause, errShutdown) && r.isOpen() {
		r.interrupt()
		return
	}
	r.persist("end items", func(ctx context.Context) error { return r.endRest(ctx, cause) })
	counts, unknown := r.tally()
	r.mu.Lock()
	r.counts = counts
	b := r.batch
	r.mu.Unlock()

	now := r.engine.now()
	b.State, b.EndedAt = verdict(counts, errors.Is(cause, errCancelled)), &now
	// A drain always takes longer than a request; its words go by its size.
	b.Sync = b.Total <= r.engine.options.SyncLimit && (r.define.Long || now.Sub(b.CreatedAt) < r.engine.options.SyncWait)
	cleared := counts.Succeeded > 0 || unknown
	if cleared {
		r.engine.cache.InvalidateCluster(b.Cluster)
		b.ClearedAt = &now
		// Operators search for this line; its words are part of the contract.
		r.engine.log.Info("Invalidated cache for cluster " + b.Cluster + " after batch " + r.define.CacheLog(b.Sync))
	}
	r.persist("end batch", func(ctx context.Context) error { return r.engine.store.SetBatch(ctx, b) })
	r.mu.Lock()
	r.batch = b
	r.mu.Unlock()
	r.log.Info("Batch ended", "state", string(b.State), "succeeded", counts.Succeeded, "unchanged", counts.Unchanged,
		"failed", counts.Failed, "skipped", counts.Skipped, "cancelled", counts.Cancelled, "took", now.Sub(b.CreatedAt).Round(time.Millisecond))
	if cleared {
		r.engine.watcher.NodesChanged(b.Cluster)
	}
	r.engine.watcher.BatchEnded(b.Cluster, b.ID, b.Operation, b.State, counts)
	r.lookAfter(cleared)
}

// isOpen reports whether items are left that have not ended.
func (r *run) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Done(r.counts) < r.batch.Total
}

// interrupt leaves the batch to the next process.
func (r *run) interrupt() {
	r.mu.Lock()
	r.batch.State = store.StateInterrupted
	b := r.batch
	r.mu.Unlock()
	if err := r.engine.store.SetBatch(r.engine.base, b); err != nil {
		r.log.Error("Batch cannot be marked as interrupted", "error", err)
		return
	}
	r.log.Info("Batch interrupted: the program is stopping")
}

// endRest ends the items that were not begun.
func (r *run) endRest(ctx context.Context, cause error) error {
	r.mu.Lock()
	refused := r.refused
	r.mu.Unlock()
	switch {
	case refused != nil:
		return r.engine.store.EndOpenItems(ctx, r.batch.ID, store.ItemSkipped, string(refused.Code), &store.Text{ID: "error_not_tried"}, r.engine.now())
	case errors.Is(cause, errFailures):
		return r.engine.store.EndOpenItems(ctx, r.batch.ID, store.ItemSkipped, "", &store.Text{ID: "error_too_many_failed"}, r.engine.now())
	case errors.Is(cause, errCancelled):
		return r.engine.store.EndOpenItems(ctx, r.batch.ID, store.ItemCancelled, "", nil, r.engine.now())
	default:
		return nil
	}
}

// tally counts the stored rows: what the batch reports is what they say.
func (r *run) tally() (counts Counts, unknown bool) {
	r.persist("count items", func(ctx context.Context) error {
		all, err := r.engine.store.CountItems(ctx, r.batch.ID)
		counts = all[r.batch.ID]
		return err
	})
	r.persist("read outcomes", func(ctx context.Context) (err error) {
		unknown, err = r.engine.store.AnyUnknown(ctx, r.batch.ID)
		return err
	})
	return counts, unknown
}

// persist repeats a step of the end until it works: an end that is not stored
// must not be told. Only the end of the program cuts it short.
func (r *run) persist(what string, step func(ctx context.Context) error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := step(r.engine.base)
		if err == nil {
			return
		}
		r.log.Error("The batch's end cannot be stored; trying again", "step", what, "error", err)
		if r.engine.isStopped() {
			return
		}
		time.Sleep(wait)
	}
}

func (e *Engine) isStopped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped
}

// verdict gives the state of a batch whose items have all ended.
func verdict(c Counts, cancelled bool) store.State {
	good, bad := c.Succeeded+c.Unchanged, c.Failed+c.Skipped
	switch {
	case cancelled && c.Cancelled > 0:
		return store.StateCancelled
	case bad == 0:
		return store.StateSucceeded
	case good == 0:
		return store.StateFailed
	default:
		return store.StatePartial
	}
}
