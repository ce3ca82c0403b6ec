package batch

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
	"kube-node-manager/services/trace"
)

// run is one running batch. It lives from its launch until its end is stored. Its
// pace says when a node may begin, its ledger what became of the nodes.
type run struct {
	task
	engine *Engine
	client *kube.Client
	log    *slog.Logger
	pace   *pace
	ledger *ledger
	// planned is the nodes as the batch was planned over them; empty after a
	// restart.
	planned node.Inventory
	behind  *kube.Converging // nodes that the control plane has yet to reconcile
	asks    *services.Error  // see View.Asks; set before the run is launched
	sponsor sponsor          // set before the run is launched
	leases  *leases          // on the nodes that it works on
	server  server
	begin   *baseline      // the cluster before the first wave; nil unless its rules demand health
	open    map[string]int // items that had not ended when the run began, by node
	done    chan struct{}  // closed when the batch's end is stored
	span    trace.Span     // set when the run is launched

	mu      sync.Mutex
	batch   Batch           // its state and times change; what it was asked for does not
	refused *services.Error // why the rest was not tried, when the cluster refused one
	full    *Room           // the limit that it waits for; nil while it does not
	// unstored is why the last write to the store failed; nil if it did not.
	unstored *services.Error
	told     map[string]kube.Stage // what nodes say because of it, by name
	// reported is what events have said that say it once, by node and subject.
	reported map[string]bool
	late     []kube.Event // that are sent at its end
}

func (e *Engine) newRun(b Batch, t task, s sponsor) (*run, error) {
	client, err := e.clusters.Client(b.Cluster)
	if err != nil {
		return nil, err
	}
	rollout, err := decodeRollout(b.Rollout)
	if err != nil {
		return nil, err
	}
	if b.StartedAt == nil && !b.CancelRequested {
		now := e.now()
		b.StartedAt = &now
	}
	r := &run{
		task: t, engine: e, client: client, behind: kube.NewConverging(), done: make(chan struct{}), batch: b,
		sponsor: s, told: map[string]kube.Stage{}, reported: map[string]bool{},
		log: e.log.With("batch", b.ID, "cluster", b.Cluster, "operation", b.Operation),
	}
	ctx, err := e.context(b, s)
	if err != nil {
		return nil, err
	}
	r.pace = newPace(ctx, client.Limiter(), rollout, b.Paused, r.changed)
	r.pace.setClosed(e.closed(b, t.rules))
	r.ledger = newLedger(r.save, r.stored)
	r.leases = e.newLeases(r)
	return r, nil
}

// changed tells whoever follows the batch that its View has changed.
func (r *run) changed() { r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID) }

// execute runs the items and then ends the batch, in the order that makes
// "done" mean "visible".
func (r *run) execute(items []Item) {
	defer r.endTrace()
	defer r.pace.stopCall()
	r.log.Info("Batch started", "nodes", r.batch.Total, "by", r.batch.By)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		r.ledger.record()
	}()
	if r.batch.CancelRequested {
		r.pace.stop(errCancelled)
	}
	r.leases.recall(items)
	r.roll(items)
	close(r.ledger.entries)
	<-recorded
	r.tellRest(items)
	r.leases.end(leavesRest(r.pace.stopped()))
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		r.settle()
	}()
	r.converge()
	<-settled
	r.finish()
	r.reportLate()
	r.engine.turns.leave(r, items)
	r.engine.capacity.leave(r.batch.Cluster, items)
}

// roll works through the items, wave by wave.
func (r *run) roll(items []Item) {
	waves := r.pace.rollout.waves(items, r.batch.Total, r.inventory().Find)
	if r.observe(items, waves) != nil {
		return
	}
	c, together := r.op.(operation.Conductor)
	if together {
		r.rollTogether(c, waves)
		return
	}
	for i, w := range waves {
		r.dispatch(w.items)
		if i == len(waves)-1 || r.pass(w) != nil {
			return
		}
	}
}

// rollTogether works on the nodes of all waves together, but for those of the
// canary, which come first: every node is prepared before the first one begins,
// and then they begin wave by wave.
func (r *run) rollTogether(c operation.Conductor, waves []wave) {
	r.recall()
	for _, w := range waves {
		r.announce(w.items)
	}
	for len(waves) > 0 {
		stage := waves
		if waves[0].canary {
			stage = waves[:1]
		}
		waves = waves[len(stage):]
		if r.rollStage(c, stage, len(waves) == 0) != nil {
			return
		}
	}
}

// rollStage conducts some waves and opens one after the other. After the last wave
// of the batch there is no gate.
func (r *run) rollStage(c operation.Conductor, stage []wave, last bool) error {
	var items []Item
	for _, w := range stage {
		items = append(items, w.items...)
	}
	r.pace.postpone(stage[1:])
	var conducted sync.WaitGroup
	defer conducted.Wait()
	conducted.Go(func() { r.conduct(c, items) })
	for i, w := range stage {
		r.pace.open(w)
		if last && i == len(stage)-1 {
			return nil
		}
		if err := r.pass(w); err != nil {
			return err
		}
	}
	return nil
}

// dispatch begins item after item, as many at once as the cluster takes, and
// returns when the last one has ended. Nodes that other batches have first come
// when their turn does.
func (r *run) dispatch(items []Item) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		free, held := r.mine(items)
		leased, goOn := r.beginFree(free, &workers)
		items = slices.Concat(leased, held)
		if !goOn || len(items) == 0 || r.awaitAgain(len(leased) > 0) != nil {
			return
		}
	}
}

// beginFree begins items as the limits of the cluster allow it. It returns those whose
// leases somebody else has, and false when no more are to be begun.
func (r *run) beginFree(free []Item, workers *sync.WaitGroup) (leased []Item, goOn bool) {
	for len(free) > 0 {
		n, err := r.admit(free)
		if err != nil {
			return nil, false
		}
		for chunk := range slices.Chunk(free[:n], cmp.Or(r.pace.rollout.Parallel, claimSize)) {
			if r.pace.waitWhilePaused() != nil {
				return nil, false
			}
			r.server.wait(r.pace.take)
			ready, held := r.takeLeases(chunk)
			leased = append(leased, held...)
			if len(ready) == 0 {
				continue
			}
			if !r.claim(ready) || !r.beginAll(ready, workers) {
				return nil, false
			}
		}
		free = free[n:]
	}
	return leased, true
}

// beginAll begins claimed items as the pace allows it. It reports false, and
// releases the rest, when no more are to be begun.
func (r *run) beginAll(chunk []Item, workers *sync.WaitGroup) bool {
	for i, it := range chunk {
		if r.pace.enter() != nil {
			r.release(chunk[i:])
			return false
		}
		workers.Go(func() {
			r.work(it)
			r.pace.leave()
		})
	}
	return true
}

// mine separates the items whose nodes are free for this batch from those that
// another batch has first.
func (r *run) mine(items []Item) (free, held []Item) {
	return r.ledger.split(items, func(node string) string { return r.engine.turns.ahead(r, node) })
}

// claim marks items as running before their first call, so that a crash can
// tell what may have been begun. It reports false when the marks could not be
// stored, or the batch takes no more items.
func (r *run) claim(chunk []Item) bool {
	if r.pace.stopped() != nil {
		return false
	}
	now := r.engine.now()
	for i := range chunk {
		chunk[i].Attempts, chunk[i].StartedAt = attemptsOf(chunk[i]), &now
		chunk[i].State = store.ItemRunning
	}
	return r.save(chunk)
}

// attemptsOf counts an item that an earlier process had marked as running as
// tried once: it may have been.
func attemptsOf(it Item) int {
	if it.State == store.ItemRunning {
		return max(1, it.Attempts)
	}
	return it.Attempts
}

// release returns claimed items that were not begun. Those that an earlier
// process may have begun keep their mark.
func (r *run) release(chunk []Item) {
	for i := range chunk {
		if chunk[i].Attempts == 0 {
			chunk[i].State, chunk[i].StartedAt = store.ItemPending, nil
		}
	}
	r.save(chunk)
}

// stored leaves the nodes of items that are stored in a final state to other batches,
// and tells whoever follows this one.
func (r *run) stored(ended []Item) {
	r.leases.release(ended)
	r.engine.turns.leave(r, ended)
	r.engine.capacity.leave(r.batch.Cluster, ended)
	counts := r.ledger.sum()
	done, total := Done(counts), max(1, r.batch.Total)
	tenths := 10 * done / total
	if tenths > 10*(done-len(ended))/total && tenths < 10 {
		r.log.Info("Batch progress", "done", done, "of", r.batch.Total, "failed", counts.Failed)
	}
	r.changed()
}

// lose notes a failed node, and stops the run when there are too many. A drain
// goes on with the nodes that it has begun; see drainHost.Begin.
func (r *run) lose() {
	failed := r.ledger.lose()
	if !r.define.Drains && r.pace.rollout.exceeded(failed, r.batch.Total) {
		r.pace.stop(errFailures)
	}
}

// reading returns a context for reads of the cluster's nodes.
func (r *run) reading() (context.Context, context.CancelFunc) {
	reader := services.Actor{Name: r.batch.By, Role: services.RoleViewer}
	return context.WithTimeout(services.WithActor(r.pace.calls, reader), 10*time.Second)
}

// inventory returns the cluster's nodes when the order of the waves depends on
// them; none when they cannot be read.
func (r *run) inventory() node.Inventory {
	if r.pace.rollout.Order == "" {
		return node.Inventory{}
	}
	ctx, cancel := r.reading()
	defer cancel()
	inventory, err := r.engine.nodes.All(ctx, r.batch.Cluster, false)
	if err != nil {
		r.log.Warn("Zones and pools cannot be read", "error", err)
	}
	return inventory
}
