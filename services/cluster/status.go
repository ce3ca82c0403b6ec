package cluster

import (
	"context"
	"math/rand/v2"
	"time"

	"kube-node-manager/services"
)

// Status is what was last heard of a cluster, by whichever call: a list, a
// write, a watch or a probe. The zero value says that nobody has asked.
type Status struct {
	At      time.Time // of the last answer, or of the last failure
	Since   time.Time // since when it answers, or does not
	Version string    // of the API server, when it last told
	Err     error     // why it does not answer; nil when it does
}

// checkTimeout bounds the check of one cluster; a person waits for it.
const checkTimeout = 5 * time.Second

// hear notes what a call that began then shows of the cluster. A failure is no
// news when the cluster has answered another call since: the call was older.
func (e *entry) hear(began, now time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && e.answered.After(began) {
		return
	}
	s := &e.status
	if s.At.IsZero() || (s.Err == nil) != (err == nil) {
		s.Since = now
	}
	s.At, s.Err = now, err
	e.jitter = 1 + jitter*(2*rand.Float64()-1)
	if err == nil {
		e.answered, e.failed = now, 0
	}
}

// Status returns what was last heard of a cluster.
func (r *Registry) Status(name string) Status {
	e, err := r.find(name)
	if err != nil {
		return Status{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// Check asks a cluster for its version. The error is only about who asks and
// for which cluster; what the cluster said is in the Status.
func (r *Registry) Check(ctx context.Context, name string) (Status, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return Status{}, err
	}
	e, err := r.find(name)
	if err != nil {
		return Status{}, err
	}
	r.check(ctx, e)
	return r.Status(name), nil
}

// check asks for the version. The client notes by itself whether it was
// answered; what it cannot know is that the answer was none of an API server.
func (r *Registry) check(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	client, err := r.Client(e.Name)
	if err != nil {
		return // it is noted
	}
	version, err := client.Version(ctx)
	if services.CodeOf(err) == services.CodeInternal {
		now := r.now()
		e.hear(now, now, services.Wrap(err, services.CodeUnavailable, "error_cluster_stranger"))
	}
	if err == nil {
		e.mu.Lock()
		e.status.Version = version
		e.mu.Unlock()
	}
}
