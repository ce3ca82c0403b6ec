package batch

import (
	"context"
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
	if r == nil { // interrupted: nothing runs, so end it here
		err := e.resume(context.WithoutCancel(ctx), b, nil)
		if err != nil && services.CodeOf(err) != services.CodeConflict {
			return View{}, err
		}
		r = e.find(id)
	}
	if r != nil {
		r.pace.stop(errCancelled)
	}
	e.log.Info("Batch cancel requested", "batch", id, "by", services.ActorFrom(ctx).Name)
	return e.Wait(ctx, id, time.Second)
}

// Resume continues a batch that is paused, one that rests between two waves, or
// one that was interrupted, with the items that have not ended. It needs the
// consents that Submit asked for, except for the number of pods that a taint evicts.
//
// Errors: CodeNotFound, CodeForbidden, CodeConflict for a batch that is neither;
// CodeInvalid names the consent that is missing.
func (e *Engine) Resume(ctx context.Context, id string, given Consents) (View, error) {
	b, err := e.controlled(ctx, id)
	if err != nil {
		return View{}, err
	}
	actor := services.ActorFrom(ctx)
	if b.State == store.StateProposed {
		return View{}, services.NewError(services.CodeConflict, "error_approval_needed")
	}
	if err := e.mayResume(ctx, b, actor.In(b.Cluster), given.Typed); err != nil {
		return View{}, err
	}
	if b.Schedule != nil && b.StartedAt == nil {
		return e.startWaiting(ctx, b, actor)
	}
	r := e.find(id)
	if r != nil && !r.pace.isPaused() && r.pace.untilOpen() != nil {
		return e.leaveWindow(ctx, r, b, actor)
	}
	if r != nil && !r.pace.isPaused() {
		return e.skipGate(ctx, r)
	}
	if r == nil && b.State == store.StateRunning {
		return View{}, services.NewError(services.CodeConflict, "error_batch_running")
	}
	if err := e.unpause(ctx, r, b); err != nil {
		return View{}, err
	}
	if r != nil {
		r.pace.setPaused(false)
	} else {
		b.Paused = false
		if err := e.resume(context.WithoutCancel(ctx), b, &actor); err != nil {
			return View{}, err
		}
	}
	e.log.Info("Batch resumed", "batch", id, "by", actor.Name)
	e.watcher.BatchChanged(b.Cluster, id)
	return e.View(ctx, id)
}

// skipGate lets a run go on that waits between two waves.
func (e *Engine) skipGate(ctx context.Context, r *run) (View, error) {
	gate := r.pace.skipGate()
	if gate == nil {
		return View{}, services.NewError(services.CodeConflict, "error_batch_running")
	}
	if err := e.store.SkipGate(ctx, r.batch.ID, gate.facts()...); err != nil {
		return View{}, err
	}
	e.log.Info("Gate of a batch skipped", "batch", r.batch.ID, "by", services.ActorFrom(ctx).Name)
	return e.View(ctx, r.batch.ID)
}

// unpause stores that a batch is no longer paused. One that waits because the cluster has not
// become healthy skips that gate; the audit log says so.
func (e *Engine) unpause(ctx context.Context, r *run, b Batch) error {
	var gate *Gate
	if r != nil {
		_, gate = r.pace.present()
	} else {
		gate = e.failedGate(ctx, b, 0)
	}
	if gate == nil || gate.Health == nil || !gate.Health.Failed {
		return e.store.SetPaused(ctx, b.ID, false)
	}
	return e.store.SkipGate(ctx, b.ID, gate.facts()...)
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
	if r == nil || r.pace.isPaused() {
		return View{}, services.NewError(services.CodeConflict, "error_batch_not_running")
	}
	if err := e.store.SetPaused(ctx, id, true); err != nil {
		return View{}, err
	}
	r.pace.setPaused(true)
	e.log.Info("Batch paused", "batch", id, "by", services.ActorFrom(ctx).Name)
	e.watcher.BatchChanged(b.Cluster, id)
	return e.View(ctx, id)
}

// startWaiting begins a batch that waits for its time, or is held, now.
func (e *Engine) startWaiting(ctx context.Context, b Batch, actor services.Actor) (View, error) {
	b, err := e.unbind(ctx, b, actor)
	if err != nil {
		return View{}, err
	}
	if err := e.startNow(ctx, b, actor); err != nil {
		return View{}, err
	}
	return e.View(ctx, b.ID)
}

// leaveWindow lets a run that rests because its window has closed go on now.
func (e *Engine) leaveWindow(ctx context.Context, r *run, b Batch, actor services.Actor) (View, error) {
	b, err := e.unbind(ctx, b, actor)
	if err != nil {
		return View{}, err
	}
	if err := e.store.RescheduleBatch(ctx, b); err != nil {
		return View{}, err
	}
	r.mu.Lock()
	r.batch.Schedule = b.Schedule
	r.mu.Unlock()
	r.pace.setClosed(nil)
	if err := e.store.NoteControl(ctx, b, store.ActionBatchResume); err != nil {
		return View{}, err
	}
	e.log.Info("Batch goes on outside of its window", "batch", b.ID, "by", services.ActorFrom(ctx).Name)
	e.watcher.BatchChanged(b.Cluster, b.ID)
	return e.View(ctx, b.ID)
}
