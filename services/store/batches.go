package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
)

const batchColumns = `id, cluster, operation, params, reason, actor_id, actor, address, request_id,
	coalesce(idempotency_key, ''), fingerprint, sync, state, created_at, started_at, ended_at, cleared_at,
	total, coalesce(retry_of, ''), coalesce(undo_of, ''), cancel_requested, paused,
	coalesce(template_id, 0), rollout, actor_role, held, schedule, approval, untold`

const selectBatches = `SELECT ` + batchColumns + ` FROM batches `

// InsertBatch stores a batch with all its items in one transaction, so that the
// batch cannot be lost once InsertBatch returns. It counts as a use of its
// template. If the actor has another batch with the same idempotency key, the error
// is CodeConflict.
func (s *Store) InsertBatch(ctx context.Context, b Batch, items []Item) error {
	return s.InsertBatches(ctx, []NewBatch{{b, items}})
}

// NewBatch is a batch with its items.
type NewBatch struct {
	Batch
	Items []Item
}

// InsertBatches is InsertBatch for several batches: all of them, or none.
func (s *Store) InsertBatches(ctx context.Context, batches []NewBatch) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, b := range batches {
			if err := s.insertBatch(ctx, tx, b.Batch, b.Items); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) insertBatch(ctx context.Context, tx *sql.Tx, b Batch, items []Item) error {
	if err := insertBatchRow(ctx, tx, b); err != nil {
		return fmt.Errorf("insert batch: %w", err)
	}
	if err := useTemplate(ctx, tx, b.TemplateID, b.CreatedAt); err != nil {
		return err
	}
	after := facts("operation", b.Operation, "total", b.Total, "params", b.Params,
		"rollout", b.Rollout, "retryOf", b.RetryOf, "undoOf", b.UndoOf, "state", waitsIn(b), "startsAt", startOf(b))
	if err := s.noteBatch(ctx, tx, b, ActionBatchCreate, ResultOK, after); err != nil {
		return err
	}
	return insertItems(ctx, tx, b.ID, items)
}

// waitsIn returns the state of a batch that does not begin at once, "" for one that does.
func waitsIn(b Batch) string {
	if b.State != StateScheduled && b.State != StateProposed {
		return ""
	}
	return string(b.State)
}

// startOf returns when a batch that waits begins, "" for one that does not wait.
func startOf(b Batch) string {
	if b.State != StateScheduled {
		return ""
	}
	return b.Schedule.At.UTC().Format(time.RFC3339)
}

func insertBatchRow(ctx context.Context, tx *sql.Tx, b Batch) error {
	schedule, err := encode(b.Schedule)
	if err != nil {
		return err
	}
	approval, err := encode(b.Approval)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO batches (
			id, cluster, operation, params, reason,
			actor_id, actor, address, request_id, idempotency_key, fingerprint,
			state, created_at, started_at, total,
			retry_of, undo_of, template_id, rollout, actor_role, schedule, approval)
		VALUES ($1, $2, $3, $4, $5,
			$6, $7, $8, $9, nullif($10, ''), $11,
			$12, $13, $14, $15,
			nullif($16, ''), nullif($17, ''), nullif(CAST($18 AS BIGINT), 0), $19, $20, $21, $22)`,
		b.ID, b.Cluster, b.Operation, string(b.Params), b.Reason,
		b.ActorID, b.By, b.Address, b.RequestID, b.IdempotencyKey, b.Fingerprint,
		string(b.State), toMillis(b.CreatedAt), toNullMillis(b.StartedAt), b.Total,
		b.RetryOf, b.UndoOf, b.TemplateID, nullJSON(b.Rollout), string(b.ActorRole), schedule, approval)
	return err
}

// SetBatch stores the fields of a batch that change while it runs. When the batch
// ends, it also writes an audit entry with the counts of the items; if the end is
// stored again, it does not write another one.
func (s *Store) SetBatch(ctx context.Context, b Batch) error {
	schedule, err := encode(b.Schedule)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := s.noteEnd(ctx, tx, b); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE batches
			SET state = $1, sync = $2, cancel_requested = (cancel_requested OR $3),
				started_at = $4, ended_at = $5, cleared_at = $6, held = $7, schedule = $8, untold = $9
			WHERE id = $10`,
			string(b.State), b.Sync, b.CancelRequested,
			toNullMillis(b.StartedAt), toNullMillis(b.EndedAt), toNullMillis(b.ClearedAt), string(b.Held), schedule,
			b.Untold, b.ID)
		return err
	})
}

// noteEnd writes the audit entry of a batch that ends, unless it has ended before.
func (s *Store) noteEnd(ctx context.Context, tx *sql.Tx, b Batch) error {
	if !b.State.Ended() {
		return nil
	}
	var stored State
	err := tx.QueryRowContext(ctx, `SELECT state FROM batches WHERE id = $1`, b.ID).Scan(&stored)
	if err != nil || stored.Ended() {
		return err
	}
	counts, err := countItems(ctx, tx, b.ID)
	if err != nil {
		return err
	}
	after := facts("operation", b.Operation, "state", b.State, "total", b.Total, "counts", counts[b.ID])
	return s.noteBatch(ctx, tx, b, ActionBatchEnd, resultOf(b.State), after)
}

// noteBatch writes an audit entry about a batch. Its author is the actor of the
// batch.
func (s *Store) noteBatch(ctx context.Context, tx *sql.Tx, b Batch, a Action, r Result, after json.RawMessage) error {
	return s.note(ctx, tx, Entry{
		ActorID: b.ActorID, Actor: b.By, Address: b.Address, RequestID: b.RequestID,
		Action: a, Cluster: b.Cluster, Object: b.ID, Reason: b.Reason, Result: r, After: after,
	})
}

// RequestCancel stores that a batch must end, so that it does so even if the
// process that runs it crashes first.
func (s *Store) RequestCancel(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const update = `UPDATE batches SET cancel_requested = TRUE WHERE id = $1 AND NOT cancel_requested
			RETURNING ` + batchColumns
		b, err := scanBatch(tx.QueryRowContext(ctx, update, id))
		if services.CodeOf(err) == services.CodeNotFound {
			return nil // it was requested before
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, controlEntry(b, ActionBatchCancel))
	})
}

// SetPaused stores whether a batch is paused, with more facts for the audit log. If the
// context has no actor, the program itself has paused it.
func (s *Store) SetPaused(ctx context.Context, id string, paused bool, more ...any) error {
	action := ActionBatchResume
	if paused {
		action = ActionBatchPause
	}
	return s.setPaused(ctx, id, paused, action, more)
}

// SkipGate stores that a person lets a batch go on that waits at a gate, with facts about
// the gate.
func (s *Store) SkipGate(ctx context.Context, id string, gate ...any) error {
	return s.setPaused(ctx, id, false, ActionBatchSkip, gate)
}

func (s *Store) setPaused(ctx context.Context, id string, paused bool, action Action, more []any) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const update = `UPDATE batches SET paused = $1 WHERE id = $2 RETURNING ` + batchColumns
		b, err := scanBatch(tx.QueryRowContext(ctx, update, paused, id))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, controlEntry(b, action, more...))
	})
}

// Batch returns one batch, or CodeNotFound.
func (s *Store) Batch(ctx context.Context, id string) (Batch, error) {
	return scanBatch(s.r.QueryRowContext(ctx, selectBatches+`WHERE id = $1`, id))
}

// BatchIDs returns the ids of the batches that begin with a prefix, in their order. The
// prefix must not be empty.
func (s *Store) BatchIDs(ctx context.Context, prefix string) ([]string, error) {
	return list(ctx, s.r, "read ids of batches", scanString,
		`SELECT id FROM batches WHERE id >= $1 AND id < $2 ORDER BY id`, prefix, afterPrefix(prefix))
}

// afterPrefix returns the first text after all that begin with a prefix.
func afterPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]+1)
}

// BatchByKey returns the batch that an actor has created with an idempotency key,
// or CodeNotFound.
func (s *Store) BatchByKey(ctx context.Context, actor int64, key string) (Batch, error) {
	const query = selectBatches + `WHERE actor_id = $1 AND idempotency_key = $2`
	return scanBatch(s.r.QueryRowContext(ctx, query, actor, key))
}

// OpenBatches returns every batch that has not ended, oldest first.
func (s *Store) OpenBatches(ctx context.Context) ([]Batch, error) {
	return s.queryBatches(ctx, `WHERE state IN ('running', 'interrupted') ORDER BY id`)
}

// queryBatches returns the batches that a condition selects, such as "WHERE …".
func (s *Store) queryBatches(ctx context.Context, condition string, args ...any) ([]Batch, error) {
	return list(ctx, s.r, "read batches", scanBatch, selectBatches+condition, args...)
}

func scanBatch(row scanner) (Batch, error) {
	var b Batch
	var params, state string
	var created int64
	var started, ended, cleared sql.NullInt64
	var rollout, schedule, approval sql.NullString
	err := row.Scan(&b.ID, &b.Cluster, &b.Operation, &params, &b.Reason, &b.ActorID, &b.By, &b.Address, &b.RequestID,
		&b.IdempotencyKey, &b.Fingerprint, &b.Sync, &state, &created, &started, &ended, &cleared,
		&b.Total, &b.RetryOf, &b.UndoOf, &b.CancelRequested, &b.Paused,
		&b.TemplateID, &rollout, &b.ActorRole, &b.Held, &schedule, &approval, &b.Untold)
	if err != nil {
		return Batch{}, mapErr(fmt.Errorf("read batch: %w", err))
	}
	b.Rollout = rawJSON(rollout)
	b.Params, b.State, b.CreatedAt = json.RawMessage(params), State(state), fromMillis(created)
	b.StartedAt, b.EndedAt, b.ClearedAt = fromNullMillis(started), fromNullMillis(ended), fromNullMillis(cleared)
	b.Schedule, err = decode[Schedule](schedule)
	if err != nil {
		return Batch{}, err
	}
	b.Approval, err = decode[Approval](approval)
	return b, err
}

// Successors are the ids of the batches that retry or undo another batch.
type Successors struct {
	Retries []string `json:"retriedBy,omitempty"`
	Undos   []string `json:"undoneBy,omitempty"`
}

// Successors returns the batches that retry or undo a batch, oldest first.
func (s *Store) Successors(ctx context.Context, id string) (found Successors, err error) {
	ids := func(reference string) ([]string, error) {
		return list(ctx, s.r, "read successors", scanString,
			`SELECT id FROM batches WHERE `+reference+` = $1 ORDER BY id`, id)
	}
	found.Retries, err = ids("retry_of")
	if err != nil {
		return Successors{}, err
	}
	found.Undos, err = ids("undo_of")
	return found, err
}
