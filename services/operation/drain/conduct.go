package drain

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services/kube"
)

const (
	// settle is how long after its cordon a node's pods are looked at for the
	// last time: the scheduler may have bound one on what it knew before.
	settle = 5 * time.Second
	// maxCalls bounds the calls that a drain has asked the limiter for.
	maxCalls = 64
	// perBudget bounds the evictions under way for one budget: the API server
	// retries conflicts on a budget's status itself, at 10 s and a seat each.
	perBudget = 4
	// breath is the least time between two looks at everything, so that a
	// thousand ending pods are looked at together.
	breath = 20 * time.Millisecond
	// unreachableAfter is how long a node without a kubelet is waited for once
	// nothing but terminating pods is left on it.
	unreachableAfter = 30 * time.Second
)

// conductor drains the nodes of one batch. All its state belongs to the
// goroutine of run; calls are made by goroutines of their own, which hand back
// what to do with their result.
type conductor struct {
	cluster  Cluster
	host     Host
	world    world
	watch    *kube.Watch
	nodes    []*nodeState // in the order in which they are to be drained
	budgets  map[string]*budgetState
	restarts map[types.UID]*restart // by Deployment
	guards   budgets                // as of the present step
	now      time.Time
	next     time.Time // when to look again, at the latest
	begun    bool      // every node has been cordoned that will be
	answered time.Time // when the API server has last been heard of
	doubted  bool      // it is being asked whether it is there, or waited for

	calls   context.Context // ends a moment after ctx
	take    context.Context // ends when nothing more may be begun
	results chan func()
	flying  int
	changed chan struct{}
}

// Conduct cordons every target and then drains them, as many at a time as the
// options say. It returns when all have ended, or shortly after take has: then
// the calls under way are waited for, until calls ends too. The error is for
// what made the whole batch impossible.
func Conduct(take, calls context.Context, c Cluster, host Host, t Terms, targets []Target) error {
	uids, err := c.DaemonSets(take)
	if err != nil && kube.FaultOf(err).Retry {
		return err // any other error: they cannot be read, and no orphan is assumed
	}
	w, err := newWorld(t.Options, uids, c.Now())
	if err != nil {
		return err
	}
	d := &conductor{
		cluster: c, host: host, world: w, take: take, calls: calls,
		budgets: map[string]*budgetState{}, restarts: map[types.UID]*restart{},
		results: make(chan func(), maxCalls), changed: make(chan struct{}, 1),
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Node
		d.nodes = append(d.nodes, newNodeState(t))
	}
	d.watch, err = c.StartWatch(calls, kube.Watched{Nodes: names, Workloads: t.Options.RestartFirst}, d.wake)
	if err != nil {
		return err
	}
	defer d.watch.Stop()
	if err := d.world.use(t.Policies, d.annotations()); err != nil {
		return err
	}
	d.run()
	return nil
}

// annotations returns those of the nodes, by name.
func (d *conductor) annotations() map[string]map[string]string {
	found := map[string]map[string]string{}
	for _, n := range d.nodes {
		if seen := d.watch.Node(n.Node); seen != nil {
			found[n.Node] = seen.Annotations
		}
	}
	return found
}

// wake asks for another look; it never blocks.
func (d *conductor) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *conductor) run() {
	for {
		d.step()
		if d.take.Err() != nil {
			d.stopAll()
			return
		}
		if d.ended() {
			d.land()
			return
		}
		d.await()
	}
}

// await sleeps until something has happened or is due.
func (d *conductor) await() {
	timer := time.NewTimer(max(breath, time.Until(d.next)))
	defer timer.Stop()
	select {
	case <-d.take.Done():
		return
	case fn := <-d.results:
		d.accept(fn)
	case <-d.changed:
		d.answered = time.Now()
	case <-d.host.Nudge():
	case <-timer.C:
		return
	}
	time.Sleep(breath) // let what comes together be looked at together
	for {
		select {
		case fn := <-d.results:
			d.accept(fn)
		default:
			return
		}
	}
}

// accept takes in the result of one call.
func (d *conductor) accept(fn func()) {
	d.flying--
	d.now = time.Now()
	fn()
}

// call makes a call when the limiter allows it; then is run with its result by
// the goroutine of run. It reports false when too many are under way.
func (d *conductor) call(fn func(ctx context.Context) error, then func(err error)) bool {
	if d.flying >= maxCalls || d.take.Err() != nil {
		return false
	}
	d.flying++
	go func() {
		if err := d.cluster.Limiter().Acquire(d.take); err != nil {
			d.results <- func() { then(err) }
			return
		}
		began := time.Now()
		err := fn(d.calls)
		d.cluster.Limiter().Release(time.Since(began), kube.FaultOf(err))
		d.results <- func() {
			then(err) // first: its own error does not make its last try one that does not count
			d.heard(err)
		}
	}()
	return true
}

// callFor makes a call for a node.
func (d *conductor) callFor(n *nodeState, fn func(ctx context.Context) error, then func(err error)) bool {
	return d.call(func(ctx context.Context) error { return fn(d.host.Context(ctx, n.Seq)) }, then)
}

// land waits for the calls under way.
func (d *conductor) land() {
	for d.flying > 0 {
		d.accept(<-d.results)
	}
}

func (d *conductor) ended() bool {
	return !slices.ContainsFunc(d.nodes, func(n *nodeState) bool { return n.phase != phaseEnded })
}

// stopAll ends a drain that was cancelled or stopped: nothing more is begun, what is under
// way is waited for. Nodes are restored only where that was asked for.
func (d *conductor) stopAll() {
	d.land()
	for _, n := range d.nodes {
		if n.phase == phaseEnded {
			continue
		}
		o := Outcome{Cancelled: true, Err: context.Cause(d.take)}
		if d.world.options.Restore && n.Restore != nil && n.cordoned() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(d.calls), settle)
			o.Restored = n.Restore(ctx) == nil
			cancel()
		}
		d.end(n, o)
	}
}

// step looks at everything once and begins what can be begun.
func (d *conductor) step() {
	now := time.Now()
	if d.halted() && !d.now.IsZero() {
		for _, n := range d.nodes {
			n.deadline = n.deadline.Add(now.Sub(d.now)) // a pause costs no node its time
		}
	}
	d.now, d.next = now, now.Add(time.Second)
	d.listen()
	d.world.now = d.cluster.Now()
	list, known := d.watch.Budgets()
	d.guards = newBudgets(list, known)
	d.cordonAll()
	d.startNodes()
	for _, n := range d.nodes {
		switch n.phase {
		case phaseQueued: // only looked at, so that its pods count among those that are left
			if !d.lost(n) {
				d.survey(n)
			}
		case phaseDraining, phaseVerifying:
			d.attend(n)
		}
		if n.phase != phaseEnded {
			d.report(n)
		}
	}
}

// due asks for another look at t.
func (d *conductor) due(t time.Time) {
	if t.Before(d.next) {
		d.next = t
	}
}

// fail ends a node that could not be drained; its cordon is lifted first if that
// was asked for.
func (d *conductor) fail(n *nodeState, err error) {
	outcome := Outcome{Err: err}
	if !d.world.options.Restore || n.Restore == nil || !n.cordoned() {
		d.end(n, outcome)
		return
	}
	n.phase = phaseRestoring
	if !d.callFor(n, n.Restore, func(restoreErr error) {
		outcome.Restored = restoreErr == nil
		if !errors.Is(restoreErr, ErrForeign) {
			outcome.Err = errors.Join(err, restoreErr)
		}
		d.end(n, outcome)
	}) {
		d.end(n, outcome)
	}
}

func (d *conductor) end(n *nodeState, o Outcome) {
	n.phase = phaseEnded
	o.Evicted, o.Skipped, o.Restarted = n.asked(), n.skipped, slices.Sorted(maps.Keys(n.restarted))
	d.host.End(n.Seq, o)
}

// report tells of a node when anything about it is new.
func (d *conductor) report(n *nodeState) {
	p := d.progress(n)
	if p.equal(n.told) {
		return
	}
	n.told = p
	d.host.Progress(n.Seq, p)
}
