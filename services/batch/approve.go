package batch

import (
	"context"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// needsApproval reports whether a batch begins only when a second person has approved its
// plan.
func needsApproval(rules rule.Rules, define operation.Definition) bool {
	return rules.Approval.Drain && define.Drains
}

// PlanOf returns a batch that has not begun, with its plan as it is now.
//
// Errors: CodeNotFound, CodeForbidden; CodeConflict for a batch that has begun or ended.
func (e *Engine) PlanOf(ctx context.Context, id string) (View, Preview, error) {
	b, err := e.controlled(ctx, id)
	if err != nil {
		return View{}, Preview{}, err
	}
	if b.Schedule == nil || b.StartedAt != nil {
		return View{}, Preview{}, services.NewError(services.CodeConflict, "error_batch_running")
	}
	leave, err := e.planning.enter(ctx, b.Cluster, services.ActorFrom(ctx).ID)
	if err != nil {
		return View{}, Preview{}, err
	}
	defer leave()
	_, plan, err := e.planAgain(ctx, b)
	if err != nil {
		return View{}, Preview{}, err
	}
	plan.Fit = e.fit(ctx, b.Cluster, plan)
	v, err := e.View(ctx, id)
	return v, plan, err
}

// Approve lets a batch begin whose plan needs a second person. plan is the digest of the plan
// that they have seen.
//
// Errors: CodeNotFound; CodeForbidden, also for one's own batch; CodeInvalid without a plan;
// CodeConflict for another plan, and for a batch that does not wait for an approval.
func (e *Engine) Approve(ctx context.Context, id, plan string) (View, error) {
	b, err := e.proposed(ctx, id)
	if err != nil {
		return View{}, err
	}
	if plan == "" {
		return View{}, services.Invalid("plan", "error_approval_plan")
	}
	_, now, err := e.planAgain(ctx, b)
	if err != nil {
		return View{}, err
	}
	if now.Digest != plan {
		return View{}, services.NewError(services.CodeConflict, "error_plan_changed")
	}
	b.Approval = e.said(ctx)
	b.Approval.Plan, b.State = plan, store.StateScheduled
	if b.Schedule.At.IsZero() {
		b.Schedule.At = *b.Approval.At
	}
	if err := e.store.SetApproval(ctx, b, store.StateProposed, store.ActionBatchApprove); err != nil {
		return View{}, err
	}
	e.log.Info("Batch approved", "batch", id, "cluster", b.Cluster, "user", b.By, "by", b.Approval.By)
	e.watcher.BatchChanged(b.Cluster, id)
	if !b.Schedule.At.After(e.now()) {
		if err := e.due(context.WithoutCancel(ctx), b); err != nil {
			e.log.Warn("Approved batch cannot begin yet", "batch", id, "cluster", b.Cluster, "error", err)
		}
	}
	return e.View(ctx, id)
}

// Reject ends a batch whose plan needs a second person.
//
// Errors: those of Approve; CodeInvalid for a reason that is too long.
func (e *Engine) Reject(ctx context.Context, id, why string) (View, error) {
	b, err := e.proposed(ctx, id)
	if err != nil {
		return View{}, err
	}
	var wrong services.FieldErrors
	checkReason(&wrong, why)
	if err := wrong.Err(); err != nil {
		return View{}, err
	}
	b.Approval = e.said(ctx)
	b.Approval.Rejected, b.Approval.Why = true, strings.TrimSpace(why)
	if err := e.store.SetApproval(ctx, b, store.StateProposed, store.ActionBatchReject); err != nil {
		return View{}, err
	}
	e.log.Info("Batch rejected", "batch", id, "cluster", b.Cluster, "user", b.By, "by", b.Approval.By)
	return e.Cancel(ctx, id)
}

// said returns what the actor says now.
func (e *Engine) said(ctx context.Context) *store.Approval {
	actor, now := services.ActorFrom(ctx), e.now().Truncate(time.Millisecond)
	return &store.Approval{At: &now, By: actor.Name, ByID: actor.ID}
}

// proposed reads a batch that waits for the approval of the actor.
func (e *Engine) proposed(ctx context.Context, id string) (Batch, error) {
	b, err := e.controlled(ctx, id)
	switch {
	case err != nil:
		return Batch{}, err
	case b.State != store.StateProposed:
		return Batch{}, services.NewError(services.CodeConflict, "error_approval_state")
	case b.ActorID == services.ActorFrom(ctx).ID:
		return Batch{}, services.NewError(services.CodeForbidden, "error_approval_own")
	default:
		return b, nil
	}
}

// askAgain asks for another approval of a batch: its plan has changed since it was approved.
func (e *Engine) askAgain(ctx context.Context, b Batch) error {
	before := b.State
	b.State, b.Held, b.Approval = store.StateProposed, "", &store.Approval{Changed: true}
	b.Schedule.Why, b.Schedule.Node = nil, ""
	if !b.Schedule.Window {
		b.Schedule.At = time.Time{} // its time has come; it begins when it is approved
	}
	if err := e.store.SetApproval(services.WithActor(ctx, services.Actor{}), b, before, store.ActionBatchAsk); err != nil {
		return err
	}
	e.log.Warn("Batch needs another approval: its plan has changed", "batch", b.ID, "cluster", b.Cluster)
	e.watcher.BatchChanged(b.Cluster, b.ID)
	return nil
}

// approved reports whether a batch may begin with the plan of a digest.
func approved(b Batch, digest string) bool {
	a := b.Approval
	return a == nil || a.At != nil && !a.Rejected && a.Plan == digest
}
