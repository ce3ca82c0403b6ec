package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Schedule says when a batch may work, and what was agreed to when it was made.
type Schedule struct {
	At     time.Time `json:"at"`              // when it begins, or goes on
	Window bool      `json:"window"`          // it only works while a window is open
	Pools  []string  `json:"pools,omitempty"` // of its nodes; they decide which windows count
	Why    *Text     `json:"why,omitempty"`   // what is wrong with the plan, of a batch that is held for that
	Node   string    `json:"node,omitempty"`  // on which it is wrong; "" for no single one
	Agreed Agreed    `json:"agreed,omitzero"`
}

// Agreed is what somebody knew and confirmed when they made a batch that begins later.
type Agreed struct {
	Typed       string   `json:"typed,omitempty"`
	Pods        *int     `json:"pods,omitempty"`
	PodsUnknown bool     `json:"podsUnknown,omitempty"`
	Blocked     []string `json:"blocked,omitempty"` // nodes that could not be done then
	Reach       []string `json:"reach,omitempty"`   // the parts of the cluster that the plan reached
	Others      []string `json:"others,omitempty"`  // who else was at work, as node/kind, if that was agreed to
}

// batchNotEnded is the condition of a batch that works or waits.
const batchNotEnded = `state IN ('proposed', 'scheduled', 'running', 'interrupted')`

// WaitingBatches returns every batch that waits for its time or for an approval, oldest
// first.
func (s *Store) WaitingBatches(ctx context.Context) ([]Batch, error) {
	return s.queryBatches(ctx, `WHERE state IN ('proposed', 'scheduled') ORDER BY id`)
}

// BeginBatch stores that a batch that has waited begins, with the plan of now.
//
// Errors: CodeConflict if it has begun, was cancelled or has ended meanwhile.
func (s *Store) BeginBatch(ctx context.Context, b Batch, items []Item) error {
	raw, err := encode(b.Schedule)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE batches SET state = $1, held = '', started_at = $2, schedule = $3
			WHERE id = $4 AND state IN ('proposed', 'scheduled', 'interrupted') AND started_at IS NULL
				AND NOT cancel_requested`,
			string(b.State), toNullMillis(b.StartedAt), raw, b.ID)
		if err != nil {
			return fmt.Errorf("begin a batch: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return services.Wrap(err, services.CodeConflict, "error_batch_running")
		}
		if err := updateItems(ctx, tx, b.ID, items); err != nil {
			return err
		}
		return s.note(ctx, tx, controlEntry(b, ActionBatchBegin))
	})
}

// RescheduleBatch stores when a batch that waits begins now.
func (s *Store) RescheduleBatch(ctx context.Context, b Batch) error {
	raw, err := encode(b.Schedule)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE batches SET schedule = $1 WHERE id = $2`, raw, b.ID)
		return err
	})
}

// HoldBatch stores that a batch whose time has come waits for a person. It does nothing
// if the batch no longer waits for its time.
func (s *Store) HoldBatch(ctx context.Context, b Batch) error {
	raw, err := encode(b.Schedule)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE batches SET state = 'interrupted', held = $1, schedule = $2
			WHERE id = $3 AND (state = 'scheduled' OR state = 'interrupted' AND started_at IS NULL)
				AND NOT cancel_requested`, string(b.Held), raw, b.ID)
		if err != nil {
			return fmt.Errorf("hold a batch: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		e := controlEntry(b, ActionBatchHold)
		e.After = facts("operation", b.Operation, "total", b.Total,
			"held", b.Held, "why", b.Schedule.Why, "node", b.Schedule.Node)
		e.Result = ResultRefused
		return s.note(ctx, tx, e)
	})
}
