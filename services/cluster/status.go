package cluster

import (
	"context"
	"math/rand/v2"
	"time"

	"kube-node-manager/services"
)

// Status says whether a cluster can be reached, as seen by its last call: a list,
// a write, a watch or a probe. The zero value means that there was no call yet.
type Status struct {
	At      time.Time     // when the last call ended
	Since   time.Time     // since when calls succeed, or fail
	Version string        // of the API server, as of the last Check that succeeded
	Latency time.Duration // of that Check
	Err     error         // of the last call; nil if it succeeded
}

// checkTimeout limits the check of one cluster. A person may wait for it.
const checkTimeout = 5 * time.Second

// record updates the status after a call that began and ended at the given times. It
// ignores the failure of a call if a later one has succeeded since it began: the
// failure is older information.
func (e *link) record(began, ended time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && e.answered.After(began) {
		return
	}
	s := &e.status
	if s.At.IsZero() || (s.Err == nil) != (err == nil) {
		s.Since = ended
	}
	s.At, s.Err = ended, err
	e.jitter = 1 + jitter*(2*rand.Float64()-1)
	if err == nil {
		e.answered, e.failed = ended, 0
	} else if e.failed == 0 && !e.probing {
		e.soon = true // so that Down knows soon whether it was more than one call
	}
}

// Down returns why a cluster is known to be unreachable, or nil. It is known when a
// probe has failed as well as another call; probes go on and find out when it is
// reachable again. A page that only reads need not wait for such a cluster.
func (r *Registry) Down(name string) error {
	e, err := r.find(name)
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == 0 {
		return nil
	}
	return e.status.Err
}

// Status returns the status of a cluster, or the zero Status for an unknown one.
func (r *Registry) Status(name string) Status {
	e, err := r.find(name)
	if err != nil {
		return Status{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

// Check asks a cluster for its version, and returns the new status. A cluster that
// cannot be reached is no error of Check; see Status.Err.
//
// Errors: CodeForbidden; CodeNotFound.
func (r *Registry) Check(ctx context.Context, name string) (Status, error) {
	if err := services.RequireIn(ctx, name, services.PermitSee); err != nil {
		return Status{}, err
	}
	e, err := r.find(name)
	if err != nil {
		return Status{}, err
	}
	r.check(ctx, e)
	return r.Status(name), nil
}

// check asks for the version. The client records the outcome of the call. It cannot
// record that the answer did not come from an API server, so check does.
func (r *Registry) check(ctx context.Context, e *entry) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	client, err := r.Client(e.Name)
	if err != nil {
		return // Client has recorded it
	}
	began := r.now()
	version, err := client.Version(ctx)
	if services.CodeOf(err) == services.CodeInternal {
		now := r.now()
		e.record(now, now, services.Wrap(err, services.CodeUnavailable, "error_cluster_stranger"))
	}
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.status.Version, e.status.Latency = version, r.now().Sub(began)
	}
}
