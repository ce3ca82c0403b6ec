package drain

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

const (
	// maxRestarts is how often a drain restarts one Deployment. A new pod may start on a
	// node that is drained later, or on this one if it tolerates the cordon.
	maxRestarts = 3
	// goneAfter is how long after the end of a Deployment its pods may take to follow it.
	goneAfter = 15 * time.Second
)

// restart is a Deployment whose pods leave because it is restarted. Pods of several nodes
// share it.
type restart struct {
	namespace, name string
	uid             types.UID
	calling         bool
	times           int       // that we have restarted it
	tries           int       // since the last success
	next            time.Time // the next look at it
	wait            wait.Backoff
	goneSince       time.Time
	err             error // why its pods will not leave
}

func (r *restart) key() string { return r.namespace + "/" + r.name }

// restartOf returns the restart by which a pod leaves; nil if it is to be evicted.
func (d *conductor) restartOf(pod *corev1.Pod) *restart {
	if !d.world.options.RestartFirst || ignores(pod) {
		return nil
	}
	found := d.watch.DeploymentOf(pod)
	if found == nil || !single(found) && !d.guards.never(pod) || unfit(pod, found) != nil {
		return nil
	}
	r := d.restarts[found.UID]
	if r == nil {
		r = &restart{
			namespace: found.Namespace, name: found.Name, uid: found.UID, wait: kube.NewBackoff(firstRetry, longRetry),
		}
		d.restarts[found.UID] = r
	}
	return r
}

// restartSome looks after the restarts that pods of a node wait for.
func (d *conductor) restartSome(n *nodeState) {
	first := n.firstOrder()
	for _, p := range n.inOrder() {
		if p.phase != podRestarting || p.Order > first {
			continue
		}
		d.restart(p)
		if p.restart.err != nil {
			p.enter(podStuck, d.now)
			n.broken = p.restart.err
		}
	}
}

// restart begins the restart that a pod waits for, if that has not begun, and notices when
// it has failed. The Deployment deletes the pod itself: nobody evicts it.
func (d *conductor) restart(p *podState) {
	r := p.restart
	seen := d.watch.Deployment(r.namespace, r.name, r.uid)
	switch {
	case r.err != nil || r.calling:
	case seen == nil:
		d.restartGone(r)
	case kube.RestartMark(seen.Spec.Template.Annotations) != kube.RestartMark(p.pod.Annotations):
		r.goneSince, r.err = time.Time{}, rolloutError(seen)
	case d.halted():
	case d.now.Before(r.next):
		d.due(r.next)
	case r.times >= maxRestarts:
		r.err = services.NewError(services.CodeConflict, "error_restart_again", "Deployment", r.key(), "Pod", p.key())
	default:
		d.beginRestart(p)
	}
}

// restartGone waits for the pods of a Deployment that was deleted, but not for ever: they
// may have been kept.
func (d *conductor) restartGone(r *restart) {
	if r.goneSince.IsZero() {
		r.goneSince = d.now
	}
	if d.now.Sub(r.goneSince) < goneAfter {
		d.due(r.goneSince.Add(goneAfter))
		return
	}
	r.err = services.NewError(services.CodeNotFound, "error_restart_gone", "Deployment", r.key())
}

// rolloutError returns why a restart that has begun will not end; nil if it may.
func rolloutError(d *appsv1.Deployment) error {
	if d.Spec.Paused {
		return services.NewError(services.CodeConflict, "error_restart_paused", "Deployment", deploymentKey(d))
	}
	if d.Status.ObservedGeneration < d.Generation {
		return nil
	}
	late := func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded"
	}
	if slices.ContainsFunc(d.Status.Conditions, late) {
		return services.NewError(services.CodeConflict, "error_restart_late", "Deployment", deploymentKey(d))
	}
	return nil
}

func (d *conductor) beginRestart(p *podState) {
	r := p.restart
	call := kube.Restart{
		Namespace: r.namespace, Name: r.name, UID: r.uid, Mark: kube.RestartMark(p.pod.Annotations), Fits: stillFits,
	}
	written := false
	r.calling = d.call(func(ctx context.Context) (err error) {
		written, err = d.cluster.RestartDeployment(ctx, call, time.Now())
		return err
	}, func(err error) { d.restartedOrNot(r, written, err) })
}

// stillFits returns why a Deployment must not be restarted any more.
func stillFits(d *appsv1.Deployment) error {
	if unfitStrategy(d) == nil {
		return nil
	}
	return services.NewError(services.CodeConflict, "error_restart_unfit", "Deployment", deploymentKey(d))
}

// restartedOrNot takes in the answer to a restart.
func (d *conductor) restartedOrNot(r *restart, written bool, err error) {
	r.calling = false
	switch {
	case err == nil:
		r.tries, r.next = 0, d.now.Add(firstRetry) // the watch will show it
		if written {
			r.times++
		}
	case d.take.Err() != nil, services.CodeOf(err) == services.CodeNotFound:
		r.next = d.now.Add(firstRetry)
	case d.again(err, r.tries < podTries):
		r.tries++
		r.next = later(d.now.Add(r.wait.Step()), d.now.Add(kube.FaultOf(err).After))
	default:
		r.err = restartError(r, err)
	}
}

// restartError returns the error of a call that will not succeed. One that is forbidden
// stops no other node: the account may be allowed to restart other Deployments.
func restartError(r *restart, err error) error {
	e := services.AsError(err)
	if e.Text == "error_restart_unfit" {
		return err
	}
	text, message := "error_restart_failed", ""
	if e.Code == services.CodeForbidden {
		text = "error_restart_denied"
	}
	if e.Err != nil {
		message = e.Err.Error() // what the API server says
	}
	return services.Wrap(err, services.CodeConflict, text, "Deployment", r.key(), "Message", message)
}

// Restarting is a pod that leaves because its Deployment is restarted.
type Restarting struct {
	Pod        string    `json:"pod"`        // "namespace/name"
	Deployment string    `json:"deployment"` // "namespace/name"
	New        int       `json:"new"`        // pods of the restart
	Available  int       `json:"available"`  // of these
	Since      time.Time `json:"since"`
}

func (d *conductor) restarting(p *podState) Restarting {
	r := Restarting{Pod: p.key(), Deployment: p.restart.key(), Since: p.waiting}
	seen := d.watch.Deployment(p.restart.namespace, p.restart.name, p.restart.uid)
	if seen != nil && kube.RestartMark(seen.Spec.Template.Annotations) != kube.RestartMark(p.pod.Annotations) {
		r.New, r.Available = d.watch.NewPods(seen)
	}
	return r
}
