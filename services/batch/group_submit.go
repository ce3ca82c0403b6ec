package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"kube-node-manager/services"
	"kube-node-manager/services/store"
)

// Part is the plan of one cluster of a submission.
type Part struct {
	Cluster string
	Preview
	Err error // why there is no plan
}

// PreviewAll is Preview for several clusters, whose requests differ in their nodes and in
// what was confirmed. A part that cannot be planned has an error.
func (e *Engine) PreviewAll(ctx context.Context, requests []Request) (parts []Part, digest string, err error) {
	if err := checkGroup(requests); err != nil {
		return nil, "", err
	}
	parts = make([]Part, len(requests))
	plans := make([]Preview, len(requests))
	_ = each(len(requests), func(i int) error {
		plan, err := e.Preview(ctx, requests[i])
		parts[i], plans[i] = Part{requests[i].Cluster, plan, err}, plan
		return nil
	})
	return parts, groupDigest(requests, plans), nil
}

// SubmitAll is Submit for several clusters: it starts one batch for each request, or none.
// The requests have the same idempotency key, which stands for all of them together. Their
// Consents.Plan is the digest of PreviewAll.
//
// Errors: those of Submit, for the first request that has one.
func (e *Engine) SubmitAll(ctx context.Context, requests []Request) ([]View, error) {
	if err := checkGroup(requests); err != nil {
		return nil, err
	}
	proposals, err := e.proposeAll(ctx, requests)
	if err != nil {
		return nil, err
	}
	earlier, found, err := e.repeated(ctx, proposals[0].batch)
	if err != nil {
		return nil, err
	}
	if found {
		return e.Group(ctx, earlier.ID)
	}
	if err := e.roomForAll(proposals); err != nil {
		return nil, err
	}
	plans, err := e.planAll(ctx, proposals)
	if err != nil {
		return nil, err
	}
	if err := agreedAll(ctx, requests, proposals, plans); err != nil {
		earlier, err := e.orEarlier(ctx, proposals[0].batch, err)
		if err != nil {
			return nil, err
		}
		return e.Group(ctx, earlier.ID)
	}
	if err := e.scheduleAll(ctx, requests, proposals, plans); err != nil {
		return nil, err
	}
	return e.acceptAll(ctx, proposals, plans)
}

// checkGroup returns what is wrong with the number of clusters and of nodes.
func checkGroup(requests []Request) error {
	nodes := 0
	for _, q := range requests {
		nodes += len(q.Nodes)
	}
	switch {
	case len(requests) == 0:
		return services.Invalid("node", "error_nodes_none")
	case len(requests) > MaxGroup:
		return services.Invalid("node", "error_clusters_many", "Count", len(requests), "Max", MaxGroup)
	case nodes > MaxNodes:
		return services.Invalid("node", "error_nodes_many", "Count", nodes, "Max", MaxNodes)
	default:
		return nil
	}
}

// proposeAll checks the requests, and makes their batches those of a group. The first
// carries the idempotency key, and the fingerprint of all.
func (e *Engine) proposeAll(ctx context.Context, requests []Request) ([]proposal, error) {
	proposals, all := make([]proposal, len(requests)), sha256.New()
	for i, q := range requests {
		p, err := e.propose(ctx, q)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintln(all, p.batch.Fingerprint) // a hash never fails to write
		proposals[i] = p
	}
	if len(proposals) == 1 {
		return proposals, nil
	}
	first := proposals[0].batch
	for i := range proposals {
		b := &proposals[i].batch
		b.ID, b.CreatedAt, b.IdempotencyKey = memberID(first.ID, i), first.CreatedAt, ""
	}
	proposals[0].batch.IdempotencyKey = first.IdempotencyKey
	proposals[0].batch.Fingerprint = hex.EncodeToString(all.Sum(nil))
	return proposals, nil
}

// roomForAll is roomFor for the batches of a group.
func (e *Engine) roomForAll(proposals []proposal) error {
	nodes := 0
	for i, p := range proposals {
		b := p.batch
		nodes += b.Total
		b.Total = nodes
		if err := e.roomFor(b, i); err != nil {
			return err
		}
	}
	return nil
}

// planAll plans the batches that are to be carried out.
func (e *Engine) planAll(ctx context.Context, proposals []proposal) ([]Preview, error) {
	plans := make([]Preview, len(proposals))
	err := each(len(proposals), func(i int) error {
		p := &proposals[i]
		leave, err := e.planning.enter(ctx, p.batch.Cluster, p.batch.ActorID)
		if err != nil {
			return err
		}
		defer leave()
		plans[i], err = e.plan(ctx, p, true)
		return err
	})
	return plans, err
}

// plansAtOnce is how many plans of one submission are made at once: fewer than one person
// may make, who has other pages.
const plansAtOnce = 2

// each calls do with the numbers below n, a few at once. It returns the error of the
// lowest number.
func each(n int, do func(i int) error) error {
	errs, turn := make([]error, n), make(chan struct{}, plansAtOnce)
	var all sync.WaitGroup
	for i := range n {
		turn <- struct{}{}
		all.Go(func() {
			errs[i] = do(i)
			<-turn
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// agreedAll returns an error when a consent that one of the plans needs is missing, or
// when they are not the plans that were shown. It notes the consents to pass limits.
func agreedAll(ctx context.Context, requests []Request, proposals []proposal, plans []Preview) error {
	given := requests[0].Consents.Plan
	if given != "" && given != groupDigest(requests, plans) {
		return services.NewError(services.CodeConflict, "error_plan_changed")
	}
	for i, q := range requests {
		if err := plans[i].guarded(q); err != nil {
			return err
		}
		q.Consents.Plan = "" // it stands for all plans, and was checked
		actor := services.ActorFrom(ctx).In(q.Cluster)
		if err := proposals[i].agree(actor, plans[i], q.Consents); err != nil {
			return err
		}
	}
	return nil
}

// scheduleAll is schedule for the batches of a group.
func (e *Engine) scheduleAll(
	ctx context.Context, requests []Request, proposals []proposal, plans []Preview,
) error {
	for i, q := range requests {
		if err := e.schedule(&proposals[i], plans[i], q.Consents); err != nil {
			return err
		}
		if proposals[i].batch.State != store.StateRunning {
			if err := e.roomForWaiting(ctx, proposals[i].batch, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// groupDigest sums up the plans of a submission.
func groupDigest(requests []Request, plans []Preview) string {
	all := sha256.New()
	for i, q := range requests {
		_, _ = fmt.Fprintf(all, "%q %s\n", q.Cluster, plans[i].Digest) // a hash never fails to write
	}
	return hex.EncodeToString(all.Sum(nil)[:16])
}

// acceptAll stores the batches of a group in one transaction, and starts them.
func (e *Engine) acceptAll(ctx context.Context, proposals []proposal, plans []Preview) ([]View, error) {
	runs, rows := make([]*run, len(proposals)), make([]store.NewBatch, len(proposals))
	for i, p := range proposals {
		if p.batch.State != store.StateRunning {
			rows[i] = store.NewBatch{Batch: p.batch, Items: itemsOf(plans[i])}
			continue
		}
		r, err := e.newRun(p.batch, p.task(plans[i]), sponsorOf(p.batch))
		if err != nil {
			return nil, err
		}
		r.planned, r.asks = plans[i].inventory, r.task.asks(p.batch.Cluster, p.nodes)
		runs[i], rows[i] = r, store.NewBatch{Batch: r.batch, Items: itemsOf(plans[i])}
	}
	err := e.store.InsertBatches(ctx, rows)
	if services.CodeOf(err) == services.CodeConflict { // the same form was sent twice at once
		return e.earlierGroup(ctx, proposals[0].batch)
	}
	if err != nil {
		return nil, fmt.Errorf("store the batches: %w", err)
	}
	for i, row := range rows {
		if row.State == store.StateScheduled {
			e.announceLater(row.Batch, plans[i])
		}
	}
	// From here on the batches are accepted: a client that disconnects ends nothing.
	views := make([]View, len(runs))
	for i, r := range runs {
		if r == nil {
			e.noteWaiting(proposals[i].batch)
			views[i], err = e.View(ctx, proposals[i].batch.ID)
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := e.launch(context.WithoutCancel(ctx), r, rows[i].Items); err != nil {
			return nil, err
		}
		e.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
		views[i] = r.view()
	}
	return views, nil
}

// earlierGroup returns the batches of an earlier request with the same idempotency key.
func (e *Engine) earlierGroup(ctx context.Context, b Batch) ([]View, error) {
	earlier, _, err := e.repeated(ctx, b)
	if err != nil {
		return nil, err
	}
	return e.Group(ctx, earlier.ID)
}
