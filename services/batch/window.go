package batch

import (
	"context"
	"maps"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/rule"
	"kube-node-manager/services/store"
)

// Closed says that a running batch rests because its window has closed.
type Closed struct {
	Until *time.Time `json:"until,omitempty"` // when the next one opens; nil if there is none
}

// opening returns the window of a batch that is open, or opens next.
func (e *Engine) opening(b Batch, rules rule.Rules) (rule.Opening, bool) {
	return rules.Windows.Next(e.now(), b.Schedule.Pools)
}

// inWindows reports whether a batch works in windows only.
func inWindows(b Batch) bool { return b.Schedule != nil && b.Schedule.Window }

// closed returns whether a batch has to rest now; nil says that it may work.
func (e *Engine) closed(b Batch, rules rule.Rules) *Closed {
	if !inWindows(b) {
		return nil
	}
	next, ok := e.opening(b, rules)
	switch {
	case !ok:
		return &Closed{}
	case next.Holds(e.now()):
		return nil
	default:
		return &Closed{Until: &next.From}
	}
}

// closedNow is closed by the rules as they are.
func (e *Engine) closedNow(ctx context.Context, b Batch) (*Closed, error) {
	if !inWindows(b) {
		return nil, nil
	}
	rules, err := e.rules.Of(ctx, b.Cluster)
	if err != nil {
		return nil, err
	}
	return e.closed(b, rules), nil
}

// checkWindows lets the runs that are bound to windows rest and go on with them.
func (e *Engine) checkWindows(ctx context.Context) {
	e.mu.Lock()
	runs := slices.Collect(maps.Values(e.runs))
	e.mu.Unlock()
	for _, r := range runs {
		closed, err := e.closedNow(ctx, r.present())
		if err != nil {
			r.log.Warn("The windows of a batch cannot be read", "error", err)
			continue
		}
		if r.pace.setClosed(closed) {
			r.log.Info("The window of a batch has changed", "open", closed == nil)
			r.changed()
		}
	}
}

// restsNow reports whether the batch of an earlier process rests until its window opens:
// then it waits as scheduled, and does not need a person.
func (e *Engine) restsNow(ctx context.Context, b Batch) (bool, error) {
	if b.State != store.StateRunning || b.Paused || b.CancelRequested {
		return false, nil
	}
	closed, err := e.closedNow(ctx, b)
	return closed != nil && closed.Until != nil, err
}

// leaveScheduled leaves a batch to its next window.
func (e *Engine) leaveScheduled(ctx context.Context, b Batch, at time.Time) error {
	s := *b.Schedule
	s.At = at
	b.State, b.Schedule = store.StateScheduled, &s
	return e.store.SetBatch(ctx, b)
}

// unbind takes a batch out of its windows, because somebody wants it to go on now. Where
// the rules of the cluster allow such a batch only in windows, only administrators may.
func (e *Engine) unbind(ctx context.Context, b Batch, actor services.Actor) (Batch, error) {
	if !inWindows(b) {
		return b, nil
	}
	rules, err := e.rules.Of(ctx, b.Cluster)
	if err != nil || e.closed(b, rules) == nil {
		return b, err
	}
	if rules.Windows.Only && !actor.May(services.PermitClusters) {
		return b, services.NewError(services.CodeConflict, "error_window_closed")
	}
	s := *b.Schedule
	s.Window = false
	b.Schedule = &s
	return b, nil
}
