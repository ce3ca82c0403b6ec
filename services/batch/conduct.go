package batch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// Drain is what a View says of a drain at work.
type Drain struct {
	Left        int         `json:"podsLeft"`
	Evicted     int         `json:"podsEvicted"`
	Terminating int         `json:"podsTerminating"`
	Blocked     int         `json:"podsBlocked"`
	Nodes       []DrainNode `json:"nodes,omitempty"` // not ended, those that wait for a budget first; at most DrainShown
}

// DrainNode is one node of a drain at work.
type DrainNode struct {
	Node string `json:"node"`
	drain.Progress
}

// DrainShown is how many nodes a Drain carries.
const DrainShown = 50

// conduct lets the operation work on all items together.
func (r *run) conduct(c operation.Conductor, items []Item) {
	if r.awaitAll(items) != nil {
		return
	}
	for chunk := range slices.Chunk(items, claimSize) {
		if r.take.Err() != nil || !r.claim(chunk) {
			return
		}
	}
	inventory := r.look()
	targets := make([]operation.NumberedTarget, 0, len(items))
	host := &drainHost{run: r, items: make(map[int]Item, len(items))}
	for _, it := range items {
		target, err := targetOf(it)
		if err != nil {
			host.items[it.Seq] = it
			host.End(it.Seq, drain.Outcome{Err: err})
			continue
		}
		host.items[it.Seq] = it
		targets = append(targets, operation.NumberedTarget{Target: target, Seq: it.Seq, Zone: zoneOf(inventory.Find(it.Node)), Evicted: stateOf(it.After).EvictedPods})
	}
	if err := c.Conduct(r.take, r.calls, r.client, host, targets); err != nil {
		for _, seq := range slices.Sorted(maps.Keys(host.items)) {
			host.End(seq, drain.Outcome{Err: err})
		}
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
		if err := r.awaitTurn(); err != nil {
			return err
		}
	}
	if len(r.waited) == 0 {
		return nil
	}
	ctx, cancel := r.reading()
	defer cancel()
	inventory, err := r.engine.nodes.All(ctx, r.batch.Cluster, true)
	if err != nil {
		r.log.Warn("Nodes that another batch had first cannot be read again", "error", err)
		return nil
	}
	for i, it := range items {
		if n := inventory.Find(it.Node); r.waited[it.Seq] && n != nil && n.UID == it.UID {
			plan := r.op.Plan(n)
			items[i].Before, items[i].After = encode(plan.Before, it.Before), encode(plan.After, it.After)
		}
	}
	return nil
}

// reading gives a context for reads of the cluster's nodes.
func (r *run) reading() (context.Context, context.CancelFunc) {
	reader := services.Actor{Name: r.batch.By, Role: services.RoleViewer}
	return context.WithTimeout(services.WithActor(r.calls, reader), 10*time.Second)
}

// look gives the cluster's nodes; none when they cannot be read.
func (r *run) look() node.Inventory {
	ctx, cancel := r.reading()
	defer cancel()
	inventory, err := r.engine.nodes.All(ctx, r.batch.Cluster, false)
	if err != nil {
		r.log.Warn("Zones cannot be read", "error", err)
	}
	return inventory
}

// zoneOf gives a node's zone; a drain by zone begins with those that have none.
func zoneOf(n *node.Node) string {
	if n == nil {
		return ""
	}
	return n.Zone
}

// drainHost is the run as a drain sees it. Its methods are called by one
// goroutine.
type drainHost struct {
	run   *run
	items map[int]Item // that have not ended
}

// Progress is drain.Host's.
func (h *drainHost) Progress(seq int, p drain.Progress) {
	r := h.run
	r.mu.Lock()
	it := h.items[seq]
	r.progress[seq] = DrainNode{Node: it.Node, Progress: p}
	if p.Phase == drain.PhaseQueued || p.Phase == drain.PhaseBlocked {
		delete(r.active, seq)
		r.waiting[seq] = it.Node
	} else {
		delete(r.waiting, seq)
		r.active[seq] = it.Node
	}
	r.mu.Unlock()
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
}

// End is drain.Host's.
func (h *drainHost) End(seq int, o drain.Outcome) {
	r := h.run
	it := h.items[seq]
	delete(h.items, seq)
	cause := context.Cause(r.take)
	after := withPods(it.After, o)
	if o.Cancelled && !errors.Is(cause, errCancelled) {
		// The program stops, or the cluster refused another node: the end of the
		// batch says what becomes of this one.
		it.After = after
		r.save([]Item{it})
		return
	}
	now := r.engine.now()
	it.Attempts++
	it.EndedAt = &now
	r.behind.Note(it.Node, "")
	it.Unknown = o.Err != nil // its cordon, and what was evicted, stand
	switch {
	case o.Err == nil:
		it.State = store.ItemSucceeded
	case o.Cancelled:
		it.State = store.ItemCancelled
	case o.Aside:
		r.fail(&it, o.Err)
		it.State = store.ItemSkipped
	default:
		r.fail(&it, o.Err)
	}
	it.After = after // also of a failed one: this much has happened
	r.ended <- it
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

// recall adds up what was evicted from nodes that have ended before this run.
func (r *run) recall() {
	items, err := r.engine.store.Items(r.calls, r.batch.ID)
	if err != nil {
		r.log.Warn("Earlier evictions cannot be read", "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range items {
		if it.State.Ended() {
			r.evicted += stateOf(it.After).EvictedPods
		}
	}
}

// stateOf reads an item's state; one that says nothing gives the zero State.
func stateOf(raw json.RawMessage) operation.State {
	var s operation.State
	_ = json.Unmarshal(raw, &s)
	return s
}

// withPods notes what became of the pods beside what was planned for the node.
func withPods(after json.RawMessage, o drain.Outcome) json.RawMessage {
	s := stateOf(after)
	if o.Restored {
		lifted := false
		s.Unschedulable, s.Annotations = &lifted, nil
	}
	s.EvictedPods, s.SkippedPods = o.Evicted, o.Skipped
	return encode(s, after)
}

// Paused is drain.Host's.
func (h *drainHost) Paused() bool { return h.run.isPaused() }

// Nudge is drain.Host's.
func (h *drainHost) Nudge() <-chan struct{} { return h.run.nudge }

// drainView sums up a drain at work; r.mu is held.
func (r *run) drainView() *Drain {
	if _, ok := r.op.(operation.Conductor); !ok {
		return nil
	}
	d := &Drain{Evicted: r.evicted}
	for _, p := range r.progress {
		d.Left += p.Left
		d.Evicted += p.Evicted
		d.Terminating += p.Terminating
		d.Blocked += p.Blocked
		d.Nodes = append(d.Nodes, p)
	}
	slices.SortFunc(d.Nodes, func(a, b DrainNode) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(a.Node, b.Node))
	})
	d.Nodes = d.Nodes[:min(DrainShown, len(d.Nodes))]
	return d
}

// urgency puts first what somebody may have to do something about.
func urgency(n DrainNode) int {
	switch {
	case n.Blocked > 0:
		return 0
	case n.Phase == drain.PhaseQueued:
		return 2
	default:
		return 1
	}
}
