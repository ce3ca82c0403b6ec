package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// Clusters returns the client of a cluster, or a CodeNotFound error.
type Clusters interface {
	Client(cluster string) (*kube.Client, error)
}

// Nodes reads the nodes that a batch is planned over.
type Nodes interface {
	All(ctx context.Context, cluster string, fresh bool) (node.Inventory, error)
	Usage(ctx context.Context, cluster string) (map[string]node.Usage, error)
	Elsewhere(ctx context.Context, cluster string, q node.ElsewhereQuery) node.Elsewhere
}

// Rules returns what holds for all batches of a cluster.
type Rules interface {
	Of(ctx context.Context, cluster string) (rule.Rules, error)
}

// Cache is what the engine clears.
type Cache interface {
	InvalidateCluster(cluster string)
}

// Watcher is told what happens. Its methods are called in the middle of the
// work and must never block; a Watcher that falls behind drops what it missed
// and reads the present state with View.
type Watcher interface {
	// BatchChanged: the batch's View has changed.
	BatchChanged(cluster, id string)
	// NodesChanged: the cluster's cache was cleared.
	NodesChanged(cluster string)
	// BatchEnded: the batch is in a final state. It is the last call for a batch,
	// and comes after NodesChanged.
	BatchEnded(cluster, id string, operation string, state store.State, counts Counts)
}

// Options are the engine's settings.
type Options struct {
	SyncLimit int           // a batch of at most so many nodes may end within its request ...
	SyncWait  time.Duration // ... when it does so within this time
	Protect   operation.Protection
	Resume    bool   // continue interrupted batches at start, where the operation allows it
	Limits    Limits // zero for the usual ones
	Reach     ReachLimit
	ActAs     ActAs
	// HealthEvery is how often the health of a cluster is checked while a batch waits for
	// it; 0 for 5 s.
	HealthEvery time.Duration
	// LeaseFor is how long the lease of a node is valid, unless it is renewed; 0 for 10 min.
	LeaseFor time.Duration
	// OutageFor is how long a batch waits for an API server that does not answer; 0 for 10 min.
	OutageFor time.Duration
	// Words returns a text in English, for the events of a cluster; nil uses its ID.
	Words func(store.Text) string
}

// MaxNodes is how many nodes one batch may have.
const MaxNodes = 10_000

// Engine runs batches. Its methods may be called from any goroutine.
type Engine struct {
	store     *store.Store
	accounts  Accounts
	clusters  Clusters
	nodes     Nodes
	rules     Rules
	metrics   Metrics
	templates operation.Templates
	cache     Cache
	watcher   Watcher
	log       *slog.Logger
	options   Options
	now       func() time.Time
	changed   chan struct{} // receives after AccessChanged

	base     context.Context // of all runs; is never cancelled
	halt     context.Context // ends when the program stops
	halted   context.CancelFunc
	turns    *turns
	after    *aftermath
	notices  *notices
	events   *events
	rights   *rights
	planning *planning
	capacity *capacity

	mu      sync.Mutex
	runs    map[string]*run
	running sync.WaitGroup
}

// Dependencies are what an Engine works with.
type Dependencies struct {
	Store     *store.Store
	Accounts  Accounts
	Clusters  Clusters
	Nodes     Nodes
	Rules     Rules
	Metrics   Metrics // nil asks nobody
	Templates operation.Templates
	Cache     Cache
	Watcher   Watcher
	Log       *slog.Logger
	Now       func() time.Time // nil for the time of the machine
}

// New returns an engine that runs nothing yet.
func New(d Dependencies, o Options) *Engine {
	if o.Limits == (Limits{}) {
		o.Limits = defaultLimits()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	e := &Engine{
		store: d.Store, accounts: d.Accounts, clusters: d.Clusters, nodes: d.Nodes, rules: d.Rules, metrics: d.Metrics,
		templates: d.Templates, cache: d.Cache, watcher: d.Watcher, log: d.Log, options: o, now: d.Now,
		base: context.Background(), changed: make(chan struct{}, 1), runs: map[string]*run{}, turns: newTurns(),
		planning: newPlanning(o.Limits), capacity: newCapacity(),
	}
	e.halt, e.halted = context.WithCancel(e.base)
	e.after = newAftermath(e.base, e.refresh)
	e.rights = newRights(e.now)
	e.notices = newNotices(e.base, e.log, e.mayTell)
	e.events = newEvents(e.base, e.log, e.mayRecord)
	return e
}

// refresh makes every reader of the cluster read it anew, and tells its pages.
func (e *Engine) refresh(cluster string) {
	e.cache.InvalidateCluster(cluster)
	e.watcher.NodesChanged(cluster)
}

// Why a run takes no more items; a refusal of the cluster and a heldError are others.
var (
	errShutdown  = errors.New("the program is stopping")
	errCancelled = errors.New("cancelled by a person")
	errFailures  = errors.New("too many nodes have failed")
)

// Start takes up what an earlier process left: a batch whose cancel was asked
// for ends, one that may be continued is continued, and any other waits as
// interrupted for a person. The values of ctx are those of every run's context.
func (e *Engine) Start(ctx context.Context) error {
	e.base = context.WithoutCancel(ctx)
	open, err := e.store.OpenBatches(ctx)
	if err != nil {
		return fmt.Errorf("read unfinished batches: %w", err)
	}
	for _, b := range open {
		if err := e.takeUp(ctx, b); err != nil {
			return fmt.Errorf("take up batch %s: %w", b.ID, err)
		}
	}
	return nil
}

// takeUp continues one batch of an earlier process, or marks it as interrupted.
func (e *Engine) takeUp(ctx context.Context, b Batch) error {
	if begins := b.Schedule != nil && b.StartedAt == nil; begins && !b.CancelRequested {
		return nil // it is held, and waits for somebody to start it
	}
	rests, err := e.restsNow(ctx, b)
	if err != nil {
		return err
	}
	if rests {
		return e.leaveScheduled(ctx, b, e.now())
	}
	goOn, err := e.mayTakeUp(ctx, &b, operation.TraitsOf(b.Operation))
	if err != nil {
		return err
	}
	if goOn {
		err := e.resume(ctx, b, nil)
		if err == nil {
			e.log.Info("Batch resumed after a restart", "batch", b.ID, "cluster", b.Cluster, "operation", b.Operation)
			return nil
		}
		e.log.Warn("Batch cannot be resumed", "batch", b.ID, "cluster", b.Cluster, "error", err)
	}
	if b.Held != "" {
		e.log.Warn("Batch waits: it is not continued in the name of its user",
			"batch", b.ID, "cluster", b.Cluster, "user", b.By, "why", string(b.Held))
	}
	return e.leaveInterrupted(ctx, b)
}

// mayTakeUp reports whether a batch continues by itself. If it must not continue in
// the name of its user, b.Held says why.
func (e *Engine) mayTakeUp(ctx context.Context, b *Batch, traits operation.Traits) (bool, error) {
	counts, err := e.store.CountItems(ctx, b.ID)
	if err != nil {
		return false, err
	}
	b.Held, err = e.hold(ctx, *b, sponsorOf(*b))
	if err != nil {
		return false, err
	}
	if b.CancelRequested || Done(counts[b.ID]) == b.Total {
		return true, nil // nothing is left to do but to store its end
	}
	return b.Held == "" && e.options.Resume && !traits.Long && !b.Paused, nil
}

func (e *Engine) leaveInterrupted(ctx context.Context, b Batch) error {
	b.State = store.StateInterrupted
	return e.store.SetBatch(ctx, b)
}

// resume launches a run over the items of b that have not ended. by is the person who
// wants it, nil for none: with one the canary has passed, if all its nodes have ended.
func (e *Engine) resume(ctx context.Context, b Batch, by *services.Actor) error {
	t, err := e.taskOf(ctx, b)
	if err != nil {
		return err
	}
	items, err := e.store.OpenItems(ctx, b.ID)
	if err != nil {
		return err
	}
	b.State, b.Held = store.StateRunning, ""
	s := sponsorOf(b)
	if by != nil {
		s = sponsor{id: by.ID, role: by.In(b.Cluster).Role, since: e.now()}
	}
	r, err := e.newRun(b, t, s)
	if err != nil {
		return err
	}
	if by != nil && b.Total-len(items) >= r.pace.rollout.Canary {
		r.pace.rollout.Canary = 0
	}
	if by != nil && !by.In(b.Cluster).May(services.PermitForce) {
		r.pace.rollout.Exceed = false
	}
	r.asks = t.asks(b.Cluster, nodesOf(items))
	if err := e.store.SetBatch(ctx, r.batch); err != nil {
		return err
	}
	return e.launch(ctx, r, items)
}

// launch starts a run in the background.
func (e *Engine) launch(ctx context.Context, r *run, items []Item) error {
	counts, err := e.store.CountItems(ctx, r.batch.ID)
	if err != nil {
		return err
	}
	failed, err := e.store.FailedItems(ctx, r.batch.ID, FailedShown)
	if err != nil {
		return err
	}
	r.ledger.open(counts[r.batch.ID], failed)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.halt.Err() != nil {
		return services.NewError(services.CodeUnavailable, "error_stopping")
	}
	if _, twice := e.runs[r.batch.ID]; twice {
		return services.NewError(services.CodeConflict, "error_batch_running")
	}
	e.runs[r.batch.ID] = r
	if !r.define.Beside {
		e.turns.join(r, items)
	}
	r.beginTrace(ctx)
	e.running.Go(func() { r.execute(items) })
	return nil
}

// forget takes a run that has ended off the list.
func (e *Engine) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, id)
}

func (e *Engine) find(id string) *run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs[id]
}

// Stop takes no more items, lets the calls under way end, and leaves every
// unfinished batch as interrupted. It waits until all is stored, or ctx ends.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.halted()
	for _, r := range e.runs {
		r.pace.stop(errShutdown)
	}
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.running.Wait()
		e.after.end()
		e.notices.end()
		e.events.end()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for running batches: %w", ctx.Err())
	}
}
