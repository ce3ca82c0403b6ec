package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// checkScheduleEvery is how often the batches that wait for their time are looked at.
const checkScheduleEvery = 5 * time.Second

// KeepSchedule begins batches at their time, and keeps those that are bound to windows to
// them, until ctx ends.
func (e *Engine) KeepSchedule(ctx context.Context) {
	every := time.NewTicker(checkScheduleEvery)
	defer every.Stop()
	for {
		e.CheckSchedule(ctx)
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// CheckSchedule does once what KeepSchedule does again and again.
func (e *Engine) CheckSchedule(ctx context.Context) {
	e.checkWindows(ctx)
	waiting, err := e.store.WaitingBatches(ctx)
	if err != nil {
		e.log.Warn("Scheduled batches cannot be read", "error", err)
		return
	}
	for _, b := range waiting {
		if b.State != store.StateScheduled || b.Schedule.At.After(e.now()) || e.find(b.ID) != nil {
			continue
		}
		if err := e.due(ctx, b); err != nil {
			e.log.Warn("Scheduled batch cannot begin yet", "batch", b.ID, "cluster", b.Cluster, "error", err)
		}
	}
}

// due begins a batch whose time has come, moves it to the next window, or holds it.
func (e *Engine) due(ctx context.Context, b Batch) error {
	now := e.now()
	if b.Schedule.Window {
		rules, err := e.rules.Of(ctx, b.Cluster)
		if err != nil {
			return err
		}
		next, ok := e.opening(b, rules)
		switch {
		case !ok:
			return e.holdBack(ctx, b, store.HoldWindow, nil)
		case !next.Holds(now):
			return e.postpone(ctx, b, next.From)
		}
	} else if now.After(b.Schedule.At.Add(startGrace)) {
		return e.holdBack(ctx, b, store.HoldMissed, nil)
	}
	held, err := e.hold(ctx, b, sponsorOf(b))
	if err != nil {
		return err
	}
	if held != "" {
		return e.holdBack(ctx, b, held, nil)
	}
	standing, err := e.accounts.Standing(ctx, b.ActorID)
	if err != nil {
		return err
	}
	actor := standing.Actor.In(b.Cluster)
	if !actor.May(operation.TraitsOf(b.Operation).Permit) {
		return e.holdBack(ctx, b, store.HoldDemoted, nil)
	}
	if b.StartedAt != nil { // it goes on in another window
		return e.resume(ctx, b, nil)
	}
	return e.beginWaiting(services.WithActor(ctx, standing.Actor), b)
}

// postpone moves a batch to another time: its window has passed while nobody looked.
func (e *Engine) postpone(ctx context.Context, b Batch, to time.Time) error {
	e.log.Warn("Batch waits for the next window", "batch", b.ID, "cluster", b.Cluster, "at", to.UTC())
	b.Schedule.At = to
	if err := e.store.RescheduleBatch(ctx, b); err != nil {
		return err
	}
	e.watcher.BatchChanged(b.Cluster, b.ID)
	return nil
}

// holdBack leaves a batch whose time has come to a person.
func (e *Engine) holdBack(ctx context.Context, b Batch, held store.Hold, why *store.Text) error {
	e.log.Warn("Scheduled batch does not begin: it waits for somebody to start it",
		"batch", b.ID, "cluster", b.Cluster, "user", b.By, "why", string(held), "detail", why)
	b.Held, b.Schedule.Why = held, why
	if err := e.store.HoldBatch(ctx, b); err != nil {
		return err
	}
	e.watcher.BatchChanged(b.Cluster, b.ID)
	return nil
}

// beginWaiting plans a batch again and begins it, unless the plan needs more than was
// agreed to.
func (e *Engine) beginWaiting(ctx context.Context, b Batch) error {
	p, plan, err := e.planAgain(ctx, b)
	if err != nil {
		return e.orHold(ctx, b, err)
	}
	if !approved(b, plan.Digest) {
		return e.askAgain(ctx, b)
	}
	actor := services.ActorFrom(ctx).In(b.Cluster)
	why, node, err := e.trouble(ctx, p, plan, actor)
	if err != nil {
		return err
	}
	if why != nil {
		b.Schedule.Node = node
		return e.holdBack(ctx, b, store.HoldPlan, why)
	}
	return e.begin(ctx, p, plan, sponsorOf(b))
}

// orHold holds a batch that can never be planned, such as one whose template is gone.
// Anything else may pass: it is tried again.
func (e *Engine) orHold(ctx context.Context, b Batch, err error) error {
	switch services.CodeOf(err) {
	case services.CodeInvalid, services.CodeForbidden, services.CodeNotFound, services.CodeConflict:
		return e.holdBack(ctx, b, store.HoldPlan, textOf(err))
	default:
		return err
	}
}

// planAgain plans a stored batch that has not begun, with the parameters that were read
// when it was made.
func (e *Engine) planAgain(ctx context.Context, b Batch) (proposal, Preview, error) {
	items, err := e.store.Items(ctx, b.ID)
	if err != nil {
		return proposal{}, Preview{}, err
	}
	t, err := e.taskOf(ctx, b)
	if err != nil {
		return proposal{}, Preview{}, err
	}
	rollout, err := decodeRollout(b.Rollout)
	if err != nil {
		return proposal{}, Preview{}, err
	}
	p := proposal{
		batch: b, define: t.define, params: t.params, rollout: rollout, nodes: nodesOf(items), rules: t.rules,
	}
	plan, err := e.planResolved(ctx, &p, true)
	return p, plan, err
}

// trouble returns what a plan needs that nobody has agreed to when the batch was made, and
// on which node; nil for nothing.
func (e *Engine) trouble(
	ctx context.Context, p proposal, plan Preview, actor services.Actor,
) (why *store.Text, node string, err error) {
	items, err := e.store.Items(ctx, p.batch.ID)
	if err != nil {
		return nil, "", err
	}
	agreed := p.batch.Schedule.Agreed
	why, node = troubleOnNodes(items, plan.Nodes, agreed.Blocked)
	if why != nil {
		return why, node, nil
	}
	for _, r := range plan.Reach {
		if !slices.Contains(agreed.Reach, r.Kind+"/"+r.Name) {
			return &store.Text{ID: "held_reach", Args: services.Args("Nodes", r.Nodes, "Of", r.Of)}, "", nil
		}
	}
	if full := plan.noRoom(); full != nil && !p.rollout.Exceed {
		return textOf(full.consent(p.batch.Cluster).Denied), "", nil
	}
	given := Consents{Typed: agreed.Typed, Pods: agreed.Pods, PodsUnknown: agreed.PodsUnknown}
	given.Others = plan.Others.among(agreed.Others)
	if err := p.params.Consent(p.batch.Cluster).Check(actor, given.Typed); err != nil {
		return textOf(err), "", nil
	}
	if err := plan.agreed(actor, p.batch.Cluster, given); err != nil {
		return textOf(err), "", nil
	}
	return nil, "", nil
}

// troubleOnNodes returns the first blocker that was not there before, or says that a node
// has been replaced by another one of its name.
func troubleOnNodes(items []Item, plans []NodePlan, known []string) (why *store.Text, node string) {
	for i, n := range plans {
		switch {
		case items[i].UID != "" && n.UID != "" && items[i].UID != n.UID:
			return &store.Text{ID: "held_node_replaced"}, n.Node
		case len(n.Blockers) > 0 && !slices.Contains(known, n.Node):
			return textOf(n.Blockers[0]), n.Node
		}
	}
	return nil, ""
}

// textOf returns an error in the form in which it is stored; one about fields is about the
// first.
func textOf(err error) *store.Text {
	said := services.AsError(err)
	if len(said.Fields) > 0 {
		return &store.Text{ID: said.Fields[0].Text, Args: said.Fields[0].Args}
	}
	return &store.Text{ID: said.Text, Args: said.Args}
}

// startNow begins a batch that waits, or that is held, because somebody wants it now. They
// see the reason why it is held; what has to be typed, they type again.
func (e *Engine) startNow(ctx context.Context, b Batch, actor services.Actor) error {
	p, plan, err := e.planAgain(ctx, b)
	if err != nil {
		return err
	}
	if !approved(b, plan.Digest) {
		return errors.Join(e.askAgain(ctx, b), services.NewError(services.CodeConflict, "error_approval_needed"))
	}
	here := actor.In(b.Cluster)
	if b.Held != store.HoldPlan {
		why, node, err := e.trouble(ctx, p, plan, here)
		if err != nil {
			return err
		}
		if why != nil {
			b.Schedule.Node = node
			return errors.Join(e.holdBack(ctx, b, store.HoldPlan, why),
				services.NewError(services.CodeConflict, "error_start_held"))
		}
	}
	if p.define.Drains && plan.Drain != nil {
		if err := plan.Drain.Refusal(); err != nil {
			return err
		}
	}
	s := sponsor{id: actor.ID, role: here.Role, since: e.now()}
	return e.begin(ctx, p, plan, s)
}

// begin stores the plan of a batch that has waited, and launches it.
func (e *Engine) begin(ctx context.Context, p proposal, plan Preview, s sponsor) error {
	p.batch.State, p.batch.Held = store.StateRunning, ""
	p.batch.Schedule.Why, p.batch.Schedule.Node = nil, ""
	r, err := e.newRun(p.batch, p.task(plan), s)
	if err != nil {
		return err
	}
	items := itemsOf(plan)
	r.planned, r.asks = plan.inventory, r.task.asks(p.batch.Cluster, p.nodes)
	if err := e.store.BeginBatch(ctx, r.batch, items); err != nil {
		return err
	}
	if err := e.launch(context.WithoutCancel(ctx), r, items); err != nil {
		return err
	}
	e.log.Info("Scheduled batch begins", "batch", p.batch.ID, "cluster", p.batch.Cluster)
	e.watcher.BatchChanged(p.batch.Cluster, p.batch.ID)
	return nil
}

// acceptWaiting stores a batch that begins later.
func (e *Engine) acceptWaiting(ctx context.Context, p proposal, plan Preview) (View, error) {
	if err := e.roomForWaiting(ctx, p.batch, 0); err != nil {
		return View{}, err
	}
	err := e.store.InsertBatch(ctx, p.batch, itemsOf(plan))
	if services.CodeOf(err) == services.CodeConflict { // the same form was sent twice at once
		earlier, _, err := e.repeated(ctx, p.batch)
		return earlier, err
	}
	if err != nil {
		return View{}, fmt.Errorf("store the batch: %w", err)
	}
	e.noteWaiting(p.batch)
	return e.View(ctx, p.batch.ID)
}

func (e *Engine) noteWaiting(b Batch) {
	e.log.Info("Batch waits", "state", string(b.State), "batch", b.ID, "cluster", b.Cluster, "operation", b.Operation,
		"by", b.By, "at", b.Schedule.At.UTC(), "window", b.Schedule.Window)
	e.watcher.BatchChanged(b.Cluster, b.ID)
}

// roomForWaiting refuses a batch when too many wait for their time; others is how many of
// its actor are about to.
func (e *Engine) roomForWaiting(ctx context.Context, b Batch, others int) error {
	waiting, err := e.store.WaitingBatches(ctx)
	if err != nil {
		return err
	}
	inCluster, ofActor := 0, others
	for _, w := range waiting {
		if w.Cluster == b.Cluster {
			inCluster++
		}
		if w.ActorID == b.ActorID {
			ofActor++
		}
	}
	l := e.options.Limits
	switch {
	case ofActor >= l.OpenPerActor:
		return busy("error_open_actor", l.OpenPerActor)
	case inCluster >= l.OpenPerCluster:
		return busy("error_open_cluster", l.OpenPerCluster, "Cluster", b.Cluster)
	default:
		return nil
	}
}
