package batch

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services/kube"
)

const (
	// aftermathLimit is how long after a batch its cluster is followed at most.
	aftermathLimit = 5 * time.Minute
	// refreshPause is the shortest time between two clearings of a cluster's cache
	// in its aftermath, so that a thousand nodes do not cause a thousand lists.
	refreshPause = time.Second
)

// podPauses returns when a cluster is read again after a batch that made pods
// leave: they end, and others start in their place, in the seconds that follow.
func podPauses() []time.Duration {
	return []time.Duration{2 * time.Second, 6 * time.Second, 12 * time.Second, 40 * time.Second}
}

// aftermath keeps the tables right after batches have ended: it clears a
// cluster's cache again, and tells its pages, when the control plane reconciles
// what a batch has written later than the batch could wait for. A cluster has at
// most one goroutine for its nodes and one for its pods.
type aftermath struct {
	refresh func(cluster string) // clears the cluster's cache and tells its pages

	mu      sync.Mutex
	stopped bool
	ctx     context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup
	nodes   map[string]*nodeAftermath // by cluster
	pods    map[string]context.CancelFunc
	// silent are clusters whose control plane has reconciled nothing for as long as
	// a batch waits. Later batches do not wait for it.
	silent map[string]bool
}

// nodeAftermath is what is still awaited of one cluster's nodes.
type nodeAftermath struct {
	set    *kube.Converging
	client *kube.Client
	until  time.Time
	again  context.CancelFunc // makes the goroutine begin anew with what the set holds now
}

func newAftermath(ctx context.Context, refresh func(cluster string)) *aftermath {
	ctx, stop := context.WithCancel(ctx)
	return &aftermath{
		refresh: refresh, ctx: ctx, stop: stop,
		nodes: map[string]*nodeAftermath{}, pods: map[string]context.CancelFunc{}, silent: map[string]bool{},
	}
}

// end stops all work and waits for it.
func (a *aftermath) end() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.stop()
	a.work.Wait()
}

// setSilent notes whether the control plane of a cluster reconciles nothing.
func (a *aftermath) setSilent(cluster string, silent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if silent {
		a.silent[cluster] = true
	} else {
		delete(a.silent, cluster)
	}
}

func (a *aftermath) isSilent(cluster string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.silent[cluster]
}

// followNodes waits in the background for the nodes of the set.
func (a *aftermath) followNodes(cluster string, client *kube.Client, set *kube.Converging) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped || set.Len() == 0 {
		return
	}
	n, running := a.nodes[cluster]
	if !running {
		n = &nodeAftermath{set: kube.NewConverging(), again: func() {}}
		a.nodes[cluster] = n
	}
	n.set.Take(set)
	n.client, n.until = client, time.Now().Add(aftermathLimit)
	n.again()
	if !running {
		a.work.Go(func() { a.watchNodes(cluster, n) })
	}
}

// watchNodes follows one cluster's nodes until all have converged or the time
// is over, and refreshes the cluster as they do.
func (a *aftermath) watchNodes(cluster string, n *nodeAftermath) {
	changed := make(chan struct{}, 1)
	refreshed := make(chan struct{})
	go func() {
		defer close(refreshed)
		a.refreshOften(cluster, changed)
	}()
	for a.round(cluster, n, func() { signal(changed) }) {
	}
	close(changed)
	<-refreshed
}

// round follows the set as it is now. It reports whether there is to be another
// round; when there is not, the cluster's aftermath is over.
func (a *aftermath) round(cluster string, n *nodeAftermath, progressed func()) bool {
	a.mu.Lock()
	if a.ctx.Err() != nil || n.set.Len() == 0 || !time.Now().Before(n.until) {
		delete(a.nodes, cluster)
		a.mu.Unlock()
		return false
	}
	ctx, cancel := context.WithDeadline(a.ctx, n.until)
	client := n.client
	n.again = cancel
	a.mu.Unlock()
	defer cancel()
	n.set.Follow(ctx, client, func() {
		a.setSilent(cluster, false)
		progressed()
	})
	return true
}

// refreshOften refreshes the cluster after each change, but not more often than
// once in refreshPause, and once more at the end if there is anything left.
func (a *aftermath) refreshOften(cluster string, changed <-chan struct{}) {
	for range changed {
		a.refresh(cluster)
		select {
		case <-a.ctx.Done():
		case <-time.After(refreshPause):
		}
	}
}

// followPods refreshes the cluster several times in the next seconds. A later
// batch begins the series anew.
func (a *aftermath) followPods(cluster string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	if earlier, running := a.pods[cluster]; running {
		earlier()
	}
	ctx, cancel := context.WithCancel(a.ctx)
	a.pods[cluster] = cancel
	a.work.Go(func() {
		defer cancel()
		for _, pause := range podPauses() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
				a.refresh(cluster)
			}
		}
	})
}
