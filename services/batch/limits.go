package batch

import (
	"context"
	"sync"
	"time"

	"kube-node-manager/services"
)

// Limits bound what one person, and all of them in one cluster, can make the
// engine hold at once. They are far above what anybody needs who works by hand.
type Limits struct {
	// PlansPerCluster and PlansPerActor are how many plans are made at once: one of
	// a drain reads every pod of the cluster.
	PlansPerCluster, PlansPerActor int
	// PlanWait is how long a request waits for its turn to plan.
	PlanWait time.Duration
	// OpenPerCluster and OpenPerActor are how many batches may be open at once,
	// NodesPerActor how many nodes those of one person may have in all. Requests
	// that are planned at the same moment may pass them together.
	OpenPerCluster, OpenPerActor, NodesPerActor int
}

// defaultLimits are those of an engine whose options name none.
func defaultLimits() Limits {
	return Limits{
		PlansPerCluster: 8, PlansPerActor: 3, PlanWait: 10 * time.Second,
		OpenPerCluster: 200, OpenPerActor: 100, NodesPerActor: 20 * MaxNodes,
	}
}

// planning counts the plans that are being made, by cluster and by actor.
type planning struct {
	limits Limits
	mu     sync.Mutex
	counts map[any]int   // clusters by name, actors by id
	left   chan struct{} // closed, and made anew, when a plan is done
}

func newPlanning(l Limits) *planning {
	return &planning{limits: l, counts: map[any]int{}, left: make(chan struct{})}
}

// enter waits until there is room for another plan. leave makes that room free
// again.
//
// Errors: CodeThrottled when there is none in time.
func (p *planning) enter(ctx context.Context, cluster string, actor int64) (leave func(), err error) {
	wait := time.NewTimer(p.limits.PlanWait)
	defer wait.Stop()
	for {
		left, refusal := p.try(cluster, actor)
		if refusal == nil {
			return sync.OnceFunc(func() { p.leave(cluster, actor) }), nil
		}
		select {
		case <-left:
		case <-wait.C:
			return nil, refusal
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try takes room when there is some; else it says why not, and returns what is
// closed when it is worth another try.
func (p *planning) try(cluster string, actor int64) (left <-chan struct{}, refusal error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.counts[actor] >= p.limits.PlansPerActor:
		return p.left, busy("error_plans_actor", p.limits.PlansPerActor)
	case p.counts[cluster] >= p.limits.PlansPerCluster:
		return p.left, busy("error_plans_cluster", p.limits.PlansPerCluster, "Cluster", cluster)
	}
	p.counts[actor]++
	p.counts[cluster]++
	return nil, nil
}

func (p *planning) leave(cluster string, actor int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range []any{cluster, actor} {
		p.counts[key]--
		if p.counts[key] == 0 {
			delete(p.counts, key)
		}
	}
	close(p.left)
	p.left = make(chan struct{})
}

// busySeconds is how long a client should wait after a refusal.
const busySeconds = 10

func busy(text string, most int, args ...any) *services.Error {
	return services.NewError(services.CodeThrottled, text, append(args, "Max", most, "Seconds", busySeconds)...)
}

// roomFor refuses a batch when too many are open; others is how many of its actor are
// about to be.
func (e *Engine) roomFor(b Batch, others int) error {
	inCluster, ofActor, nodes := 0, others, b.Total
	for _, v := range e.Running(services.Scope{All: true}) {
		if v.Cluster == b.Cluster {
			inCluster++
		}
		if v.ActorID == b.ActorID {
			ofActor++
			nodes += v.Total
		}
	}
	l := e.options.Limits
	switch {
	case ofActor >= l.OpenPerActor:
		return busy("error_open_actor", l.OpenPerActor)
	case nodes > l.NodesPerActor:
		return busy("error_open_nodes", l.NodesPerActor)
	case inCluster >= l.OpenPerCluster:
		return busy("error_open_cluster", l.OpenPerCluster, "Cluster", b.Cluster)
	default:
		return nil
	}
}
