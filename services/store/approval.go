package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Approval is what a second person has said about the plan of a batch that needs it. Without
// a time nobody has said anything yet.
type Approval struct {
	At       *time.Time `json:"at,omitempty"`
	By       string     `json:"by,omitempty"`
	ByID     int64      `json:"byId,omitempty"`
	Plan     string     `json:"plan,omitempty"` // the digest of the plan that was approved
	Rejected bool       `json:"rejected,omitempty"`
	Why      string     `json:"why,omitempty"`     // it was rejected
	Changed  bool       `json:"changed,omitempty"` // the plan has changed since an earlier approval
}

// SetApproval stores what was said about a batch, with its new state, if it is still in the
// state before. The author of the entry in the audit log is the actor of the context.
//
// Errors: CodeConflict if it is in another state, or was cancelled.
func (s *Store) SetApproval(ctx context.Context, b Batch, before State, action Action) error {
	approval, err := encode(b.Approval)
	if err != nil {
		return fmt.Errorf("encode the approval: %w", err)
	}
	schedule, err := encode(b.Schedule)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE batches SET state = $1, approval = $2, schedule = $3, held = ''
			WHERE id = $4 AND state = $5 AND NOT cancel_requested`,
			string(b.State), approval, schedule, b.ID, string(before))
		if err != nil {
			return fmt.Errorf("store an approval: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return services.Wrap(err, services.CodeConflict, "error_approval_state")
		}
		e := controlEntry(b, action)
		e.Reason = b.Approval.Why
		e.After = facts("operation", b.Operation, "total", b.Total, "of", b.By, "plan", b.Approval.Plan)
		return s.note(ctx, tx, e)
	})
}
