package batch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

const (
	// claimSize is how many items are marked as running in one transaction. A
	// crash leaves at most so many items of which it is not known whether they
	// were begun.
	claimSize = 64
	// cancelGrace is how long a call under way may go on after a cancel.
	cancelGrace = 500 * time.Millisecond
	// stopGrace is the same when the program stops.
	stopGrace = 5 * time.Second
)

// run is one batch at work. It lives from its launch until its end is stored.
type run struct {
	engine *Engine
	op     operation.Operation
	define operation.Definition
	client *kube.Client
	log    *slog.Logger
	// planned is the nodes as the batch was planned over them; empty after a
	// restart.
	planned node.Inventory

	// take ends when no more items are to be begun; its cause says why. calls
	// ends a grace later, and with it the calls under way.
	take     context.Context
	stopTake context.CancelCauseFunc
	calls    context.Context
	stopCall context.CancelFunc

	ended chan Item     // items in a final state, on their way to the store
	done  chan struct{} // closed when the batch's end is stored

	mu      sync.Mutex
	batch   Batch
	counts  Counts          // of the stored rows
	active  map[int]string  // nodes at work, by the item's number
	waiting map[int]string  // nodes that wait for their turn, or for a budget
	failed  []Item          // the first FailedShown
	refused *services.Error // why the rest was not tried, when the cluster refused one
	tenths  int             // of the items that the log has told of

	paused   bool
	nudge    chan struct{}     // receives after paused has changed
	progress map[int]DrainNode // of a drain's nodes that have not ended
	evicted  int               // pods, from nodes that have
}

func (e *Engine) newRun(b Batch, definition operation.Definition) (*run, error) {
	client, err := e.clusters.Client(b.Cluster)
	if err != nil {
		return nil, err
	}
	op, err := definition.New(b.Params, e.metaOf(b))
	if err != nil {
		return nil, err
	}
	if b.StartedAt == nil {
		now := e.now()
		b.StartedAt = &now
	}
	r := &run{
		engine: e, op: op, define: definition, client: client,
		log:   e.log.With("batch", b.ID, "cluster", b.Cluster, "operation", b.Operation),
		ended: make(chan Item, 2*claimSize), done: make(chan struct{}),
		batch: b, active: map[int]string{}, waiting: map[int]string{},
		paused: b.Paused, nudge: make(chan struct{}, 1), progress: map[int]DrainNode{},
	}
	r.take, r.stopTake = context.WithCancelCause(e.base)
	r.calls, r.stopCall = context.WithCancel(e.base)
	return r, nil
}

// stop makes the run take no more items. The first cause counts.
func (r *run) stop(cause error) {
	r.stopTake(cause)
	grace := cancelGrace
	if errors.Is(cause, errShutdown) {
		grace = stopGrace
	}
	time.AfterFunc(grace, r.stopCall)
}

// execute runs the items and then ends the batch, in the order that makes
// "done" mean "visible".
func (r *run) execute(items []Item) {
	defer r.stopCall()
	r.log.Info("Batch started", "nodes", r.batch.Total, "by", r.batch.By)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		r.record()
	}()
	if r.batch.CancelRequested {
		r.stop(errCancelled)
	}
	if c, together := r.op.(operation.Conductor); together {
		r.conduct(c, items)
	} else {
		r.dispatch(items)
	}
	close(r.ended)
	<-recorded
	r.finish()
}

// dispatch begins item after item, as many at once as the cluster takes, and
// returns when the last one has ended.
func (r *run) dispatch(items []Item) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for chunk := range slices.Chunk(items, claimSize) {
		if r.take.Err() != nil || !r.claim(chunk) {
			return
		}
		for i, it := range chunk {
			if r.waitWhilePaused() != nil || r.client.Limiter().Acquire(r.take) != nil {
				r.release(chunk[i:])
				return
			}
			workers.Go(func() { r.work(it) })
		}
	}
}

// claim marks items as running before their first call, so that a crash can
// tell what may have been begun. It reports whether that is stored.
func (r *run) claim(chunk []Item) bool {
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

// release gives claimed items back that were not begun. Those that an earlier
// process may have begun keep their mark.
func (r *run) release(chunk []Item) {
	for i := range chunk {
		if chunk[i].Attempts == 0 {
			chunk[i].State, chunk[i].StartedAt = store.ItemPending, nil
		}
	}
	r.save(chunk)
}

// save stores items, again and again until it works or the program stops: an
// item that is not stored must not count.
func (r *run) save(items []Item) bool {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := r.engine.store.UpdateItems(r.engine.base, r.batch.ID, items)
		if err == nil {
			return true
		}
		r.log.Error("Items cannot be stored; trying again", "error", err)
		select {
		case <-r.calls.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// record stores ended items, many in one transaction when they come fast, and
// counts them once they are stored.
func (r *run) record() {
	for first := range r.ended {
		items := append(make([]Item, 0, claimSize), first)
		for more := true; more && len(items) < cap(items); {
			select {
			case it, open := <-r.ended:
				if more = open; open {
					items = append(items, it)
				}
			default:
				more = false
			}
		}
		if r.save(items) {
			r.count(items)
		}
	}
}

// count takes stored items into the counts and tells the watcher and the log.
func (r *run) count(items []Item) {
	r.mu.Lock()
	for _, it := range items {
		r.counts.Pending--
		r.counts.Add(it.State, 1)
		if it.State == store.ItemFailed && len(r.failed) < FailedShown {
			r.failed = append(r.failed, it)
		}
		delete(r.active, it.Seq)
		delete(r.waiting, it.Seq)
		r.evicted += r.progress[it.Seq].Evicted
		delete(r.progress, it.Seq)
	}
	done, counts := Done(r.counts), r.counts
	tenths := 10 * done / max(1, r.batch.Total)
	tell := tenths > r.tenths && tenths < 10
	r.tenths = max(tenths, r.tenths)
	r.mu.Unlock()
	if tell {
		r.log.Info("Batch progress", "done", done, "of", r.batch.Total, "failed", counts.Failed)
	}
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
}
