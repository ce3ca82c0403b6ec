package batch

import (
	"context"
	"errors"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/store"
)

// finish ends a batch whose last item has ended, in this order: the remaining
// items, the clearing of the cache, the batch, the events. So whoever learns
// that the batch has ended finds the table fresh.
func (r *run) finish() {
	defer close(r.done)
	defer r.engine.forget(r.batch.ID)
	cause := r.pace.stopped()
	if leavesRest(cause) && Done(r.ledger.sum()) < r.batch.Total {
		r.interrupt(cause)
		return
	}
	r.persist("The end of the remaining items", func(ctx context.Context) error { return r.endRest(ctx, cause) })
	counts, unknown := r.tally()
	r.ledger.replace(counts)
	b := r.ended(counts, cause)
	cleared := counts.Succeeded > 0 || unknown
	told, untold := r.engine.notices.forget(b.ID)
	b.Untold = untold
	if cleared || told > 0 {
		r.engine.cache.InvalidateCluster(b.Cluster)
	}
	if cleared {
		b.ClearedAt = b.EndedAt
		// Operators search for this line; its words are part of the contract.
		r.engine.log.Info("Invalidated cache for cluster " + b.Cluster + " after batch " + r.define.CacheLog(b.Sync))
	}
	r.persist("The end of the batch", func(ctx context.Context) error { return r.engine.store.SetBatch(ctx, b) })
	r.publish(b)
	r.logEnd(b, counts)
	if cleared || told > 0 {
		r.engine.watcher.NodesChanged(b.Cluster)
	}
	r.engine.watcher.BatchEnded(b.Cluster, b.ID, b.Operation, b.State, counts)
	r.lookAfter(cleared)
}

// ended returns the batch with its verdict and its end.
func (r *run) ended(counts Counts, cause error) Batch {
	now := r.engine.now()
	b := r.present()
	b.State, b.EndedAt = verdict(counts, errors.Is(cause, errCancelled)), &now
	// A drain always takes longer than a request; its words go by its size.
	inTime := r.define.Long || now.Sub(b.CreatedAt) < r.engine.options.SyncWait
	b.Sync = inTime && b.Total <= r.engine.options.SyncLimit
	return b
}

func (r *run) logEnd(b Batch, c Counts) {
	r.log.Info("Batch ended", "state", string(b.State), "succeeded", c.Succeeded, "unchanged", c.Unchanged,
		"failed", c.Failed, "skipped", c.Skipped, "cancelled", c.Cancelled,
		"took", b.EndedAt.Sub(b.CreatedAt).Round(time.Millisecond))
}

// present returns the batch as it is now.
func (r *run) present() Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.batch
}

// publish makes the state and the times of b those of the run's batch. The rest,
// which never changes, is read without the lock.
func (r *run) publish(b Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batch.State, r.batch.Sync, r.batch.Held, r.batch.Untold = b.State, b.Sync, b.Held, b.Untold
	r.batch.EndedAt, r.batch.ClearedAt = b.EndedAt, b.ClearedAt
}

// interrupt leaves the rest of the batch to the next process, or to whoever resumes it.
func (r *run) interrupt(cause error) {
	held, isHeld := errors.AsType[heldError](cause)
	b := r.present()
	b.State, b.Held = store.StateInterrupted, held.why
	closed := r.pace.untilOpen()
	if !isHeld && closed != nil && closed.Until != nil && !r.pace.isPaused() {
		b.State = store.StateScheduled // the next window continues it
	}
	_, b.Untold = r.engine.notices.forget(b.ID)
	if err := r.engine.store.SetBatch(r.engine.base, b); err != nil {
		r.log.Error("Batch cannot be marked as interrupted", "error", err)
	}
	r.publish(b)
	if !isHeld {
		r.log.Info("Batch interrupted: the program is stopping")
		return
	}
	r.log.Info("Batch interrupted: it waits for somebody to resume it", "why", string(held.why))
	r.engine.refresh(b.Cluster)
	r.changed()
}

// endRest ends the items that were not begun.
func (r *run) endRest(ctx context.Context, cause error) error {
	r.mu.Lock()
	refused := r.refused
	r.mu.Unlock()
	state, code, why := store.ItemSkipped, "", &store.Text{ID: "error_too_many_failed"}
	switch {
	case refused != nil:
		code, why = string(refused.Code), &store.Text{ID: "error_not_tried"}
	case errors.Is(cause, errFailures):
	case errors.Is(cause, errCancelled):
		state, why = store.ItemCancelled, nil
	default:
		return nil
	}
	return r.engine.store.EndOpenItems(ctx, r.batch.ID, state, code, why, r.engine.now())
}

// tally counts the stored rows: what the batch reports is what they say.
func (r *run) tally() (counts Counts, unknown bool) {
	r.persist("The count of the items", func(ctx context.Context) error {
		all, err := r.engine.store.CountItems(ctx, r.batch.ID)
		counts = all[r.batch.ID]
		return err
	})
	r.persist("The outcome of the items", func(ctx context.Context) error {
		var err error
		unknown, err = r.engine.store.AnyUnknown(ctx, r.batch.ID)
		return err
	})
	return counts, unknown
}

// The waits between two tries of a write or a read of the store.
const (
	firstStoreWait = 100 * time.Millisecond
	longStoreWait  = 2 * time.Second
)

// save stores items, again and again until it works or the program stops: an
// item that is not stored must not count.
func (r *run) save(items []Item) bool {
	return r.insist(r.pace.calls, "The items", func(ctx context.Context) error {
		return r.engine.store.UpdateItems(ctx, r.batch.ID, items)
	})
}

// persist repeats a step of the end until it works: an end that is not stored
// must not be announced. Only the end of the program cuts it short.
func (r *run) persist(what string, step func(ctx context.Context) error) {
	r.insist(r.engine.halt, what, step)
}

// insist repeats a step that concerns the store until it works, or ctx ends. It
// reports whether it worked.
func (r *run) insist(ctx context.Context, what string, step func(ctx context.Context) error) bool {
	wait := kube.NewBackoff(firstStoreWait, longStoreWait)
	for {
		err := step(r.engine.base)
		r.noteUnstored(err)
		if err == nil {
			return true
		}
		r.log.Error(what+" cannot be stored; trying again", "error", err)
		if kube.Sleep(ctx, wait.Step()) != nil {
			return false
		}
	}
}

// noteUnstored says on the pages why something cannot be stored; nil when it was.
func (r *run) noteUnstored(err error) {
	r.mu.Lock()
	before := r.unstored
	r.unstored = nil
	if err != nil {
		r.unstored = services.AsError(err)
	}
	r.mu.Unlock()
	if before != nil || err != nil {
		r.changed()
	}
}

// whyUnstored returns why results cannot be stored now; nil while they can.
func (r *run) whyUnstored() *services.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unstored
}

// verdict returns the state of a batch whose items have all ended.
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
