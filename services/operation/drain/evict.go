package drain

import (
	"context"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

const (
	firstRetry = time.Second
	// longRetry is the longest wait between two tries; a budget that allows more
	// is noticed at once.
	longRetry = 30 * time.Second
	// podTries is how often an eviction that fails for now is tried. A budget's
	// refusal is none of these: it is waited for.
	podTries = 12
	// refusedTries is the same for an eviction that the account may not ask for. The API
	// server may not be ready; else it would be asked in vain for minutes.
	refusedTries = 6
)

// triesOf returns how often an eviction is tried that fails with this error.
func triesOf(err error) int {
	if services.CodeOf(err) == services.CodeForbidden {
		return refusedTries
	}
	return podTries
}

// evictSome begins the evictions that can be begun now. Pods of a higher order wait until
// those of the lowest are gone.
func (d *conductor) evictSome(n *nodeState) {
	if d.halted() {
		return
	}
	volumes := false // one pod with volumes at a time: they are detached one by one
	for _, p := range n.pods {
		volumes = volumes || p.Volumes && (p.phase == podEvicting || p.phase == podTerminating)
	}
	first := n.firstOrder()
	for _, p := range n.inOrder() {
		if p.phase != podTodo && p.phase != podBlocked || p.Order > first || p.Volumes && volumes {
			continue
		}
		if !d.allowed(p) {
			continue
		}
		if !d.evict(n, p) {
			return
		}
		volumes = volumes || p.Volumes
	}
}

// allowed reports whether a pod's eviction makes sense now. A pod whose budget
// is used up becomes blocked without a call.
func (d *conductor) allowed(p *podState) bool {
	guards := d.guards.of(p.pod)
	if len(guards) != 1 || ignores(p.pod) || guards[0].free(p.pod) {
		return d.isDue(p)
	}
	g, used := guards[0], d.budget(guards[0].key())
	left := int(g.Status.DisruptionsAllowed)
	if used.version == g.ResourceVersion {
		left -= used.spent
	}
	if left-used.flying > 0 && used.flying < perBudget {
		// The budget refused with the very status that seems to allow it: its
		// controller is behind, so the timer decides.
		if p.phase == podBlocked && p.refused == g.ResourceVersion {
			return d.isDue(p)
		}
		return true
	}
	if p.phase == podTodo {
		p.enter(podBlocked, d.now)
		wait := kube.NewBackoff(longRetry, longRetry)
		p.next = d.now.Add(wait.Step())
	}
	// Our view may be wrong; the server is asked now and then all the same.
	return used.flying == 0 && d.isDue(p)
}

func (d *conductor) isDue(p *podState) bool {
	if d.now.Before(p.next) {
		d.due(p.next)
		return false
	}
	return true
}

func (d *conductor) budget(key string) *budgetState {
	b, ok := d.budgets[key]
	if !ok {
		b = &budgetState{}
		d.budgets[key] = b
	}
	return b
}

// evict begins one eviction. It reports false when no more calls can be made.
func (d *conductor) evict(n *nodeState, p *podState) bool {
	var outcome kube.Eviction
	used := &budgetState{} // of a pod without a budget: nobody's
	if p.Budget != "" {
		used = d.budget(p.Budget)
	}
	version, grace := d.versionOf(p), d.world.options.grace()
	namespace, name, uid := p.Namespace, p.Name, p.UID // the pod's state belongs to this goroutine
	begun := d.callFor(n, func(ctx context.Context) (err error) {
		outcome, err = d.cluster.EvictPod(ctx, namespace, name, uid, grace)
		return err
	}, func(err error) {
		used.flying--
		d.evictedOrNot(n, p, outcome, err, version)
	})
	if begun {
		used.flying++
		p.enter(podEvicting, d.now)
	}
	return begun
}

// versionOf returns the resource version of the pod's one budget.
func (d *conductor) versionOf(p *podState) string {
	if guards := d.guards.of(p.pod); len(guards) == 1 {
		return guards[0].ResourceVersion
	}
	return ""
}

// evictedOrNot takes in the answer to an eviction.
func (d *conductor) evictedOrNot(n *nodeState, p *podState, outcome kube.Eviction, err error, version string) {
	if n.phase == phaseEnded {
		return
	}
	switch {
	case outcome == kube.Evicted && err == nil:
		p.ours, p.tries = true, 0
		p.enter(podTerminating, d.now)
		d.spend(p, version)
	case outcome == kube.Gone && err == nil:
		p.enter(podTerminating, d.now) // the watch will show it
	case outcome == kube.Blocked:
		p.refuse(podBlocked, d.now, version, 5*time.Second)
		p.message, _ = services.AsError(err).Args["Message"].(string)
	case outcome == kube.NamespaceEnding:
		p.refuse(podBlocked, d.now, version, 5*time.Second)
		p.message = ""
	case outcome == kube.TooManyBudgets:
		p.enter(podStuck, d.now)
		n.broken = services.Wrap(err, services.CodeConflict, "error_pod_two_budgets", "Pod", p.key())
	case d.take.Err() != nil:
		p.enter(podTodo, d.now)
	case d.again(err, p.tries+1 < triesOf(err)):
		p.refuse(podTodo, d.now, "", firstRetry)
		p.failed = err
		p.next = later(p.next, d.now.Add(kube.FaultOf(err).After))
	default:
		p.enter(podStuck, d.now)
		n.broken = err
		if services.CodeOf(err) == services.CodeForbidden {
			d.fail(n, err)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refuse notes that a pod could not be evicted and when to try again.
func (p *podState) refuse(to podPhase, now time.Time, version string, first time.Duration) {
	p.enter(to, now)
	if p.tries == 0 {
		p.wait = kube.NewBackoff(first, longRetry)
	}
	p.refused, p.next = version, now.Add(p.wait.Step())
	p.tries++
}

// spend notes a disruption that the budget's status does not show yet.
func (d *conductor) spend(p *podState, version string) {
	if p.Budget == "" || version == "" {
		return
	}
	used := d.budget(p.Budget)
	if used.version != version {
		used.version, used.spent = version, 0
	}
	used.spent++
}
