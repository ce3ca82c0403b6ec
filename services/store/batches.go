package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
)

const batchColumns = `id, cluster, operation, params, reason, actor_id, actor, address, request_id,
	coalesce(idempotency_key, ''), fingerprint, sync, state, created_at, started_at, ended_at, cleared_at,
	total, coalesce(retry_of, ''), coalesce(undo_of, ''), cancel_requested, paused, coalesce(template_id, 0), rollout, actor_role, held`

const itemColumns = `seq, node, uid, state, error_code, error, unknown, attempts, before, after, started_at, ended_at`

// InsertBatch stores a batch with all its items in one transaction: once it
// returns, nothing of the batch can get lost. It counts as a use of its template.
// A second batch of the same actor with the same idempotency key is a
// CodeConflict error.
func (s *Store) InsertBatch(ctx context.Context, b Batch, items []Item) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO batches
			(id, cluster, operation, params, reason, actor_id, actor, address, request_id, idempotency_key, fingerprint,
			 state, created_at, started_at, total, retry_of, undo_of, template_id, rollout, actor_role)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, ''), $11, $12, $13, $14, $15, nullif($16, ''), nullif($17, ''), nullif($18, 0), $19, $20)`,
			b.ID, b.Cluster, b.Operation, string(b.Params), b.Reason, b.ActorID, b.By, b.Address, b.RequestID, b.IdempotencyKey, b.Fingerprint,
			string(b.State), toMillis(b.CreatedAt), toNullMillis(b.StartedAt), b.Total, b.RetryOf, b.UndoOf, b.TemplateID, nullJSON(b.Rollout),
			string(b.ActorRole))
		if err != nil {
			return fmt.Errorf("insert batch: %w", err)
		}
		if err := useTemplate(ctx, tx, b.TemplateID, b.CreatedAt); err != nil {
			return err
		}
		if err := s.noteBatch(ctx, tx, b, ActionBatchCreate, ResultOK, facts(
			"operation", b.Operation, "total", b.Total, "params", b.Params, "rollout", b.Rollout, "retryOf", b.RetryOf, "undoOf", b.UndoOf)); err != nil {
			return err
		}
		return insertItems(ctx, tx, b.ID, items)
	})
}

func insertItems(ctx context.Context, tx *sql.Tx, batch string, items []Item) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO batch_items (batch_id, seq, node, uid, state, before, after)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	if err != nil {
		return fmt.Errorf("prepare items: %w", err)
	}
	defer func() { _ = insert.Close() }()
	for _, it := range items {
		before, after, err := encodeStates(it)
		if err != nil {
			return err
		}
		_, err = insert.ExecContext(ctx, batch, it.Seq, it.Node, it.UID, string(it.State), before, after)
		if err != nil {
			return fmt.Errorf("insert item %s: %w", it.Node, err)
		}
	}
	return nil
}

// UpdateItems stores the present state of some items of one batch.
func (s *Store) UpdateItems(ctx context.Context, batch string, items []Item) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		update, err := tx.PrepareContext(ctx, `UPDATE batch_items SET uid = $1, state = $2, error_code = $3, error = $4, unknown = $5,
			attempts = $6, before = $7, after = $8, started_at = $9, ended_at = $10 WHERE batch_id = $11 AND seq = $12`)
		if err != nil {
			return fmt.Errorf("prepare items: %w", err)
		}
		defer func() { _ = update.Close() }()
		for _, it := range items {
			if err := updateItem(ctx, update, batch, it); err != nil {
				return err
			}
		}
		return nil
	})
}

func updateItem(ctx context.Context, update *sql.Stmt, batch string, it Item) error {
	text, err := encodeText(it.Error)
	if err != nil {
		return err
	}
	before, after, err := encodeStates(it)
	if err != nil {
		return err
	}
	_, err = update.ExecContext(ctx, it.UID, string(it.State), it.ErrorCode, text, it.Unknown, it.Attempts,
		before, after, toNullMillis(it.StartedAt), toNullMillis(it.EndedAt), batch, it.Seq)
	if err != nil {
		return fmt.Errorf("update item %s: %w", it.Node, err)
	}
	return nil
}

// EndOpenItems ends every item of a batch that has not ended, with the state
// and the text given. One that was marked as running may have been begun by a
// process that died: its outcome is unknown.
func (s *Store) EndOpenItems(ctx context.Context, batch string, state ItemState, code string, why *Text, at time.Time) error {
	text, err := encodeText(why)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE batch_items SET unknown = (unknown OR state = 'running'), state = $1, error_code = $2, error = $3, ended_at = $4
			WHERE batch_id = $5 AND state IN ('pending', 'running', 'waiting')`, string(state), code, text, toMillis(at), batch)
		return err
	})
}

// SetBatch stores what changes during a batch's life. The end of a batch is an
// entry of the audit log, with the counts of its items, whoever stores it again.
func (s *Store) SetBatch(ctx context.Context, b Batch) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := s.noteEnd(ctx, tx, b); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE batches SET state = $1, sync = $2, cancel_requested = max(cancel_requested, $3), started_at = $4, ended_at = $5, cleared_at = $6,
			held = $7 WHERE id = $8`, string(b.State), b.Sync, b.CancelRequested, toNullMillis(b.StartedAt), toNullMillis(b.EndedAt), toNullMillis(b.ClearedAt),
			string(b.Held), b.ID)
		return err
	})
}

// noteEnd notes that a batch ends, unless it has ended before.
func (s *Store) noteEnd(ctx context.Context, tx *sql.Tx, b Batch) error {
	if !b.State.Ended() {
		return nil
	}
	var state string
	if err := tx.QueryRowContext(ctx, `SELECT state FROM batches WHERE id = $1`, b.ID).Scan(&state); err != nil || State(state).Ended() {
		return err
	}
	counts, err := countItems(ctx, tx, b.ID)
	if err != nil {
		return err
	}
	return s.noteBatch(ctx, tx, b, ActionBatchEnd, resultOf(b.State), facts("operation", b.Operation, "state", b.State, "total", b.Total, "counts", counts[b.ID]))
}

// noteBatch notes something about a batch in the name of who asked for it.
func (s *Store) noteBatch(ctx context.Context, tx *sql.Tx, b Batch, a Action, r Result, after json.RawMessage) error {
	return s.note(ctx, tx, Entry{
		ActorID: b.ActorID, Actor: b.By, Address: b.Address, RequestID: b.RequestID,
		Action: a, Cluster: b.Cluster, Object: b.ID, Reason: b.Reason, Result: r, After: after,
	})
}

// Batch gives one batch, or a CodeNotFound error.
func (s *Store) Batch(ctx context.Context, id string) (Batch, error) {
	return scanBatch(s.r.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM batches WHERE id = $1`, id))
}

// BatchByKey gives the batch that an actor made with an idempotency key, or a
// CodeNotFound error.
func (s *Store) BatchByKey(ctx context.Context, actor int64, key string) (Batch, error) {
	return scanBatch(s.r.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM batches WHERE actor_id = $1 AND idempotency_key = $2`, actor, key))
}

// Successors are the batches that go back to another: they retry it or undo it.
type Successors struct {
	Retries []string `json:"retriedBy,omitempty"`
	Undos   []string `json:"undoneBy,omitempty"`
}

// Successors gives the batches that go back to this one, oldest first.
func (s *Store) Successors(ctx context.Context, id string) (Successors, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, 1 FROM batches WHERE retry_of = $1 UNION ALL SELECT id, 0 FROM batches WHERE undo_of = $1 ORDER BY 1`, id)
	if err != nil {
		return Successors{}, mapErr(fmt.Errorf("read successors: %w", err))
	}
	defer func() { _ = rows.Close() }()
	var found Successors
	for rows.Next() {
		var later string
		var retry bool
		if err := rows.Scan(&later, &retry); err != nil {
			return Successors{}, mapErr(fmt.Errorf("read successors: %w", err))
		}
		if retry {
			found.Retries = append(found.Retries, later)
		} else {
			found.Undos = append(found.Undos, later)
		}
	}
	return found, mapErr(rows.Err())
}

// OpenBatches gives every batch that has not ended, oldest first.
func (s *Store) OpenBatches(ctx context.Context) ([]Batch, error) {
	return s.queryBatches(ctx, `SELECT `+batchColumns+` FROM batches WHERE state IN ('running', 'interrupted') ORDER BY id`)
}

func (s *Store) queryBatches(ctx context.Context, query string, args ...any) ([]Batch, error) {
	rows, err := s.r.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read batches: %w", err))
	}
	defer func() { _ = rows.Close() }()
	batches := []Batch{}
	for rows.Next() {
		b, err := scanBatch(rows)
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
	}
	return batches, mapErr(rows.Err())
}

func scanBatch(row scanner) (Batch, error) {
	var b Batch
	var params, state string
	var created int64
	var started, ended, cleared sql.NullInt64
	var rollout sql.NullString
	err := row.Scan(&b.ID, &b.Cluster, &b.Operation, &params, &b.Reason, &b.ActorID, &b.By, &b.Address, &b.RequestID,
		&b.IdempotencyKey, &b.Fingerprint, &b.Sync, &state, &created, &started, &ended, &cleared,
		&b.Total, &b.RetryOf, &b.UndoOf, &b.CancelRequested, &b.Paused, &b.TemplateID, &rollout,
		&b.ActorRole, &b.Held)
	if err != nil {
		return Batch{}, mapErr(fmt.Errorf("read batch: %w", err))
	}
	b.Rollout = rawJSON(rollout)
	b.Params, b.State, b.CreatedAt = json.RawMessage(params), State(state), fromMillis(created)
	b.StartedAt, b.EndedAt, b.ClearedAt = fromNullMillis(started), fromNullMillis(ended), fromNullMillis(cleared)
	return b, nil
}

// Items gives all items of a batch in the order in which they were asked for.
func (s *Store) Items(ctx context.Context, batch string) ([]Item, error) {
	return s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE batch_id = $1 ORDER BY seq`, batch)
}

// OpenItems gives the items of a batch that have not ended.
func (s *Store) OpenItems(ctx context.Context, batch string) ([]Item, error) {
	return s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE batch_id = $1 AND state IN ('pending', 'running', 'waiting') ORDER BY seq`, batch)
}

// FailedItems gives the first failed items of a batch, in the order in which
// they failed.
func (s *Store) FailedItems(ctx context.Context, batch string, limit int) ([]Item, error) {
	return s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE batch_id = $1 AND state = 'failed' ORDER BY ended_at, seq LIMIT $2`, batch, limit)
}

func (s *Store) queryItems(ctx context.Context, query string, args ...any) ([]Item, error) {
	rows, err := s.r.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read items: %w", err))
	}
	defer func() { _ = rows.Close() }()
	items := []Item{}
	for rows.Next() {
		it, err := scanItem(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, mapErr(rows.Err())
}

func scanItem(row scanner) (Item, error) {
	var it Item
	var state string
	var text, before, after sql.NullString
	var started, ended sql.NullInt64
	if err := row.Scan(&it.Seq, &it.Node, &it.UID, &state, &it.ErrorCode, &text, &it.Unknown, &it.Attempts, &before, &after, &started, &ended); err != nil {
		return Item{}, mapErr(fmt.Errorf("read item: %w", err))
	}
	var err error
	it.State = ItemState(state)
	it.Before, err = decodeState(before)
	if err != nil {
		return Item{}, err
	}
	it.After, err = decodeState(after)
	if err != nil {
		return Item{}, err
	}
	it.StartedAt, it.EndedAt = fromNullMillis(started), fromNullMillis(ended)
	if text.Valid {
		it.Error = &Text{}
		if err := json.Unmarshal([]byte(text.String), it.Error); err != nil {
			return Item{}, fmt.Errorf("read item: decode its error: %w", err)
		}
	}
	return it, nil
}

// CountItems counts the items of some batches by state.
func (s *Store) CountItems(ctx context.Context, batches ...string) (map[string]Counts, error) {
	return countItems(ctx, s.r, batches...)
}

func countItems(ctx context.Context, q rowsQuerier, batches ...string) (map[string]Counts, error) {
	if len(batches) == 0 {
		return map[string]Counts{}, nil
	}
	args := make([]any, len(batches))
	for i, id := range batches {
		args[i] = id
	}
	rows, err := q.QueryContext(ctx, `SELECT batch_id, state, count(*) FROM batch_items WHERE batch_id IN (`+marks(len(batches))+`) GROUP BY batch_id, state`, args...)
	if err != nil {
		return nil, mapErr(fmt.Errorf("count items: %w", err))
	}
	defer func() { _ = rows.Close() }()
	counts := make(map[string]Counts, len(batches))
	for rows.Next() {
		var id, state string
		var n int
		if err := rows.Scan(&id, &state, &n); err != nil {
			return nil, mapErr(fmt.Errorf("count items: %w", err))
		}
		c := counts[id]
		c.Add(ItemState(state), n)
		counts[id] = c
	}
	return counts, mapErr(rows.Err())
}

// AnyUnknown reports whether the outcome of an item is not known: it may have
// changed its node.
func (s *Store) AnyUnknown(ctx context.Context, batch string) (bool, error) {
	var any bool
	err := s.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM batch_items WHERE batch_id = $1 AND unknown = 1)`, batch).Scan(&any)
	return any, mapErr(err)
}

// encodeStates returns what an item was before and after, as it is stored.
func encodeStates(it Item) (before, after sql.NullString, err error) {
	before, err = encodeState(it.Before)
	if err != nil {
		return before, after, fmt.Errorf("encode what %s was before: %w", it.Node, err)
	}
	after, err = encodeState(it.After)
	if err != nil {
		return before, after, fmt.Errorf("encode what %s is after: %w", it.Node, err)
	}
	return before, after, nil
}

func encodeState(s *change.State) (sql.NullString, error) {
	if s == nil {
		return sql.NullString{}, nil
	}
	raw, err := json.Marshal(s)
	return nullJSON(raw), err
}

func decodeState(text sql.NullString) (*change.State, error) {
	if !text.Valid {
		return nil, nil
	}
	s := &change.State{}
	if err := json.Unmarshal([]byte(text.String), s); err != nil {
		return nil, fmt.Errorf("read item: decode the state of its node: %w", err)
	}
	return s, nil
}

func nullJSON(raw json.RawMessage) sql.NullString {
	return sql.NullString{String: string(raw), Valid: len(raw) > 0}
}

func rawJSON(s sql.NullString) json.RawMessage {
	if !s.Valid {
		return nil
	}
	return json.RawMessage(s.String)
}

func encodeText(t *Text) (sql.NullString, error) {
	if t == nil {
		return sql.NullString{}, nil
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("encode text %s: %w", t.ID, err)
	}
	return nullJSON(raw), nil
}

// RequestCancel notes that a batch is to end, so that it does so even if the
// process that runs it dies first.
func (s *Store) RequestCancel(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		b, err := scanBatch(tx.QueryRowContext(ctx, `UPDATE batches SET cancel_requested = 1 WHERE id = $1 AND cancel_requested = 0 RETURNING `+batchColumns, id))
		if services.CodeOf(err) == services.CodeNotFound {
			return nil // asked for before
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, controlEntry(b, ActionBatchCancel))
	})
}

// SetPaused notes whether a batch is paused. Without an actor it is the program
// that waits for a person.
func (s *Store) SetPaused(ctx context.Context, id string, paused bool) error {
	action := ActionBatchResume
	if paused {
		action = ActionBatchPause
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		b, err := scanBatch(tx.QueryRowContext(ctx, `UPDATE batches SET paused = $1 WHERE id = $2 RETURNING `+batchColumns, paused, id))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, controlEntry(b, action))
	})
}
