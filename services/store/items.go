package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"kube-node-manager/services/change"
)

const itemColumns = `seq, node, uid, state, error_code, error, unknown, attempts, before, after, started_at, ended_at`

const selectItems = `SELECT ` + itemColumns + ` FROM batch_items `

// itemsNotEnded is the condition of the items that have not ended.
const itemsNotEnded = `state IN ('pending', 'running', 'waiting')`

func insertItems(ctx context.Context, tx *sql.Tx, batch string, items []Item) error {
	for chunk := range slices.Chunk(items, itemsAtOnce) {
		if err := insertSome(ctx, tx, batch, chunk); err != nil {
			return err
		}
	}
	return nil
}

// itemsAtOnce is how many items one statement writes. A statement for each would take
// seconds with a database at some distance.
const itemsAtOnce = 200

func insertSome(ctx context.Context, tx *sql.Tx, batch string, items []Item) error {
	var rows []string
	var args []any
	for _, it := range items {
		before, after, err := encodeStates(it)
		if err != nil {
			return err
		}
		row := []any{batch, it.Seq, it.Node, it.UID, string(it.State), before, after}
		rows = append(rows, "("+marksFrom(len(args)+1, len(row))+")")
		args = append(args, row...)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO batch_items (batch_id, seq, node, uid, state, before, after)
		VALUES `+strings.Join(rows, ", "), args...)
	if err != nil {
		return fmt.Errorf("insert items: %w", err)
	}
	return nil
}

// UpdateItems stores the current state of some items of one batch.
func (s *Store) UpdateItems(ctx context.Context, batch string, items []Item) error {
	return s.write(ctx, func(tx *sql.Tx) error { return updateItems(ctx, tx, batch, items) })
}

func updateItems(ctx context.Context, tx *sql.Tx, batch string, items []Item) error {
	for chunk := range slices.Chunk(latest(items), itemsAtOnce) {
		if err := updateSome(ctx, tx, batch, chunk); err != nil {
			return err
		}
	}
	return nil
}

// latest returns the last state of each item: one statement may not set a row twice.
func latest(items []Item) []Item {
	last := make(map[int]int, len(items))
	for i, it := range items {
		last[it.Seq] = i
	}
	var kept []Item
	for i, it := range items {
		if last[it.Seq] == i {
			kept = append(kept, it)
		}
	}
	return kept
}

// updatedTypes are those of the values of an updated item, from which PostgreSQL takes the
// types of the parameters.
var updatedTypes = []string{
	"BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "BOOLEAN", "BIGINT", "TEXT", "TEXT", "BIGINT", "BIGINT",
}

// updateSome updates items with one statement. Both engines name the columns of VALUES
// column1, column2 and so on.
func updateSome(ctx context.Context, tx *sql.Tx, batch string, items []Item) error {
	rows, args := []string{}, []any{batch}
	for _, it := range items {
		row, err := updatedValues(it)
		if err != nil {
			return err
		}
		rows = append(rows, "("+castFrom(len(args)+1, updatedTypes)+")")
		args = append(args, row...)
	}
	_, err := tx.ExecContext(ctx, `UPDATE batch_items
		SET uid = v.column2, state = v.column3, error_code = v.column4, error = v.column5, unknown = v.column6,
			attempts = v.column7, before = v.column8, after = v.column9, started_at = v.column10, ended_at = v.column11
		FROM (VALUES `+strings.Join(rows, ", ")+`) AS v
		WHERE batch_id = $1 AND seq = v.column1`, args...)
	if err != nil {
		return fmt.Errorf("update items: %w", err)
	}
	return nil
}

func updatedValues(it Item) ([]any, error) {
	text, err := encodeText(it.Error)
	if err != nil {
		return nil, err
	}
	before, after, err := encodeStates(it)
	if err != nil {
		return nil, err
	}
	return []any{
		it.Seq, it.UID, string(it.State), it.ErrorCode, text, it.Unknown, it.Attempts, before, after,
		toNullMillis(it.StartedAt), toNullMillis(it.EndedAt),
	}, nil
}

// castFrom returns parameters with types, numbered from first.
func castFrom(first int, types []string) string {
	casts := make([]string, len(types))
	for i, name := range types {
		casts[i] = fmt.Sprintf("CAST($%d AS %s)", first+i, name)
	}
	return strings.Join(casts, ", ")
}

// EndOpenItems ends every item of a batch that has not ended, with the given state
// and error. The outcome of an item that is running is unknown: a process that has
// crashed may have changed the node.
func (s *Store) EndOpenItems(
	ctx context.Context, batch string, state ItemState, code string, why *Text, at time.Time,
) error {
	text, err := encodeText(why)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE batch_items
			SET unknown = (unknown OR state = 'running'), state = $1, error_code = $2, error = $3, ended_at = $4
			WHERE batch_id = $5 AND `+itemsNotEnded, string(state), code, text, toMillis(at), batch)
		return err
	})
}

// Items returns all items of a batch in the order of the request.
func (s *Store) Items(ctx context.Context, batch string) ([]Item, error) {
	return s.queryItems(ctx, `WHERE batch_id = $1 ORDER BY seq`, batch)
}

// OpenItems returns the items of a batch that have not ended.
func (s *Store) OpenItems(ctx context.Context, batch string) ([]Item, error) {
	return s.queryItems(ctx, `WHERE batch_id = $1 AND `+itemsNotEnded+` ORDER BY seq`, batch)
}

// FailedItems returns the first failed items of a batch, in the order in which they
// failed.
func (s *Store) FailedItems(ctx context.Context, batch string, limit int) ([]Item, error) {
	return s.queryItems(ctx, `WHERE batch_id = $1 AND state = 'failed' ORDER BY ended_at, seq LIMIT $2`, batch, limit)
}

// queryItems returns the items that a condition selects, such as "WHERE …".
func (s *Store) queryItems(ctx context.Context, condition string, args ...any) ([]Item, error) {
	return list(ctx, s.r, "read items", scanItem, selectItems+condition, args...)
}

func scanItem(row scanner) (Item, error) {
	var it Item
	var state string
	var text, before, after sql.NullString
	var started, ended sql.NullInt64
	err := row.Scan(&it.Seq, &it.Node, &it.UID, &state, &it.ErrorCode, &text, &it.Unknown, &it.Attempts,
		&before, &after, &started, &ended)
	if err != nil {
		return Item{}, err
	}
	it.State, it.StartedAt, it.EndedAt = ItemState(state), fromNullMillis(started), fromNullMillis(ended)
	it.Error, err = decode[Text](text)
	if err != nil {
		return Item{}, err
	}
	it.Before, err = decode[change.State](before)
	if err != nil {
		return Item{}, err
	}
	it.After, err = decode[change.State](after)
	return it, err
}

// CountItems returns the counts of the items of each of some batches.
func (s *Store) CountItems(ctx context.Context, batches ...string) (map[string]Counts, error) {
	return countItems(ctx, s.r, batches...)
}

// itemCount is the number of items in one state in one batch.
type itemCount struct {
	batch string
	state ItemState
	n     int
}

func countItems(ctx context.Context, q rowsQuerier, batches ...string) (map[string]Counts, error) {
	if len(batches) == 0 {
		return map[string]Counts{}, nil
	}
	args := make([]any, len(batches))
	for i, id := range batches {
		args[i] = id
	}
	rows, err := list(ctx, q, "count items", scanItemCount, `SELECT batch_id, state, count(*) FROM batch_items
		WHERE batch_id IN (`+marks(len(batches))+`) GROUP BY batch_id, state`, args...)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]Counts, len(batches))
	for _, row := range rows {
		c := counts[row.batch]
		c.Add(row.state, row.n)
		counts[row.batch] = c
	}
	return counts, nil
}

func scanItemCount(row scanner) (c itemCount, err error) {
	err = row.Scan(&c.batch, &c.state, &c.n)
	return c, err
}

// AnyUnknown reports whether the outcome of any item is unknown: the item may have
// changed its node.
func (s *Store) AnyUnknown(ctx context.Context, batch string) (unknown bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM batch_items WHERE batch_id = $1 AND unknown)`
	err = s.r.QueryRowContext(ctx, query, batch).Scan(&unknown)
	return unknown, mapErr(err)
}

// encodeStates returns the stored form of an item's node before and after.
func encodeStates(it Item) (before, after sql.NullString, err error) {
	before, err = encode(it.Before)
	if err != nil {
		return before, after, fmt.Errorf("encode the state of %s before: %w", it.Node, err)
	}
	after, err = encode(it.After)
	if err != nil {
		return before, after, fmt.Errorf("encode the state of %s after: %w", it.Node, err)
	}
	return before, after, nil
}

func encodeText(t *Text) (sql.NullString, error) {
	raw, err := encode(t)
	if err != nil {
		return raw, fmt.Errorf("encode text %s: %w", t.ID, err)
	}
	return raw, nil
}

// encode returns the stored form of a value. nil is stored as NULL.
func encode[T any](v *T) (sql.NullString, error) {
	if v == nil {
		return sql.NullString{}, nil
	}
	raw, err := json.Marshal(v)
	return nullJSON(raw), err
}

// decode returns the value of a stored form. It returns nil for NULL.
func decode[T any](text sql.NullString) (*T, error) {
	if !text.Valid {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal([]byte(text.String), v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return v, nil
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
