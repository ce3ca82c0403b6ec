package batch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation/drain"
)

const (
	// leaseFor is how long a lease is valid, and leaseRenewals how often it is renewed in
	// that time. If the program is killed, others wait for so long.
	leaseFor      = 10 * time.Minute
	leaseRenewals = 3
	// leaseLooks is how many times in that time a lease is looked at that somebody else has.
	leaseLooks = 60
	// leaseCalls is how many leases of a batch are written at the same time.
	leaseCalls = 8
	// leasesEnd is how long the end of a batch waits for the release of its leases.
	leasesEnd = 10 * time.Second
)

// LeaseWait is a node that a batch does not work on because somebody else has its lease.
type LeaseWait struct {
	Node   string    `json:"node"`
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"` // when it expires, unless it is renewed
	Since  time.Time `json:"since"` // since when the batch waits
}

// LeasesShown is how many such nodes a View names.
const LeasesShown = 50

// leases holds a lease on each node that a run works on, if the rules of the cluster want
// it.
type leases struct {
	run       *run
	namespace string // "" to hold none
	lasts     time.Duration
	ctx       context.Context // of calls in nobody's name, also when no more items are begun
	stop      context.CancelFunc
	quit      chan struct{} // closed when leases are renewed no more
	work      sync.WaitGroup
	renewing  sync.Once

	mu    sync.Mutex
	nodes map[string]*nodeLease
	waits map[string]LeaseWait
}

// nodeLease is the lease of one node. Its lock is held while it is written.
type nodeLease struct {
	sync.Mutex
	uid   string
	held  bool
	maybe bool       // an earlier process, or a call whose outcome is not known, may have taken it
	lost  *LeaseWait // who has taken it from us
}

func (e *Engine) newLeases(r *run) *leases {
	l := &leases{
		run: r, lasts: cmp.Or(e.options.LeaseFor, leaseFor), nodes: map[string]*nodeLease{},
		waits: map[string]LeaseWait{}, quit: make(chan struct{}),
	}
	l.ctx, l.stop = context.WithCancel(e.base)
	if r.rules.Lease.Hold && disturbs(r.define) {
		l.namespace = r.rules.Lease.Namespace
	}
	return l
}

// recall notes the nodes whose leases an earlier process may have held.
func (l *leases) recall(items []Item) {
	if l.namespace == "" {
		return
	}
	for _, it := range items {
		if it.StartedAt != nil {
			l.of(it).maybe = true
		}
	}
}

// of returns the lease of the node of an item.
func (l *leases) of(it Item) *nodeLease {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.nodes[it.Node]
	if n == nil {
		n = &nodeLease{uid: it.UID}
		l.nodes[it.Node] = n
	}
	return n
}

// take takes the lease of an item's node. The error is a drain.HeldError if somebody else
// has it.
func (l *leases) take(it Item) error {
	if l.namespace == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	defer context.AfterFunc(l.run.pace.take, cancel)()
	n := l.of(it)
	n.Lock()
	defer n.Unlock()
	found, taken, err := l.request(ctx, it.Node, n)
	n.maybe = n.maybe || kube.FaultOf(err).Unknown
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return nil // there is no such node, which the operation says itself
	case err != nil:
		return err
	case !taken:
		return l.wait(it, found)
	}
	n.held = true
	l.setWait(it.Node, nil)
	l.renewing.Do(func() { l.work.Go(l.renew) })
	return nil
}

// request takes or renews a lease.
func (l *leases) request(ctx context.Context, node string, n *nodeLease) (kube.WorkLease, bool, error) {
	return l.run.client.TakeLease(ctx, kube.LeaseRequest{
		Namespace: l.namespace, Node: node, UID: n.uid, Holder: kube.LeaseHolder(l.run.batch.ID), For: l.lasts,
		Ours: func(holder string) bool { return l.run.engine.holds(ctx, holder) },
	}, time.Now())
}

// holds reports whether the holder of a lease is a batch of this installation. Batches take
// turns on a node, so no other one is at work there: it was interrupted.
func (e *Engine) holds(ctx context.Context, holder string) bool {
	id, own := kube.BatchOfHolder(holder)
	if !own {
		return false
	}
	_, err := e.store.Batch(ctx, id)
	return err == nil
}

// wait notes that a node waits for the holder of its lease.
func (l *leases) wait(it Item, found kube.WorkLease) error {
	w := LeaseWait{Node: it.Node, Holder: found.Holder, Until: found.Until, Since: time.Now()}
	l.setWait(it.Node, &w)
	l.run.reportOnce(it, "lease", eventBlocked, fmt.Sprintf(
		"%s waits for the lease of the node: %s holds it until %s", l.run.batch.Operation, w.Holder, written(w.Until)))
	return &drain.HeldError{Holder: w.Holder, Until: w.Until, Again: l.lasts / leaseLooks}
}

// setWait sets what a node waits for; nil for nothing.
func (l *leases) setWait(node string, w *LeaseWait) {
	l.mu.Lock()
	old, waited := l.waits[node]
	if w == nil {
		delete(l.waits, node)
	} else {
		if waited {
			w.Since = old.Since
		}
		l.waits[node] = *w
	}
	l.mu.Unlock()
	if waited != (w != nil) || w != nil && (old.Holder != w.Holder || !old.Until.Equal(w.Until)) {
		l.run.changed()
	}
}

// waiting returns the nodes that wait for the leases of others.
func (l *leases) waiting() []LeaseWait {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.SortedFunc(maps.Values(l.waits), func(a, b LeaseWait) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Node, b.Node))
	})
	return all[:min(LeasesShown, len(all))]
}

// waitOf returns what a node waits for, nil for nothing.
func (l *leases) waitOf(node string) *LeaseWait {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, waits := l.waits[node]
	if !waits {
		return nil
	}
	return &w
}

// correct corrects what the nodes of a drain said a moment ago: those whose leases were taken
// since are not held any more.
func (l *leases) correct(nodes []DrainNode) {
	for i, n := range nodes {
		if n.Phase == drain.PhaseHeld && l.waitOf(n.Node) == nil {
			nodes[i].Phase = drain.PhaseCordoning
		}
	}
}
