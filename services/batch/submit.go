package batch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// Submit checks a request, stores the batch with its items, and starts it. Once
// it returns, the batch survives anything short of the loss of the disk.
//
// Errors: CodeInvalid names the wrong fields; CodeForbidden; CodeNotFound for
// the cluster; CodeConflict for an idempotency key that belongs to another
// request; CodeThrottled beyond the engine's Limits; CodeUnavailable when the
// cluster's nodes cannot be read.
func (e *Engine) Submit(ctx context.Context, q Request) (View, error) {
	p, err := e.propose(ctx, q)
	if err != nil {
		return View{}, err
	}
	earlier, found, err := e.repeated(ctx, p.batch)
	if found || err != nil {
		return earlier, err
	}
	leave, err := e.planning.enter(ctx, p.batch.Cluster, p.batch.ActorID)
	if err != nil {
		return View{}, err
	}
	defer leave()
	if err := e.roomFor(p.batch, 0); err != nil {
		return View{}, err
	}
	plan, err := e.plan(ctx, &p, true)
	if err != nil {
		return View{}, err
	}
	if err := plan.guarded(q); err != nil {
		return View{}, err
	}
	if err := p.agree(services.ActorFrom(ctx).In(p.batch.Cluster), plan, q.Consents); err != nil {
		return e.orEarlier(ctx, p.batch, err)
	}
	if err := e.schedule(&p, plan, q.Consents); err != nil {
		return View{}, err
	}
	if p.batch.State != store.StateRunning {
		view, err := e.acceptWaiting(ctx, p, plan)
		if err == nil && p.batch.State == store.StateScheduled {
			e.announceLater(p.batch, plan)
		}
		return view, err
	}
	return e.accept(ctx, p, plan)
}

// agree returns an error when a consent that the plan needs is missing. It notes the consent
// to pass limits with the batch.
func (p *proposal) agree(actor services.Actor, plan Preview, given Consents) error {
	if err := plan.agreed(actor, p.batch.Cluster, given); err != nil {
		return err
	}
	var err error
	p.rollout.Exceed, err = plan.passes(actor, p.batch.Cluster, given)
	if err != nil {
		return err
	}
	p.batch.Rollout, err = p.rollout.encode()
	return err
}

// accept stores the batch of a plan to which all consents are given, and starts it.
func (e *Engine) accept(ctx context.Context, p proposal, plan Preview) (View, error) {
	items := itemsOf(plan)
	r, err := e.newRun(p.batch, p.task(plan), sponsorOf(p.batch))
	if err != nil {
		return View{}, err
	}
	r.planned, r.asks = plan.inventory, r.task.asks(p.batch.Cluster, p.nodes)
	err = e.store.InsertBatch(ctx, r.batch, items)
	if services.CodeOf(err) == services.CodeConflict { // the same form was sent twice at once
		earlier, _, err := e.repeated(ctx, p.batch)
		return earlier, err
	}
	if err != nil {
		return View{}, fmt.Errorf("store the batch: %w", err)
	}
	// From here on the batch is accepted: a client that disconnects ends nothing.
	if err := e.launch(context.WithoutCancel(ctx), r, items); err != nil {
		return View{}, err
	}
	e.watcher.BatchChanged(p.batch.Cluster, p.batch.ID)
	return r.view(), nil
}

// proposal is a batch before it is stored.
type proposal struct {
	batch   Batch
	define  operation.Definition
	params  operation.Params
	rollout Rollout
	start   When // as it was asked for
	nodes   []string
	rules   rule.Rules // of the cluster: one set for all of the plan
}

// task returns what the batch does once its plan is carried out.
func (p proposal) task(plan Preview) task { return task{p.define, p.params, plan.op, p.rules} }

// propose checks a request before anything is read from the cluster or stored.
func (e *Engine) propose(ctx context.Context, q Request) (proposal, error) {
	if _, err := e.clusters.Client(q.Cluster); err != nil {
		return proposal{}, err
	}
	define, err := operation.Find(q.Operation)
	if err != nil {
		return proposal{}, err
	}
	actor := services.ActorFrom(ctx).In(q.Cluster)
	if err := actor.Require(define.Permit); err != nil {
		return proposal{}, err
	}
	p := proposal{define: define, nodes: unique(q.Nodes)}
	from, err := e.readParams(ctx, q, &p)
	var wrongRollout error
	p.rollout, wrongRollout = readRollout(q.Fields, define, from)
	var wrongStart error
	p.start, wrongStart = readStart(q.Fields, q.Zone, e.now())
	if err := joined(err, wrongRollout, wrongStart); err != nil {
		return proposal{}, err
	}
	if !q.preview {
		if err := p.params.Consent(q.Cluster).Check(actor, q.Consents.Typed); err != nil {
			return proposal{}, err
		}
	}
	p.rules, err = e.rules.Of(ctx, q.Cluster)
	if err != nil {
		return proposal{}, err
	}
	if err := q.checkAll(p.nodes, p.rules); err != nil {
		return proposal{}, err
	}
	err = p.fill(q, actor, e.now())
	return p, err
}

// checkAll names what is wrong with a request of these nodes. A batch that retries or
// undoes another one has the reason of that one.
func (q Request) checkAll(nodes []string, rules rule.Rules) error {
	wrong := q.check(nodes)
	if q.RetryOf == "" && q.Operation != operation.Undo && !q.preview {
		wrong = append(wrong, rules.Reason.Check(q.Reason)...)
	}
	return wrong.Err()
}

// joined returns one error that names the wrong fields of all errors. An error that
// is not about fields is returned alone.
func joined(errs ...error) error {
	var wrong services.FieldErrors
	for _, err := range errs {
		if err != nil && services.CodeOf(err) != services.CodeInvalid {
			return err
		}
		wrong.Append(err)
	}
	return wrong.Err()
}

// readParams reads the parameters of a request, and the nodes that it may change.
// It returns the batch that is retried or undone, the zero Batch for neither.
func (e *Engine) readParams(ctx context.Context, q Request, p *proposal) (Batch, error) {
	if q.RetryOf == "" {
		var err error
		p.params, err = p.define.Read(q.Fields)
		undone := operation.UndoOf(p.params)
		if err != nil || undone == "" {
			return Batch{}, err
		}
		from, nodes, err := e.origin(ctx, q, origin{undone, "undo_of", undoable})
		p.nodes = nodes
		return from, err
	}
	from, nodes, err := e.origin(ctx, q, origin{q.RetryOf, "retry_of", retryable})
	if err != nil {
		return Batch{}, err
	}
	first, err := p.define.Decode(from.Params)
	if err != nil {
		return Batch{}, err
	}
	if err := e.undoneIsStored(ctx, first); err != nil {
		return Batch{}, err
	}
	p.nodes = nodes
	p.params, err = first.Revise(q.Fields)
	return from, err
}

// fill completes the row of the batch.
func (p *proposal) fill(q Request, actor services.Actor, now time.Time) error {
	p.batch = Batch{
		Cluster: q.Cluster, Operation: q.Operation, Reason: strings.TrimSpace(q.Reason), Total: len(p.nodes),
		ActorID: actor.ID, By: actor.Name, ActorRole: actor.Role, Address: actor.Address, RequestID: actor.RequestID,
		IdempotencyKey: q.IdempotencyKey, State: store.StateRunning, CreatedAt: now.Truncate(time.Millisecond),
		RetryOf: q.RetryOf, UndoOf: operation.UndoOf(p.params),
	}
	var err error
	p.batch.Params, err = p.params.Encode()
	if err != nil {
		return err
	}
	p.batch.Rollout, err = p.rollout.encode()
	if err != nil {
		return err
	}
	p.batch.ID, p.batch.Fingerprint = newID(p.batch.CreatedAt), fingerprint(p.batch, p.start, p.nodes)
	return nil
}

// resolve completes the parameters with what is read once for the whole batch.
// What was read for the first try holds for the second.
func (e *Engine) resolve(ctx context.Context, p *proposal) error {
	if p.batch.RetryOf != "" {
		return nil
	}
	client, err := e.clusters.Client(p.batch.Cluster)
	if err != nil {
		return err
	}
	sources := operation.Sources{Cluster: p.batch.Cluster, Nodes: client, Templates: e.templates}
	p.params, err = p.params.Resolve(ctx, sources)
	if err != nil {
		return err
	}
	p.batch.Params, err = p.params.Encode()
	if t := operation.TemplateOf(p.params); t != nil {
		p.batch.TemplateID = t.ID
	}
	return err
}

// repeated returns the batch of an earlier request with the same idempotency key. A
// key that comes with another content is refused: to run it would surprise, and to
// show the earlier batch would be wrong.
func (e *Engine) repeated(ctx context.Context, b Batch) (View, bool, error) {
	if b.IdempotencyKey == "" {
		return View{}, false, nil
	}
	earlier, err := e.store.BatchByKey(ctx, b.ActorID, b.IdempotencyKey)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return View{}, false, nil
	case err != nil:
		return View{}, false, err
	case earlier.Fingerprint != b.Fingerprint:
		return View{}, false, services.NewError(services.CodeConflict, "error_key_reused")
	}
	view, err := e.View(ctx, earlier.ID)
	return view, true, err
}

// orEarlier returns the batch of the same request if that was accepted while this one was
// planned: it has changed the plan. Otherwise it returns err.
func (e *Engine) orEarlier(ctx context.Context, b Batch, err error) (View, error) {
	if services.CodeOf(err) != services.CodeConflict {
		return View{}, err
	}
	earlier, found, lookup := e.repeated(ctx, b)
	if found && lookup == nil {
		return earlier, nil
	}
	return View{}, err
}

// itemsOf returns the items of a plan. A node that the plan does not know is read
// when its turn comes.
func itemsOf(p Preview) []Item {
	items := make([]Item, len(p.Nodes))
	for i, n := range p.Nodes {
		items[i] = Item{Seq: i, Node: n.Node, UID: n.UID, State: store.ItemPending}
		if n.UID != "" {
			items[i].Before, items[i].After = &n.Before, &n.After
		}
	}
	return items
}

// newID returns an id that sorts by its time: milliseconds in base 32, then random.
func newID(at time.Time) string {
	return strings.ToLower(fmt.Sprintf("%09s", strconv.FormatInt(at.UnixMilli(), 32)) + rand.Text()[:8])
}

// fingerprint sums up what a batch was asked for, to tell a repeated request from
// another one with the same key.
func fingerprint(b Batch, start When, nodes []string) string {
	h := sha256.New()
	parts := []string{b.Cluster, b.Operation, string(b.Params), string(b.Rollout), b.Reason}
	if !start.At.IsZero() || start.Window {
		parts = append(parts, start.At.Format(time.RFC3339), strconv.FormatBool(start.Window))
	}
	for _, part := range append(parts, nodes...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash never fails to write
	}
	return hex.EncodeToString(h.Sum(nil))
}
