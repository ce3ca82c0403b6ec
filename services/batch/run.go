package batch

import (
	"cmp"
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
	id     string // of the batch
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

	behind *kube.Converging // nodes that the control plane has yet to follow

	ended chan Item     // items in a final state, on their way to the store
	done  chan struct{} // closed when the batch's end is stored

	mu      sync.Mutex
	batch   Batch
	counts  Counts          // of the stored rows
	lost    int             // failed nodes, those included that are not stored yet
	active  map[int]string  // nodes at work, by the item's number
	waiting map[int]string  // nodes that wait for their turn, or for a budget
	waited  map[int]bool    // items whose nodes another batch had first
	ahead   map[string]bool // batches that are waited for
	failed  []Item          // the first FailedShown
	refused *services.Error // why the rest was not tried, when the cluster refused one
	tenths  int             // of the items that the log has told of

	rollout  Rollout
	asks     *services.Error // see View.Asks; set before the run is launched
	approved bool            // a person has resumed the batch in this process
	settled  map[int]bool    // items that are stored in a final state
	counted  chan struct{}   // receives after an item was
	gate     *Gate           // between two waves
	goOn     chan struct{}   // receives when a person ends a timed gate
	slots    chan struct{}   // has room for as many nodes as may be at work; nil for no limit

	paused   bool
	nudge    chan struct{}     // receives after paused has changed
	turn     chan struct{}     // receives when another batch has left a node
	progress map[int]DrainNode // of a drain's nodes that have not ended
	evicted  int               // pods, from nodes that have
}

func (e *Engine) newRun(ctx context.Context, b Batch, definition operation.Definition) (*run, error) {
	client, err := e.clusters.Client(b.Cluster)
	if err != nil {
		return nil, err
	}
	op, err := e.operationOf(ctx, b, definition)
	if err != nil {
		return nil, err
	}
	rollout, err := decodeRollout(b.Rollout)
	if err != nil {
		return nil, err
	}
	if b.StartedAt == nil {
		now := e.now()
		b.StartedAt = &now
	}
	r := &run{
		id: b.ID, engine: e, op: op, define: definition, client: client,
		log:    e.log.With("batch", b.ID, "cluster", b.Cluster, "operation", b.Operation),
		behind: kube.NewConverging(), ended: make(chan Item, 2*claimSize), done: make(chan struct{}),
		batch: b, active: map[int]string{}, waiting: map[int]string{}, waited: map[int]bool{},
		paused: b.Paused, nudge: make(chan struct{}, 1), turn: make(chan struct{}, 1), progress: map[int]DrainNode{},
		rollout: rollout, settled: map[int]bool{}, counted: make(chan struct{}, 1), goOn: make(chan struct{}, 1),
	}
	if rollout.Parallel > 0 {
		r.slots = make(chan struct{}, rollout.Parallel)
	}
	r.take, r.stopTake = context.WithCancelCause(e.base)
	r.calls, r.stopCall = context.WithCancel(e.base)
	return r, nil
}

// ring wakes who waits at a bell with room for one: whoever comes later finds
// that it has rung.
func ring(bell chan<- struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
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
	r.roll(items)
	close(r.ended)
	<-recorded
	r.converge()
	r.finish()
	r.engine.turns.leave(r, items)
}

// roll works through the items, wave by wave.
func (r *run) roll(items []Item) {
	waves := r.waves(items)
	c, together := r.op.(operation.Conductor)
	if together {
		r.recall()
	}
	for i, w := range waves {
		switch {
		case len(w.items) == 0:
		case together:
			r.conduct(c, w.items)
		default:
			r.dispatch(w.items)
		}
		if i == len(waves)-1 || r.take.Err() != nil || r.pass(w) != nil {
			return
		}
	}
}

// dispatch begins item after item, as many at once as the cluster takes, and
// returns when the last one has ended. Nodes that other batches have first come
// when their turn does.
func (r *run) dispatch(items []Item) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		free, held := r.mine(items)
		for chunk := range slices.Chunk(free, cmp.Or(r.rollout.Parallel, claimSize)) {
			if r.take.Err() != nil || !r.claim(chunk) {
				return
			}
			for i, it := range chunk {
				if r.place() != nil {
					r.release(chunk[i:])
					return
				}
				workers.Go(func() {
					r.work(it)
					r.vacate()
				})
			}
		}
		if items = held; len(items) == 0 || r.awaitTurn() != nil {
			return
		}
	}
}

// place waits until one more item may be begun: the batch is not paused, and
// neither the rollout nor the cluster's load forbids it.
func (r *run) place() error {
	if err := r.waitWhilePaused(); err != nil {
		return err
	}
	if r.slots != nil {
		select {
		case r.slots <- struct{}{}:
		case <-r.take.Done():
			return context.Cause(r.take)
		}
	}
	return r.client.Limiter().Acquire(r.take)
}

// vacate gives a place of the rollout back; the item has given the cluster's.
func (r *run) vacate() {
	if r.slots != nil {
		<-r.slots
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
			r.engine.turns.leave(r, items)
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
		r.settled[it.Seq] = true
	}
	done, counts := Done(r.counts), r.counts
	tenths := 10 * done / max(1, r.batch.Total)
	tell := tenths > r.tenths && tenths < 10
	r.tenths = max(tenths, r.tenths)
	tooMany := r.tooMany()
	r.mu.Unlock()
	if tooMany {
		r.stop(errFailures)
	}
	ring(r.counted)
	if tell {
		r.log.Info("Batch progress", "done", done, "of", r.batch.Total, "failed", counts.Failed)
	}
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
}
