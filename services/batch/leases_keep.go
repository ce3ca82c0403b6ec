package batch

import (
	"maps"
	"slices"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// renew renews all leases from time to time, until the run ends.
func (l *leases) renew() {
	every := time.NewTicker(l.lasts / leaseRenewals)
	defer every.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.quit:
			return
		case <-every.C:
			l.each(l.names(), l.renewOne)
		}
	}
}

// names returns the nodes that have been taken, or may have been.
func (l *leases) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.nodes))
}

// each calls fn for the nodes, several at a time.
func (l *leases) each(names []string, fn func(name string, n *nodeLease)) {
	var work sync.WaitGroup
	places := make(chan struct{}, leaseCalls)
	for _, name := range names {
		l.mu.Lock()
		n := l.nodes[name]
		l.mu.Unlock()
		places <- struct{}{}
		work.Go(func() {
			fn(name, n)
			<-places
		})
	}
	work.Wait()
}

// ended reports whether leases are renewed no more.
func (l *leases) ended() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// renewOne renews the lease of a node. If somebody else has it by now, it is theirs.
func (l *leases) renewOne(name string, n *nodeLease) {
	n.Lock()
	defer n.Unlock()
	if !n.held || l.ended() {
		return
	}
	found, taken, err := l.request(l.ctx, name, n)
	switch {
	case err != nil:
		l.run.log.Warn("The lease of a node cannot be renewed", "node", name, "error", err)
	case !taken:
		n.held, n.lost = false, &LeaseWait{Node: name, Holder: found.Holder, Until: found.Until}
		l.run.log.Warn("Somebody else has taken the lease of a node", "node", name, "holder", found.Holder)
	}
}

// lost returns an error if somebody else has taken the lease of a node while the run worked
// on it.
func (l *leases) lost(it Item) error {
	if l.namespace == "" {
		return nil
	}
	n := l.of(it)
	if !n.TryLock() { // it is being written
		return nil
	}
	defer n.Unlock()
	if n.lost == nil {
		return nil
	}
	return services.NewError(services.CodeConflict, "error_lease_lost", "Holder", n.lost.Holder)
}

// release gives up the leases of nodes whose items have ended, in the background.
func (l *leases) release(items []Item) {
	if l.namespace == "" {
		return
	}
	names := nodesOf(items)
	for _, it := range items {
		l.of(it)
		l.setWait(it.Node, nil)
	}
	l.work.Go(func() { l.each(names, l.releaseOne) })
}

func (l *leases) releaseOne(name string, n *nodeLease) {
	n.Lock()
	defer n.Unlock()
	if !n.held && !n.maybe {
		return
	}
	n.held, n.maybe = false, false
	err := l.run.client.ReleaseLease(l.ctx, l.namespace, name, kube.LeaseHolder(l.run.batch.ID))
	if err != nil {
		l.run.log.Warn("The lease of a node is not released: it expires", "node", name, "error", err)
	}
}

// end gives up all leases, unless the run is to be resumed: then they expire.
func (l *leases) end(keep bool) {
	close(l.quit)
	late := time.AfterFunc(leasesEnd, l.stop)
	if !keep && l.namespace != "" {
		l.each(l.names(), l.releaseOne)
	}
	l.work.Wait()
	late.Stop()
	l.stop()
}
