package drain

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

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
)

// attend looks after one node that is being drained.
func (d *conductor) attend(n *nodeState) {
	if d.lost(n) {
		return
	}
	d.survey(n)
	if n.phase == phaseVerifying {
		return
	}
	if timeout := d.world.options.timeout(); timeout > 0 {
		if !d.now.Before(n.deadline) {
			d.fail(n, d.timedOut(n))
			return
		}
		d.due(n.deadline)
	}
	d.evictSome(n)
	d.restartSome(n)
	switch {
	case len(n.pods) == 0:
		d.verify(n)
	case n.broken != nil && n.stuck():
		d.fail(n, n.broken)
	case d.hopeless(n):
		d.fail(n, services.NewError(services.CodeUnavailable, "error_drain_unreachable", "Count", len(n.pods)))
	}
}

// lost notices a node that was deleted, replaced, or uncordoned by somebody
// else, and ends it.
func (d *conductor) lost(n *nodeState) bool {
	seen := d.watch.Node(n.Node)
	switch {
	case seen == nil:
		d.end(n, Outcome{Aside: true, Err: services.NewError(services.CodeNotFound, "error_node_gone")})
	case n.UID != "" && string(seen.UID) != n.UID:
		d.end(n, Outcome{Aside: true, Err: services.NewError(services.CodeConflict, "error_node_replaced")})
	case d.host.Lost(n.Seq) != nil:
		d.end(n, Outcome{Err: d.host.Lost(n.Seq)})
	case seen.Spec.Unschedulable:
		return false
	case d.watch.Uncordoned(n.Node):
		d.end(n, Outcome{Err: services.NewError(services.CodeConflict, "error_drain_uncordoned")})
	default:
		return false // the watch is behind our own cordon
	}
	return true
}

// survey takes in what the watch shows of the node's pods.
func (d *conductor) survey(n *nodeState) {
	here := map[string]bool{}
	n.skipped = 0
	for _, pod := range d.watch.PodsOn(n.Node) {
		j := d.world.judge(pod)
		if j.Verdict == Skip {
			n.skipped++
			continue
		}
		here[j.UID] = true
		d.meet(n, pod, j)
	}
	for uid, p := range n.pods {
		if !here[uid] {
			d.left(n, p)
		}
	}
}

// meet takes in one pod that has to go. One that nobody has agreed to lose came
// after the plan, and breaks the node's drain.
func (d *conductor) meet(n *nodeState, pod *corev1.Pod, j Judged) {
	p, known := n.pods[j.UID]
	if !known {
		p = &podState{}
		n.pods[j.UID] = p
	}
	if d.waitedEnough(n, j) {
		j.Verdict = Evict
	}
	waited := p.phase == podBlocked && p.Budget != ""
	p.Judged, p.pod = j, pod
	if guards := d.guards.of(pod); len(guards) == 1 {
		p.Budget = guards[0].key()
	}
	if waited && p.Budget == "" {
		p.next = d.now // its budget was deleted
	}
	if j.Verdict == Evict && p.open() {
		p.restart = d.restartOf(pod)
	}
	switch {
	case j.Verdict == Wait:
		p.enter(podTerminating, d.now)
	case j.Verdict == Acknowledge:
		p.enter(podStuck, d.now)
		n.broken = services.NewError(services.CodeConflict, "error_drain_unagreed", "Pod", p.key(), "Option", j.Field)
	case j.Verdict == WaitCompleted && (p.phase == podTodo || p.phase == podBlocked):
		p.enter(podCompleting, d.now)
	case j.Verdict == Evict && p.restart != nil && p.open():
		p.enter(podRestarting, d.now)
	case j.Verdict == Evict && p.phase == podCompleting:
		p.enter(podTodo, d.now)
	}
}

// open reports whether it is not decided yet how the pod goes, or can be decided anew.
func (p *podState) open() bool {
	return p.phase == podTodo || p.phase == podBlocked || p.phase == podCompleting
}

// left forgets a pod that is no longer there.
func (d *conductor) left(n *nodeState, p *podState) {
	if p.phase == podEvicting {
		return // its call comes back first
	}
	if p.ours {
		n.evicted++
	} else if p.restart != nil {
		n.restarted[p.restart.key()] = true
	}
	delete(n.pods, p.UID)
}

// evictSome begins the evictions that can be begun now. Pods of a higher order wait until
// those of the lowest are gone.
func (d *conductor) evictSome(n *nodeState) {
	if d.host.Paused() {
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
	begun := d.call(func(ctx context.Context) (err error) {
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
	case kube.FaultOf(err).Retry && p.tries < podTries:
		p.refuse(podTodo, d.now, "", firstRetry)
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

// hopeless reports whether a node without a kubelet has only terminating pods
// left, and has had for a while: nobody will ever report their end.
func (d *conductor) hopeless(n *nodeState) bool {
	stalled, first := unreachable(d.watch.Node(n.Node)), n.firstOrder()
	for _, p := range n.pods {
		stalled = stalled && (p.phase == podTerminating || p.later(first))
	}
	if !stalled {
		n.idleSince = time.Time{}
		return false
	}
	if n.idleSince.IsZero() {
		n.idleSince = d.now
	}
	d.due(n.idleSince.Add(unreachableAfter))
	return d.now.Sub(n.idleSince) >= unreachableAfter
}

func unreachable(n *corev1.Node) bool {
	if n == nil {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionUnknown
		}
	}
	return true
}

// timedOut says what a node was waiting for when its time was up.
func (d *conductor) timedOut(n *nodeState) error {
	seconds := d.world.options.Timeout
	pods := n.inOrder()
	blocked := slices.IndexFunc(pods, func(p *podState) bool { return p.phase == podBlocked && p.Budget != "" })
	if blocked >= 0 {
		p := pods[blocked]
		return services.NewError(services.CodeTimeout, "error_drain_timeout_budget",
			"Seconds", seconds, "Count", len(pods), "Pod", p.key(), "Budget", p.Budget)
	}
	restarting := slices.IndexFunc(pods, func(p *podState) bool { return p.phase == podRestarting })
	if restarting >= 0 {
		r := d.restarting(pods[restarting])
		return services.NewError(services.CodeTimeout, "error_drain_timeout_restart", "Seconds", seconds,
			"Count", len(pods), "Pod", r.Pod, "Deployment", r.Deployment, "New", r.New, "Available", r.Available)
	}
	completing := slices.IndexFunc(pods, func(p *podState) bool { return p.phase == podCompleting })
	if completing >= 0 {
		return services.NewError(services.CodeTimeout, "error_drain_timeout_completed",
			"Seconds", seconds, "Count", len(pods), "Pod", pods[completing].key())
	}
	first := "-"
	if len(pods) > 0 {
		first = pods[0].key()
	}
	return services.NewError(services.CodeTimeout, "error_drain_timeout",
		"Seconds", seconds, "Count", len(pods), "Pod", first)
}

// verify looks a last time, by a consistent read and not before the scheduler
// has had time to learn of the cordon. Only then is the node drained.
func (d *conductor) verify(n *nodeState) {
	if at := later(n.cordonedAt.Add(settle), n.verifyAfter); d.now.Before(at) {
		d.due(at)
		return
	}
	var pods []corev1.Pod
	if d.call(func(ctx context.Context) (err error) {
		pods, err = d.cluster.ListNodePods(ctx, n.Node)
		return err
	}, func(err error) { d.verified(n, pods, err) }) {
		n.phase = phaseVerifying
	}
}

func (d *conductor) verified(n *nodeState, pods []corev1.Pod, err error) {
	if n.phase != phaseVerifying {
		return // it was lost meanwhile
	}
	n.phase = phaseDraining
	if err != nil {
		n.tries++
		if d.take.Err() == nil && (!kube.FaultOf(err).Retry || n.tries > podTries) {
			d.fail(n, err)
			return
		}
		n.verifyAfter = d.now.Add(n.verifyWait.Step())
		return
	}
	for i := range pods {
		if j := d.world.judge(&pods[i]); j.Verdict != Skip {
			// One that the watch is about to show. Look again when it has.
			n.verifyAfter = d.now.Add(firstRetry)
			return
		}
	}
	d.end(n, Outcome{})
}
