package drain

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// attend looks after one node that is being drained.
func (d *conductor) attend(n *nodeState) {
	if d.lost(n) {
		return
	}
	d.survey(n)
	if n.phase == phaseVerifying || d.doubted {
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
	failing := slices.IndexFunc(pods, func(p *podState) bool { return p.phase == podTodo && p.failed != nil })
	if failing >= 0 {
		p := pods[failing]
		return services.NewError(services.CodeTimeout, "error_drain_timeout_failed",
			"Seconds", seconds, "Count", len(pods), "Pod", p.key(), "Message", kube.CauseOf(p.failed))
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
	if d.callFor(n, func(ctx context.Context) (err error) {
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
		if d.take.Err() == nil && !d.again(err, n.tries <= podTries) {
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
