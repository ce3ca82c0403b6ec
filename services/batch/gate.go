package batch

import (
	"context"
	"time"
)

// Gate is what a batch waits for between two waves.
type Gate struct {
	Canary bool       `json:"canary"`          // the first wave has ended; else it is a pause between two waves
	Failed int        `json:"failed"`          // nodes so far
	Until  *time.Time `json:"until,omitempty"` // when it continues by itself; nil waits for a person
}

// pass waits between a wave and the next, as the rollout says. It returns an
// error when no more items are to be taken.
func (r *run) pass(before wave) error {
	if err := r.ledger.settle(r.pace.take, before.items); err != nil {
		return err
	}
	failed := r.ledger.failures()
	if r.pace.rollout.exceeded(failed, r.batch.Total) {
		r.pace.stop(errFailures) // of a drain, whose nodes in progress were to end first
		return errFailures
	}
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
	r.persist("The pause after the first nodes", func(ctx context.Context) error {
		return r.engine.store.SetPaused(ctx, r.batch.ID, true)
	})
	r.log.Info("Batch waits for a person after the first nodes", "failed", failed)
	return r.pace.ask(Gate{Canary: true, Failed: failed})
}
