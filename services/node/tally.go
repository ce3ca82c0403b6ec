package node

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// tally is the sum of what the pods on each node of a cluster request. It keeps a few
// numbers of each pod, so that it can follow their changes. It is safe for concurrent use.
type tally struct {
	version string    // resource version of the list that it began with
	listed  time.Time // when that list began

	mu      sync.Mutex
	pods    map[types.UID]request // of the pods that count
	sums    map[string]Usage      // by node name
	changed bool                  // since the last news
}

// request is what a pod requests of a node.
type request struct {
	node  string
	usage Usage
}

func newTally(listed time.Time) *tally {
	return &tally{listed: listed, pods: map[types.UID]request{}, sums: map[string]Usage{}}
}

// set counts a pod as it is now, or no longer if it is deleted.
func (t *tally) set(p *corev1.Pod, deleted bool) {
	usage, counts := usageOf(p)
	now := request{p.Spec.NodeName, usage}
	t.mu.Lock()
	defer t.mu.Unlock()
	before, counted := t.pods[p.UID]
	counts = counts && !deleted
	if counts == counted && (!counts || now == before) {
		return
	}
	t.changed = true
	if counted {
		t.remove(p.UID, before)
	}
	if counts {
		t.pods[p.UID] = now
		t.sums[now.node] = t.sums[now.node].plus(now.usage)
	}
}

// remove removes a pod that counts. t.mu must be held.
func (t *tally) remove(uid types.UID, r request) {
	delete(t.pods, uid)
	t.sums[r.node] = t.sums[r.node].minus(r.usage)
	if t.sums[r.node] == (Usage{}) {
		delete(t.sums, r.node)
	}
}

// usage returns the sums, by node name.
func (t *tally) usage() map[string]Usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.sums)
}

// news returns the sums if they may have changed since the last call.
func (t *tally) news() (sums map[string]Usage, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed, t.changed = t.changed, false
	if !changed {
		return nil, false
	}
	return maps.Clone(t.sums), true
}

// tallies are the tallies of the clusters whose pods are followed. The zero value has
// none. It is safe for concurrent use.
type tallies struct {
	mu    sync.Mutex
	boxes map[string]chan *tally // by cluster: where its next tally is awaited
	live  map[string]*tally      // by cluster: kept up to date by a watch
}

// await returns the channel that gets the tallies of a cluster that are listed from now
// on, until stop is called. It holds the newest one only.
func (a *tallies) await(cluster string) (box <-chan *tally, stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.boxes == nil {
		a.boxes, a.live = map[string]chan *tally{}, map[string]*tally{}
	}
	own := make(chan *tally, 1)
	a.boxes[cluster] = own
	return own, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.boxes[cluster] == own {
			delete(a.boxes, cluster)
		}
	}
}

// offer hands a new tally to who awaits it. It never blocks.
func (a *tallies) offer(cluster string, t *tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.boxes[cluster]
	if box == nil {
		return
	}
	select {
	case <-box: // an older one
	default:
	}
	box <- t
}

// follow makes t the followed tally of a cluster, until stop is called.
func (a *tallies) follow(cluster string, t *tally) (stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.live[cluster] = t
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.live[cluster] == t {
			delete(a.live, cluster)
		}
	}
}

// followed returns the tally of a cluster that a watch keeps up to date, or nil.
func (a *tallies) followed(cluster string) *tally {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.live[cluster]
}
