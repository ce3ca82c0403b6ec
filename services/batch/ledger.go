package batch

import (
	"context"
	"maps"
	"slices"
	"sync"

	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// claimSize is how many items are stored in one transaction. A crash leaves at
// most so many items of which it is not known whether they were begun.
const claimSize = 64

// ledger keeps account of the items of a run: which nodes are at work, what has
// ended, and what of that is stored. Only what is stored counts.
type ledger struct {
	save   func(items []Item) bool // stores items; false when the run is cut off
	stored func(ended []Item)      // is told what is stored in a final state
	// entries are items on their way to the store: those in a final state, and others
	// of which something is noted.
	entries chan Item
	counted chan struct{} // receives after items were counted

	mu      sync.Mutex
	counts  Counts         // of the stored rows
	lost    int            // failed nodes, those included that are not stored yet
	failed  []Item         // the first FailedShown
	settled map[int]bool   // items that are stored in a final state
	active  map[int]string // nodes in progress, by the item's number
	queue   queue
	drained drained
}

// queue is the nodes of a run that wait.
type queue struct {
	nodes map[int]string  // that wait for their turn, or for a budget, by the item's number
	ever  map[int]bool    // items whose nodes another batch, or the holder of a lease, had first
	ahead map[string]bool // batches that are waited for
}

// drained is the account of a drain's pods.
type drained struct {
	progress map[int]DrainNode // of nodes that have not ended
	evicted  int               // pods, from nodes that have
}

func newLedger(save func([]Item) bool, stored func([]Item)) *ledger {
	return &ledger{
		save: save, stored: stored, entries: make(chan Item, 2*claimSize), counted: make(chan struct{}, 1),
		settled: map[int]bool{}, active: map[int]string{},
		queue:   queue{nodes: map[int]string{}, ever: map[int]bool{}, ahead: map[string]bool{}},
		drained: drained{progress: map[int]DrainNode{}},
	}
}

// open begins the account with what earlier processes have stored. What they had
// begun is still to be done.
func (l *ledger) open(counts Counts, failed []Item) {
	counts.Pending += counts.Running + counts.Waiting
	counts.Running, counts.Waiting = 0, 0
	l.counts, l.lost, l.failed = counts, counts.Failed, failed
}

// record stores entries, many in one transaction when they come fast, and counts
// those in a final state once they are stored. It ends when no more come.
func (l *ledger) record() {
	for first := range l.entries {
		items := append(make([]Item, 0, claimSize), first)
		for more := true; more && len(items) < cap(items); {
			select {
			case it, open := <-l.entries:
				more = open
				if open {
					items = append(items, it)
				}
			default:
				more = false
			}
		}
		if !l.save(items) {
			continue
		}
		ended := slices.DeleteFunc(items, func(it Item) bool { return !it.State.Ended() })
		if len(ended) > 0 {
			l.count(ended)
			l.stored(ended)
			signal(l.counted)
		}
	}
}

// note stores what is known of an item that has not ended, unless the store is
// behind. It reports whether it will be stored.
func (l *ledger) note(it Item) bool {
	select {
	case l.entries <- it:
		return true
	default:
		return false
	}
}

// end stores an item in a final state.
func (l *ledger) end(it Item) { l.entries <- it }

// count takes stored items into the counts.
func (l *ledger) count(ended []Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range ended {
		l.counts.Pending--
		l.counts.Add(it.State, 1)
		if it.State == store.ItemFailed && len(l.failed) < FailedShown {
			l.failed = append(l.failed, it)
		}
		delete(l.active, it.Seq)
		delete(l.queue.nodes, it.Seq)
		l.drained.evicted += stateOf(it.After).EvictedPods
		delete(l.drained.progress, it.Seq)
		l.settled[it.Seq] = true
	}
}

// settle waits until items are stored in a final state and counted, or ctx ends.
func (l *ledger) settle(ctx context.Context, items []Item) error {
	for {
		l.mu.Lock()
		open := slices.ContainsFunc(items, func(it Item) bool { return !l.settled[it.Seq] })
		l.mu.Unlock()
		if !open {
			return nil
		}
		select {
		case <-l.counted:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hasSettled reports whether an item is stored in a final state.
func (l *ledger) hasSettled(seq int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settled[seq]
}

// sum returns the counts of the stored rows.
func (l *ledger) sum() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// replace sets the counts to what was read from the store at the end. Nodes that were
// given up in the middle are not at work any more, and wait for nothing.
func (l *ledger) replace(counts Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = counts
	clear(l.active)
	clear(l.queue.nodes)
	clear(l.queue.ahead)
}

// lose counts a failed node before it is stored, so that no node is begun beyond
// the limit of failures meanwhile. It returns how many have failed.
func (l *ledger) lose() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost++
	return max(l.counts.Failed, l.lost)
}

// failures returns how many nodes have failed, those included that are not stored
// yet.
func (l *ledger) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.counts.Failed, l.lost)
}

// begin notes that work on a node has begun.
func (l *ledger) begin(it Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active[it.Seq] = it.Node
}

// split separates the items whose nodes are free for this batch from those that
// wait for another; ahead returns the batch that has a node first, "" for none.
func (l *ledger) split(items []Item, ahead func(node string) string) (free, held []Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batches := map[string]bool{}
	for _, it := range items {
		id := ahead(it.Node)
		if id == "" {
			free = append(free, it)
			delete(l.queue.nodes, it.Seq)
			continue
		}
		held = append(held, it)
		batches[id] = true
		l.queue.nodes[it.Seq] = it.Node
		l.queue.ever[it.Seq] = true
	}
	l.queue.ahead = batches
	return free, held
}

// wait notes that the nodes of items are not free for the batch.
func (l *ledger) wait(items []Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		l.queue.nodes[it.Seq] = it.Node
		l.queue.ever[it.Seq] = true
	}
}

// hadToWait reports whether somebody else had the item's node first: it may have
// changed since it was planned.
func (l *ledger) hadToWait(seq int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.ever[seq]
}

// progress notes how the drain of a node is getting on.
func (l *ledger) progress(it Item, p drain.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drained.progress[it.Seq] = DrainNode{Node: it.Node, Progress: p}
	switch p.Phase {
	case drain.PhaseQueued, drain.PhaseBlocked, drain.PhaseCompleting, drain.PhaseHeld:
		delete(l.active, it.Seq)
		l.queue.nodes[it.Seq] = it.Node
	default:
		delete(l.queue.nodes, it.Seq)
		l.active[it.Seq] = it.Node
	}
}

// recall adds up what earlier processes evicted from nodes that have ended.
func (l *ledger) recall(items []Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		if it.State.Ended() {
			l.drained.evicted += stateOf(it.After).EvictedPods
		}
	}
}

// fill completes a View with the account.
func (l *ledger) fill(v *View, drains bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.Counts.Pending -= len(l.active) + len(l.queue.nodes)
	v.Counts.Running, v.Counts.Waiting = len(l.active), len(l.queue.nodes)
	v.WaitsFor = slices.Sorted(maps.Keys(l.queue.ahead))
	v.Failed = slices.Clone(l.failed)
	for _, seq := range slices.Sorted(maps.Keys(l.active)) {
		if len(v.Running) == shownActive {
			break
		}
		v.Running = append(v.Running, l.active[seq])
	}
	if drains {
		v.Drain = l.drained.view()
	}
}
