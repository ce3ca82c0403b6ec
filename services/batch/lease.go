package batch

import (
	"errors"
	"sync"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// takeLeases takes the leases of nodes that are about to be worked on. It returns the items
// whose nodes are ours, and those that wait for somebody else. Items that fail end.
func (r *run) takeLeases(items []Item) (ready, held []Item) {
	if r.leases.namespace == "" {
		return items, nil
	}
	errs := make([]error, len(items))
	places := make(chan struct{}, leaseCalls)
	var work sync.WaitGroup
	for i, it := range items {
		places <- struct{}{}
		work.Go(func() {
			errs[i] = r.takeLease(it)
			<-places
		})
	}
	work.Wait()
	for i, it := range items {
		_, waits := errors.AsType[*drain.HeldError](errs[i])
		switch {
		case errs[i] == nil:
			ready = append(ready, it)
		case waits || r.pace.stopped() != nil:
			held = append(held, it)
		default:
			r.failUnbegun(it, errs[i])
		}
	}
	r.ledger.wait(held)
	return ready, held
}

// takeLease takes the lease of a node, again and again while the cluster has no time for it.
func (r *run) takeLease(it Item) error {
	wait := kube.NewBackoff(firstWait, longWait)
	for tries := 1; ; tries++ {
		if err := r.client.Limiter().Acquire(r.pace.take); err != nil {
			return err
		}
		began := time.Now()
		err := r.leases.take(it)
		fault := kube.FaultOf(err)
		r.client.Limiter().Release(time.Since(began), fault)
		if !fault.Retry || tries == maxTries || kube.Sleep(r.pace.take, max(fault.After, wait.Step())) != nil {
			return err
		}
	}
}

// failUnbegun ends an item on whose node nothing was done.
func (r *run) failUnbegun(it Item, err error) {
	now := r.engine.now()
	it.EndedAt = &now
	r.fail(&it, err)
	if it.State == store.ItemFailed {
		r.lose()
	}
	r.reportEnd(it)
	r.ledger.end(it)
}

// awaitAgain returns when nodes may be free that were not: another batch may have left one,
// or somebody else its lease. leased says that some wait for a lease.
func (r *run) awaitAgain(leased bool) error {
	if !leased {
		return r.pace.awaitTurn()
	}
	again := time.NewTimer(r.leases.lasts / leaseLooks)
	defer again.Stop()
	r.changed()
	select {
	case <-again.C:
		return nil
	case <-r.pace.turn:
		return nil
	case <-r.pace.take.Done():
		return r.pace.stopped()
	}
}

// leaseText says for whose lease a node has waited; nil for none.
func (l *leases) leaseText(node string) *store.Text {
	w := l.waitOf(node)
	if w == nil {
		return nil
	}
	return &store.Text{ID: "error_lease_held", Args: services.Args("Holder", w.Holder, "Until", written(w.Until))}
}
