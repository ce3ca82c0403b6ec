package batch

import (
	"context"
	"net/url"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Cancel makes a batch take no more nodes. It takes effect within a second;
// calls that are under way may still succeed.
//
// Errors: CodeNotFound, CodeForbidden, CodeConflict for a batch that has ended.
func (e *Engine) Cancel(ctx context.Context, id string) (View, error) {
	b, err := e.controlled(ctx, id)
	if err != nil {
		return View{}, err
	}
	b.CancelRequested = true
	if err := e.store.RequestCancel(ctx, id); err != nil { // it holds even if the program dies now
		return View{}, err
	}
	r := e.find(id)
	if r == nil { // interrupted: there is nobody at work, so end it here
		if err := e.resume(context.WithoutCancel(ctx), b, false); err != nil && services.CodeOf(err) != services.CodeConflict {
			return View{}, err
		}
		r = e.find(id)
	}
	if r != nil {
		r.stop(errCancelled)
	}
	e.log.Info("Batch cancel requested", "batch", id, "by", services.ActorFrom(ctx).Name)
	return e.Wait(ctx, id, time.Second)
}

// Resume continues a batch that is paused, one that rests between two waves, or
// one that was interrupted, with the items that have not ended. The form holds
// the consents that Submit asked for, but for the number of pods that a taint
// evicts.
//
// Errors: CodeNotFound, CodeForbidden, CodeConflict for a batch that is neither;
// CodeInvalid names the consent that is missing.
func (e *Engine) Resume(ctx context.Context, id string, form url.Values) (View, error) {
	b, err := e.controlled(ctx, id)
	if err != nil {
		return View{}, err
	}
	if err := e.mayResume(ctx, b, services.ActorFrom(ctx), form); err != nil {
		return View{}, err
	}
	r := e.find(id)
	if r != nil && !r.isPaused() && r.skipGate() {
		if err := e.store.NoteControl(ctx, b, store.ActionBatchResume); err != nil {
			return View{}, err
		}
		return e.View(ctx, id)
	}
	if r != nil && !r.isPaused() || r == nil && b.State != store.StateInterrupted {
		return View{}, services.NewError(services.CodeConflict, "error_batch_running")
	}
	if err := e.store.SetPaused(ctx, id, false); err != nil {
		return View{}, err
	}
	if r != nil {
		r.pauseOrGo(false)
	} else {
		b.Paused = false
		if err := e.resume(context.WithoutCancel(ctx), b, true); err != nil {
			return View{}, err
		}
	}
	e.log.Info("Batch resumed", "batch", id, "by", services.ActorFrom(ctx).Name)
	e.watcher.BatchChanged(b.Cluster, id)
	return e.View(ctx, id)
}

// Pause makes a running batch begin nothing more until it is resumed. Calls that
// are under way end; pods that were told to end do.
//
// Errors: CodeNotFound, CodeForbidden, CodeConflict for a batch that is not at
// work.
func (e *Engine) Pause(ctx context.Context, id string) (View, error) {
	b, err := e.controlled(ctx, id)
	if err != nil {
		return View{}, err
	}
	r := e.find(id)
	if r == nil || r.isPaused() {
		return View{}, services.NewError(services.CodeConflict, "error_batch_not_running")
	}
	if err := e.store.SetPaused(ctx, id, true); err != nil {
		return View{}, err
	}
	r.pauseOrGo(true)
	e.log.Info("Batch paused", "batch", id, "by", services.ActorFrom(ctx).Name)
	e.watcher.BatchChanged(b.Cluster, id)
	return e.View(ctx, id)
}

func (r *run) isPaused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paused
}

// pauseOrGo changes whether the run is paused and wakes who waits for that.
func (r *run) pauseOrGo(pause bool) {
	r.mu.Lock()
	r.paused = pause
	r.mu.Unlock()
	ring(r.nudge)
}

// waitWhilePaused returns when the run is not paused, or with an error when it
// is to take no more items.
func (r *run) waitWhilePaused() error {
	for r.isPaused() {
		select {
		case <-r.nudge:
		case <-r.take.Done():
			return context.Cause(r.take)
		}
	}
	return nil
}
