package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// BatchQuery says which batches to give. What is empty limits nothing.
type BatchQuery struct {
	Cluster, Operation string
	State              State
	By                 string    // in any case
	From, To           time.Time // of the making; To is the first moment that does not count
	Node               string    // one of its nodes
	Words              []string  // each in its id, reason, actor, operation or cluster, or in the name of one of its nodes
	Before             string    // made before the batch of this id
	Limit              int
}

// where gives the condition of a query and its arguments.
func (q BatchQuery) where() (string, []any) {
	terms, args := []string{"1"}, []any{}
	add := func(wanted bool, term string, values ...any) {
		if wanted {
			terms, args = append(terms, term), append(args, values...)
		}
	}
	add(q.Before != "", "id < ?", q.Before)
	add(q.Cluster != "", "cluster = ?", q.Cluster)
	add(q.Operation != "", "operation = ?", q.Operation)
	add(q.State != "", "state = ?", string(q.State))
	add(q.By != "", "actor = ? COLLATE NOCASE", q.By)
	add(!q.From.IsZero(), "created_at >= ?", toMillis(q.From))
	add(!q.To.IsZero(), "created_at < ?", toMillis(q.To))
	add(q.Node != "", "id IN (SELECT batch_id FROM batch_items WHERE node = ?)", q.Node)
	for _, word := range q.Words {
		const columns = 6
		add(true, `(id LIKE ? ESCAPE '\' OR reason LIKE ? ESCAPE '\' OR actor LIKE ? ESCAPE '\'
			OR operation LIKE ? ESCAPE '\' OR cluster LIKE ? ESCAPE '\'
			OR id IN (SELECT batch_id FROM batch_items WHERE node LIKE ? ESCAPE '\'))`, repeated(containing(word), columns)...)
	}
	return strings.Join(terms, " AND "), args
}

// Batches gives the newest batches that a query asks for. A batch's id sorts by
// its time.
func (s *Store) Batches(ctx context.Context, q BatchQuery) ([]Batch, error) {
	where, args := q.where()
	return s.queryBatches(ctx, `SELECT `+batchColumns+` FROM batches WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, q.Limit)...)
}

// NodeItem is what one batch did to one node.
type NodeItem struct {
	Batch Batch
	Item  Item
}

// NodeItems gives what the newest batches that a query asks for did to its node;
// a batch has a node but once.
func (s *Store) NodeItems(ctx context.Context, q BatchQuery) ([]NodeItem, error) {
	batches, err := s.Batches(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]NodeItem, 0, len(batches))
	for _, b := range batches {
		items, err := s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE node = $1 AND batch_id = $2`, q.Node, b.ID)
		if err != nil {
			return nil, err
		}
		for _, it := range items { // none when the batch has been deleted meanwhile
			out = append(out, NodeItem{Batch: b, Item: it})
		}
	}
	return out, nil
}

// ItemQuery says which items of a batch to give.
type ItemQuery struct {
	State  ItemState // "" for every one
	Offset int
	Limit  int
}

// ItemPage gives a part of a batch's items, what needs eyes first: failures, then
// what is at work, then what was left out, then the rest; each in the order in
// which they were asked for.
func (s *Store) ItemPage(ctx context.Context, batch string, q ItemQuery) ([]Item, error) {
	return s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE batch_id = $1 AND ($2 = '' OR state = $2)
		ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'running' THEN 1 WHEN 'waiting' THEN 1 WHEN 'skipped' THEN 2 WHEN 'cancelled' THEN 2 ELSE 3 END, seq
		LIMIT $3 OFFSET $4`, batch, string(q.State), q.Limit, q.Offset)
}

// ItemsAfter gives the next items of a batch in the order in which they were
// asked for; after is the last one's Seq, -1 for the first of them.
func (s *Store) ItemsAfter(ctx context.Context, batch string, after, limit int) ([]Item, error) {
	return s.queryItems(ctx, `SELECT `+itemColumns+` FROM batch_items WHERE batch_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, batch, after, limit)
}

// ItemErrors are the items of a batch that failed, or were left out, for one and
// the same reason.
type ItemErrors struct {
	State ItemState
	Error Text
	Count int
	Nodes []string // the first of them
}

// GroupErrors groups the items of a batch by what went wrong: failures first,
// then by how many there are. It gives at most limit groups, and names at most
// names nodes of each.
func (s *Store) GroupErrors(ctx context.Context, batch string, limit, names int) ([]ItemErrors, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT state, error, n, json_group_array(node ORDER BY seq)
		FROM (SELECT state, error, node, seq, count(*) OVER same AS n, row_number() OVER (same ORDER BY seq) AS k
			FROM batch_items WHERE batch_id = $1 AND state IN ('failed', 'skipped', 'cancelled') AND error IS NOT NULL WINDOW same AS (PARTITION BY state, error))
		WHERE k <= $2 GROUP BY state, error ORDER BY state <> 'failed', n DESC, min(seq) LIMIT $3`, batch, names, limit)
	if err != nil {
		return nil, mapErr(fmt.Errorf("group errors: %w", err))
	}
	defer func() { _ = rows.Close() }()
	var groups []ItemErrors
	for rows.Next() {
		g, err := scanErrors(rows)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, mapErr(rows.Err())
}

func scanErrors(row scanner) (ItemErrors, error) {
	var g ItemErrors
	var text, nodes []byte
	if err := row.Scan(&g.State, &text, &g.Count, &nodes); err != nil {
		return ItemErrors{}, mapErr(fmt.Errorf("group errors: %w", err))
	}
	if err := errors.Join(json.Unmarshal(text, &g.Error), json.Unmarshal(nodes, &g.Nodes)); err != nil {
		return ItemErrors{}, fmt.Errorf("group errors: decode: %w", err)
	}
	return g, nil
}

// Of gives how many items are in a state; "" stands for all of them.
func (c Counts) Of(s ItemState) int {
	switch s {
	case "":
		return c.Total()
	case ItemPending:
		return c.Pending
	case ItemRunning:
		return c.Running
	case ItemWaiting:
		return c.Waiting
	case ItemSucceeded:
		return c.Succeeded
	case ItemUnchanged:
		return c.Unchanged
	case ItemFailed:
		return c.Failed
	case ItemSkipped:
		return c.Skipped
	case ItemCancelled:
		return c.Cancelled
	default:
		return 0
	}
}
