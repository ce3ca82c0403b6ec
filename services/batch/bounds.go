package batch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"kube-node-manager/services"
)

const (
	// maxKey is the length of an idempotency key, in bytes.
	maxKey = 128
	// plansPerCluster is how many plans of one cluster are made at once, and
	// plansPerActor how many for one person: a plan of a large drain reads every
	// pod and budget of its cluster.
	plansPerCluster = 4
	plansPerActor   = 2
	// planWait is how long a request waits for its turn to be planned.
	planWait = 10 * time.Second
	// openPerCluster and openPerActor are how many batches may be at work at once.
	// They keep their nodes in memory.
	openPerCluster = 100
	openPerActor   = 50
)

// planning bounds how many plans are made at once.
type planning struct {
	mu       sync.Mutex
	clusters map[string]*semaphore.Weighted
	actors   map[int64]*semaphore.Weighted
}

func newPlanning() *planning {
	return &planning{clusters: map[string]*semaphore.Weighted{}, actors: map[int64]*semaphore.Weighted{}}
}

// begin waits for a turn to plan over the cluster; done gives it back. The
// cluster and the actor must exist, since each keeps an entry.
//
// Errors: CodeThrottled when there is none in time.
func (p *planning) begin(ctx context.Context, cluster string) (done func(), err error) {
	actor := services.ActorFrom(ctx).ID
	p.mu.Lock()
	ofActor := turnsOf(p.actors, actor, plansPerActor)
	ofCluster := turnsOf(p.clusters, cluster, plansPerCluster)
	p.mu.Unlock()
	waiting, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	// The actor's turn comes first: who waits for it takes nothing from others.
	if err := acquire(waiting, ctx, ofActor, "error_planning_actor"); err != nil {
		return nil, err
	}
	if err := acquire(waiting, ctx, ofCluster, "error_planning_cluster"); err != nil {
		ofActor.Release(1)
		return nil, err
	}
	return func() {
		ofCluster.Release(1)
		ofActor.Release(1)
	}, nil
}

func turnsOf[K comparable](all map[K]*semaphore.Weighted, key K, most int64) *semaphore.Weighted {
	s, ok := all[key]
	if !ok {
		s = semaphore.NewWeighted(most)
		all[key] = s
	}
	return s
}

func acquire(waiting, request context.Context, turns *semaphore.Weighted, text string) error {
	if turns.Acquire(waiting, 1) == nil {
		return nil
	}
	if request.Err() != nil {
		return context.Cause(request)
	}
	return services.Errorf(services.CodeThrottled, text, "Seconds", int(planWait/time.Second))
}

// roomFor refuses another batch while too many are at work.
//
// Errors: CodeThrottled.
func (e *Engine) roomFor(b Batch) error {
	ofCluster, ofActor := 0, 0
	e.mu.Lock()
	for _, r := range e.runs {
		if r.batch.Cluster == b.Cluster {
			ofCluster++
		}
		if r.batch.ActorID == b.ActorID {
			ofActor++
		}
	}
	e.mu.Unlock()
	const retryAfter = 30 // seconds
	switch {
	case ofCluster >= openPerCluster:
		return services.Errorf(services.CodeThrottled, "error_open_cluster", "Max", openPerCluster, "Seconds", retryAfter)
	case ofActor >= openPerActor:
		return services.Errorf(services.CodeThrottled, "error_open_actor", "Max", openPerActor, "Seconds", retryAfter)
	default:
		return nil
	}
}
