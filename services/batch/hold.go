package batch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// Accounts returns what a user may do now, or a CodeNotFound error.
type Accounts interface {
	Standing(ctx context.Context, id int64) (services.Standing, error)
}

// sponsor is the user in whose name a run goes on: who has submitted the batch, or has
// resumed it since.
type sponsor struct {
	id    int64
	role  services.Role // in the cluster, at that time
	since time.Time
}

// sponsorOf returns the sponsor of a batch that nobody has resumed.
func sponsorOf(b Batch) sponsor { return sponsor{id: b.ActorID, role: b.ActorRole, since: b.CreatedAt} }

// heldError is why a run stops whose sponsor may no longer do what it does.
type heldError struct{ why store.Hold }

// Error implements error.
func (e heldError) Error() string { return "held: its user is " + string(e.why) }

// leavesRest reports whether the items that are left wait for somebody to resume the
// batch, when it stops for that cause.
func leavesRest(cause error) bool {
	_, held := errors.AsType[heldError](cause)
	return held || errors.Is(cause, errShutdown)
}

// hold returns why a batch does not go on in the name of its sponsor, "" when it may:
// nothing is done for somebody who is gone, may do less now than then, or whose
// password somebody else may have known, and nothing that may have ended since the
// database was copied. Whoever may resume it still can.
func (e *Engine) hold(ctx context.Context, b Batch, s sponsor) (store.Hold, error) {
	if b.Held == store.HoldRestored {
		return b.Held, nil
	}
	now, err := e.accounts.Standing(ctx, s.id)
	traits := operation.TraitsOf(b.Operation)
	actor := now.Actor.In(b.Cluster)
	switch {
	case services.CodeOf(err) == services.CodeNotFound:
		return store.HoldDeleted, nil
	case err != nil:
		return "", fmt.Errorf("read the user of the batch: %w", err)
	case now.Disabled:
		return store.HoldDisabled, nil
	case now.ResetAt.After(s.since):
		return store.HoldReset, nil
	case actor.Role.Less(s.role):
		return store.HoldDemoted, nil
	case s.role == "" && !traits.Long && !actor.May(traits.Permit):
		return store.HoldDemoted, nil // a batch of an earlier version does not say what they were
	default:
		return "", nil
	}
}

// checkAccessEvery is how often the access of the sponsors is checked: another process,
// such as the command line, may have changed it.
const checkAccessEvery = 15 * time.Second

// AccessChanged makes CheckAccess look at once.
func (e *Engine) AccessChanged() { signal(e.changed) }

// CheckAccess stops the runs whose sponsors may no longer do what they do, until ctx
// ends. Their batches wait as interrupted.
func (e *Engine) CheckAccess(ctx context.Context) {
	every := time.NewTicker(checkAccessEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.changed:
		case <-every.C:
		}
		e.checkRuns(ctx)
	}
}

func (e *Engine) checkRuns(ctx context.Context) {
	e.mu.Lock()
	runs := slices.Collect(maps.Values(e.runs))
	e.mu.Unlock()
	for _, r := range runs {
		why, err := e.hold(ctx, r.batch, r.sponsor)
		if err != nil {
			r.log.Warn("The access of a batch's user cannot be checked", "error", err)
			continue
		}
		if why != "" && r.pace.stopped() == nil {
			r.log.Warn("Batch stops: it is not continued in the name of its user", "why", string(why))
			r.pace.stop(heldError{why})
		}
	}
}
