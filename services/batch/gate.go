package batch

import (
	"context"
	"time"

	"kube-node-manager/services/rule"
)

// Gate is what a batch waits for between two waves.
type Gate struct {
	Canary bool       `json:"canary"`          // the first wave has ended; else it is a pause between two waves
	Failed int        `json:"failed"`          // nodes so far
	Until  *time.Time `json:"until,omitempty"` // when it continues by itself; nil waits for a person
	// Health is what the rules of the cluster demand; nil unless the batch waits for that.
	Health *Health `json:"health,omitempty"`
}

// Gates say how often a plan will wait for the health of its cluster, and for what.
type Gates struct {
	Waves  int         `json:"waves"` // it waits between them
	Health rule.Health `json:"health"`
}

// gates returns the waits for health that a plan has, nil for none: it has one wave, or
// the cluster has no such rules.
func (p Preview) gates(demanded rule.Health) *Gates {
	if demanded.None() {
		return nil
	}
	waves := p.Rollout.waves(itemsOf(p), len(p.Nodes), p.inventory.Find)
	if len(waves) < 2 {
		return nil
	}
	return &Gates{Waves: len(waves), Health: demanded}
}

// The names of gates in the audit log.
const (
	gateCanary = "canary"
	gatePause  = "pause"
	gateHealth = "health"
)

// facts returns what the audit log says of a gate.
func (g Gate) facts() []any {
	switch {
	case g.Health != nil:
		return []any{"gate", gateHealth, "failed", g.Health.Failed, "found", g.Health.Findings}
	case g.Canary:
		return []any{"gate", gateCanary, "failedNodes", g.Failed}
	default:
		return []any{"gate", gatePause, "failedNodes", g.Failed}
	}
}

// pass waits between a wave and the next: first as the rollout says, and then, directly
// before the next one begins, until the cluster is as healthy as its rules demand. It
// returns an error when no more items are to be taken.
func (r *run) pass(before wave) error {
	if err := r.ledger.settle(r.pace.take, before.items); err != nil {
		return err
	}
	failed := r.ledger.failures()
	if r.pace.rollout.exceeded(failed, r.batch.Total) {
		r.pace.stop(errFailures) // of a drain, whose nodes in progress were to end first
		return errFailures
	}
	if err := r.rest(before, failed); err != nil {
		return err
	}
	return r.passHealth(Gate{Canary: before.canary, Failed: failed})
}

// rest waits between two waves as the rollout says.
func (r *run) rest(before wave, failed int) error {
	pause := r.pace.rollout.WavePause
	if before.canary {
		pause = r.pace.rollout.CanaryWait
	}
	wait := time.Duration(pause) * time.Second
	switch {
	case before.canary && (wait == 0 || failed > 0):
		return r.waitForAPerson(failed)
	case wait > 0:
		until := r.engine.now().Add(wait)
		return r.pace.rest(Gate{Canary: before.canary, Failed: failed, Until: &until}, wait)
	default:
		return nil
	}
}

// waitForAPerson pauses the batch, also for the case that the program ends now,
// until a person resumes it.
func (r *run) waitForAPerson(failed int) error {
	g := Gate{Canary: true, Failed: failed}
	r.persist("The pause after the first nodes", func(ctx context.Context) error {
		return r.engine.store.SetPaused(ctx, r.batch.ID, true, g.facts()...)
	})
	r.log.Info("Batch waits for a person after the first nodes", "failed", failed)
	return r.pace.ask(g)
}
