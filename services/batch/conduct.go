package batch

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"kube-node-manager/services/change"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
	"kube-node-manager/services/trace"
)

// Drain is what a View says of a running drain.
type Drain struct {
	Left        int         `json:"podsLeft"`
	Evicted     int         `json:"podsEvicted"`
	Terminating int         `json:"podsTerminating"`
	Blocked     int         `json:"podsBlocked"`
	Completing  int         `json:"podsCompleting"`  // are waited for until they have completed
	Restarting  int         `json:"podsRestarting"`  // leave when their Deployment is restarted
	Nodes       []DrainNode `json:"nodes,omitempty"` // not ended, those that wait for a budget first; at most DrainShown
}

// DrainNode is one node of a running drain.
type DrainNode struct {
	Node string `json:"node"`
	drain.Progress
}

// DrainShown is how many nodes a Drain carries.
const DrainShown = 50

// conduct has the operation work on all items together, or on as many at a time as the
// limits of the cluster allow.
func (r *run) conduct(c operation.Conductor, items []Item) {
	for len(items) > 0 {
		n, err := r.admit(items)
		if err != nil {
			return
		}
		r.conductPart(c, items[:n])
		items = items[n:]
	}
}

func (r *run) conductPart(c operation.Conductor, items []Item) {
	if r.awaitAll(items) != nil {
		return
	}
	r.announce(items)
	for chunk := range slices.Chunk(items, claimSize) {
		if !r.claim(chunk) {
			return
		}
	}
	host := &drainHost{run: r, items: make(map[int]Item, len(items)), spans: make(map[int]trace.Span, len(items))}
	targets := make([]operation.NumberedTarget, len(items))
	for i, it := range items {
		host.items[it.Seq], host.spans[it.Seq] = it, r.traceItem(it)
		targets[i] = operation.NumberedTarget{
			Target: targetOf(it), Seq: it.Seq,
			Evicted: stateOf(it.After).EvictedPods, Restarted: stateOf(it.After).Restarted,
		}
	}
	host.all = maps.Clone(host.items)
	conduct := func() error {
		return c.Conduct(r.pace.take, r.span.In(r.pace.calls), r.client, host, targets)
	}
	err := conduct()
	for kube.FaultOf(err).Away && r.awaitServer(err) { // it has failed before it has begun
		err = conduct()
	}
	if err == nil {
		return
	}
	outcome := drain.Outcome{Err: err}
	if stopped := r.pace.stopped(); stopped != nil {
		outcome = drain.Outcome{Cancelled: true, Err: stopped} // it was cut short, whatever the call said
	}
	for _, seq := range slices.Sorted(maps.Keys(host.items)) {
		host.End(seq, outcome)
	}
}

// awaitAll waits until no other batch has any of the nodes: what this one does
// to the first depends on the last. Then those that were waited for are planned
// again.
func (r *run) awaitAll(items []Item) error {
	for {
		_, held := r.mine(items)
		if len(held) == 0 {
			break
		}
		if err := r.pace.awaitTurn(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(items, func(it Item) bool { return r.ledger.hadToWait(it.Seq) }) {
		r.replan(items)
	}
	return nil
}

// replan plans the nodes again that another batch had first.
func (r *run) replan(items []Item) {
	ctx, cancel := r.reading()
	defer cancel()
	inventory, err := r.engine.nodes.All(ctx, r.batch.Cluster, true)
	if err != nil {
		r.log.Warn("Nodes that another batch had first cannot be read again", "error", err)
		return
	}
	for i, it := range items {
		n := inventory.Find(it.Node)
		if n != nil && n.UID == it.UID && r.ledger.hadToWait(it.Seq) {
			plan := r.op.Plan(n)
			items[i].Before, items[i].After = &plan.Before, &plan.After
		}
	}
}

// recall adds up what was evicted from nodes that have ended before this run.
func (r *run) recall() {
	items, err := r.engine.store.Items(r.pace.calls, r.batch.ID)
	if err != nil {
		r.log.Warn("Earlier evictions cannot be read", "error", err)
		return
	}
	r.ledger.recall(items)
}

// drainHost is the run as a drain sees it. Its methods are called by one
// goroutine, but for Take, Context and AwaitServer.
type drainHost struct {
	run   *run
	items map[int]Item // that have not ended
	all   map[int]Item // is not changed
	spans map[int]trace.Span
}

// Take is drain.Host's.
func (h *drainHost) Take(seq int) error { return h.run.leases.take(h.all[seq]) }

// Context is drain.Host's.
func (h *drainHost) Context(ctx context.Context, seq int) context.Context {
	return h.spans[seq].In(ctx)
}

// AwaitServer is drain.Host's.
func (h *drainHost) AwaitServer(failed error) (back bool, err error) {
	if h.run.awaitServer(failed) {
		return true, nil
	}
	if h.run.server.isHopeless() {
		return false, failed
	}
	return false, nil
}

// Lost is drain.Host's.
func (h *drainHost) Lost(seq int) error { return h.run.leases.lost(h.all[seq]) }

// Begin is drain.Host's. When too many nodes have failed, those in progress continue, and
// no other is begun.
func (h *drainHost) Begin(seq, active int) (bool, error) {
	failed := h.run.ledger.failures()
	if h.run.pace.rollout.exceeded(failed, h.run.batch.Total) {
		return false, drain.Stopped(failed)
	}
	return h.run.pace.admits(seq, active), nil
}

// Progress is drain.Host's. What was evicted so far is stored with the item: it
// must not be lost with the process.
func (h *drainHost) Progress(seq int, p drain.Progress) {
	it := h.items[seq]
	known := stateOf(it.After)
	if p.Asked > known.EvictedPods || len(p.Restarted) > len(known.Restarted) {
		noted := it
		noted.After = withPods(it.After, drain.Outcome{Evicted: p.Asked, Restarted: p.Restarted})
		if h.run.ledger.note(noted) {
			h.items[seq] = noted
		}
	}
	h.run.ledger.progress(it, p)
	h.run.tellProgress(it, p)
	h.run.reportProgress(it, p)
	h.run.changed()
}

// End is drain.Host's.
func (h *drainHost) End(seq int, o drain.Outcome) {
	r := h.run
	it := h.items[seq]
	defer func() { endItemTrace(h.spans[seq], it) }()
	delete(h.items, seq)
	after := withPods(it.After, o)
	if o.Cancelled && !errors.Is(r.pace.stopped(), errCancelled) {
		// The program stops, or the cluster refused another node: the end of the
		// batch says what becomes of this one.
		it.After = after
		r.say(it, noticeOfItem(r.batch, it))
		r.ledger.end(it)
		return
	}
	now := r.engine.now()
	it.Attempts++
	it.EndedAt = &now
	it.Unknown = o.Err != nil // its cordon, and what was evicted, stand
	r.behind.Note(it.Node, "")
	h.judge(&it, o)
	it.After = after                     // also of a failed one: this much has happened
	r.say(it, noticeOfItem(r.batch, it)) // before it is stored: then another batch may have the node
	r.reportEnd(it)
	r.ledger.end(it)
}

// judge sets the state of an item by the outcome of its drain.
func (h *drainHost) judge(it *Item, o drain.Outcome) {
	switch {
	case o.Err == nil:
		it.State = store.ItemSucceeded
	case o.Cancelled:
		it.State, it.Error = store.ItemCancelled, h.run.leases.leaseText(it.Node)
	case o.Aside:
		h.run.fail(it, o.Err)
		it.State = store.ItemSkipped
	default:
		h.run.fail(it, o.Err)
		h.run.lose()
	}
}

// Cordoned is drain.Host's. The drain may take an hour; the cordons show now,
// and the taints that follow them as they come.
func (h *drainHost) Cordoned() {
	cordoned := kube.NewConverging()
	for _, it := range h.items {
		cordoned.Note(it.Node, "")
	}
	h.run.engine.refresh(h.run.batch.Cluster)
	h.run.engine.after.followNodes(h.run.batch.Cluster, h.run.client, cordoned)
}

// Paused is drain.Host's.
func (h *drainHost) Paused() bool { return h.run.pace.rests() }

// Nudge is drain.Host's.
func (h *drainHost) Nudge() <-chan struct{} { return h.run.pace.nudge }

// withPods notes what became of the pods beside what was planned for the node.
func withPods(after *change.State, o drain.Outcome) *change.State {
	s := stateOf(after)
	if o.Restored {
		lifted := false
		s.Unschedulable, s.Annotations = &lifted, nil
	}
	s.EvictedPods, s.SkippedPods, s.Restarted = o.Evicted, o.Skipped, o.Restarted
	return &s
}

// view sums up a running drain.
func (d drained) view() *Drain {
	v := &Drain{Evicted: d.evicted}
	for _, p := range d.progress {
		v.Left += p.Left
		v.Evicted += p.Evicted
		v.Terminating += p.Terminating
		v.Blocked += p.Blocked
		v.Completing += p.Completing
		v.Restarting += p.Restarting
		v.Nodes = append(v.Nodes, p)
	}
	slices.SortFunc(v.Nodes, func(a, b DrainNode) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(a.Node, b.Node))
	})
	v.Nodes = v.Nodes[:min(DrainShown, len(v.Nodes))]
	return v
}

// urgency puts first what somebody may have to do something about.
func urgency(n DrainNode) int {
	switch {
	case n.Blocked > 0:
		return 0
	case n.Completing+n.Restarting > 0 || n.Phase == drain.PhaseHeld:
		return 1
	case n.Phase == drain.PhaseQueued:
		return 3
	default:
		return 2
	}
}
