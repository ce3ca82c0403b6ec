package batch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// shownActive is how many nodes in progress a View names.
const shownActive = 16

// View returns the present state of a batch.
//
// Errors: CodeNotFound, CodeForbidden.
func (e *Engine) View(ctx context.Context, id string) (View, error) {
	b, err := e.visible(ctx, id)
	if err != nil {
		return View{}, err
	}
	if r := e.find(id); r != nil {
		return r.view(), nil
	}
	views, err := e.views(ctx, []Batch{b})
	if err != nil {
		return View{}, err
	}
	v := views[0]
	if resumable(v.Batch) && v.UndoOf != "" {
		v.Asks = e.asksNow(ctx, b)
	}
	v.Failed, err = e.store.FailedItems(ctx, id, FailedShown)
	return v, err
}

// Items returns every item of a batch in the order in which they were asked for.
//
// Errors: CodeNotFound, CodeForbidden.
func (e *Engine) Items(ctx context.Context, id string) ([]Item, error) {
	if _, err := e.visible(ctx, id); err != nil {
		return nil, err
	}
	return e.store.Items(ctx, id)
}

// Successors returns the batches that retry or undo this one, oldest first.
//
// Errors: CodeForbidden.
func (e *Engine) Successors(ctx context.Context, id string) (Successors, error) {
	if _, err := e.visible(ctx, id); err != nil {
		return Successors{}, err
	}
	return e.store.Successors(ctx, id)
}

// Running returns the running batches of a scope, newest first.
func (e *Engine) Running(scope services.Scope) []View {
	e.mu.Lock()
	runs := slices.Collect(maps.Values(e.runs))
	e.mu.Unlock()
	views := make([]View, 0, len(runs))
	for _, r := range runs {
		if scope.Has(r.batch.Cluster) {
			views = append(views, r.view())
		}
	}
	slices.SortFunc(views, func(a, b View) int { return cmp.Compare(b.ID, a.ID) })
	return views
}

// Work is a running batch that works on a node, or has it next.
type Work struct {
	Batch, Operation string
	Lease            *LeaseWait // what it waits for; nil for nothing
}

// On returns the running batch that works on a node, or has it next; nil for none.
func (e *Engine) On(cluster, node string) *Work {
	r := e.turns.first(cluster, node)
	if r == nil {
		return nil
	}
	return &Work{Batch: r.batch.ID, Operation: r.batch.Operation, Lease: r.leases.waitOf(node)}
}

// Interrupted returns the batches that wait to be resumed in clusters that the actor
// sees, newest first. They are an extra on a page: when they cannot be read there are
// none.
func (e *Engine) Interrupted(ctx context.Context) []View {
	open, err := e.store.OpenBatches(ctx)
	if err != nil {
		e.log.Warn("Interrupted batches cannot be read", "error", err)
		return nil
	}
	scope := services.ActorFrom(ctx).Scope()
	waiting := slices.DeleteFunc(open, func(b Batch) bool {
		return b.State != store.StateInterrupted || !scope.Has(b.Cluster)
	})
	slices.Reverse(waiting)
	views, err := e.views(ctx, waiting)
	if err != nil {
		e.log.Warn("Interrupted batches cannot be counted", "error", err)
	}
	return views
}

// Wait returns the batch as soon as it has ended, or as it is after d.
func (e *Engine) Wait(ctx context.Context, id string, d time.Duration) (View, error) {
	if r := e.find(id); r != nil {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-r.done:
			return e.View(ctx, id)
		case <-timer.C:
		case <-ctx.Done():
			return View{}, context.Cause(ctx)
		}
	}
	return e.View(ctx, id)
}

// SyncWait is how long a request may wait for the batch it made, or 0 when the
// batch is followed by its progress from the start.
func (e *Engine) SyncWait(v View) time.Duration {
	if d, err := operation.Find(v.Operation); err != nil || d.Long || v.Total > e.options.SyncLimit {
		return 0
	}
	return max(0, e.options.SyncWait-e.now().Sub(v.CreatedAt))
}

// visible reads a batch of a cluster that the actor sees.
func (e *Engine) visible(ctx context.Context, id string) (Batch, error) {
	b, err := e.read(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	return b, services.RequireIn(ctx, b.Cluster, services.PermitSee)
}

func (e *Engine) read(ctx context.Context, id string) (Batch, error) {
	b, err := e.store.Batch(ctx, id)
	if services.CodeOf(err) == services.CodeNotFound {
		return Batch{}, services.Wrap(err, services.CodeNotFound, "error_batch_unknown")
	}
	return b, err
}

// controlled reads a batch that the actor may control and that has not ended. It waits
// for a run that is being interrupted: nothing can be told to it any more.
func (e *Engine) controlled(ctx context.Context, id string) (Batch, error) {
	r := e.find(id)
	if r != nil && leavesRest(r.pace.stopped()) {
		select {
		case <-r.done:
		case <-ctx.Done():
			return Batch{}, context.Cause(ctx)
		}
	}
	b, err := e.read(ctx, id)
	if err != nil {
		return Batch{}, err
	}
	definition, err := operation.Find(b.Operation)
	if err != nil {
		return Batch{}, err
	}
	if err := services.RequireIn(ctx, b.Cluster, definition.Permit); err != nil {
		return Batch{}, err
	}
	if b.State.Ended() {
		return Batch{}, services.NewError(services.CodeConflict, "error_batch_ended")
	}
	return b, nil
}

// views adds the counts, and what is only known while a batch is running.
func (e *Engine) views(ctx context.Context, batches []Batch) ([]View, error) {
	ids := make([]string, len(batches))
	for i, b := range batches {
		ids[i] = b.ID
	}
	counts, err := e.store.CountItems(ctx, ids...)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(batches))
	for i, b := range batches {
		if r := e.find(b.ID); r != nil {
			views[i] = r.view()
			continue
		}
		views[i] = newView(b, counts[b.ID], e.now())
		if b.State == store.StateInterrupted {
			views[i].Gate = e.failedGate(ctx, b, views[i].Counts.Failed)
		}
		if resumable(b) && b.UndoOf == "" { // those of an undo take its records; see View
			views[i].Asks = e.asksNow(ctx, b)
		}
	}
	return views, nil
}

// view returns the run's batch with its live counts.
func (r *run) view() View {
	b, counts := r.present(), r.ledger.sum()
	v := newView(b, counts, r.engine.now())
	r.ledger.fill(&v, r.define.Drains)
	v.Paused, v.Gate = r.pace.present()
	v.Closed = r.pace.untilOpen()
	v.Asks, v.Full = r.asks, r.waitsForRoom()
	v.Unstored, v.Outage = r.whyUnstored(), r.server.seen()
	v.Leases = r.leases.waiting()
	if v.Drain != nil {
		r.leases.correct(v.Drain.Nodes)
	}
	if !b.State.Ended() {
		v.Untold = r.engine.notices.refusal(b.ID)
	}
	if Done(counts) == b.Total && !b.State.Ended() {
		v.Converging = r.behind.Len()
		v.Telling, _ = r.engine.notices.left(b.Cluster, r.toldNodes())
	}
	return v
}

func newView(b Batch, c Counts, now time.Time) View {
	v := View{Batch: b, Counts: c}
	if b.StartedAt == nil {
		return v
	}
	end := now
	if b.EndedAt != nil {
		end = *b.EndedAt
	}
	v.Elapsed = max(0, end.Sub(*b.StartedAt))
	done := Done(c)
	if v.Elapsed > 0 && b.State != store.StateInterrupted {
		v.Rate = float64(done) / v.Elapsed.Seconds()
	}
	if left := b.Total - done; b.State == store.StateRunning && done > 0 && left > 0 {
		v.Remaining = time.Duration(float64(v.Elapsed) / float64(done) * float64(left))
	}
	return v
}

// resumable reports whether a batch without a run can be resumed, or started before its
// time.
func resumable(b Batch) bool {
	return b.State == store.StateInterrupted || b.State == store.StateScheduled
}
