package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"kube-node-manager/services"
)

// BatchQuery says which batches to return. Empty fields but Scope do not limit the result.
type BatchQuery struct {
	Scope              services.Scope // batches of its clusters only
	Cluster, Operation string
	State              State
	By                 string    // in any case
	From, To           time.Time // of the creation; To is exclusive
	Node               string    // one of the batch's nodes
	Words              []string  // each must occur in a field of the batch, or in the name of one of its nodes
	Before             string    // only batches older than the one with this id
	Prefix             string    // of the id
	Limit              int
}

func (q BatchQuery) conditions(e engine) conditions {
	c := conditions{engine: e}
	c.addScope(q.Scope)
	c.add(q.Before != "", "id < ?", q.Before)
	if q.Prefix != "" {
		c.add(true, "id >= ? AND id < ?", q.Prefix, afterPrefix(q.Prefix))
	}
	c.add(q.Cluster != "", "cluster = ?", q.Cluster)
	c.add(q.Operation != "", "operation = ?", q.Operation)
	c.add(q.State != "", "state = ?", string(q.State))
	c.add(q.By != "", "lower(actor) = lower(?)", q.By)
	c.add(!q.From.IsZero(), "created_at >= ?", toMillis(q.From))
	c.add(!q.To.IsZero(), "created_at < ?", toMillis(q.To))
	c.add(q.Node != "", "id IN (SELECT batch_id FROM batch_items WHERE node = ?)", q.Node)
	inNode := "id IN (SELECT batch_id FROM batch_items WHERE " + c.like("node") + ")"
	c.addWords(q.Words, []string{"id", "reason", "actor", "operation", "cluster"}, inNode)
	return c
}

// Batches returns the newest batches that match a query. The ids of batches are in
// the order of their creation.
func (s *Store) Batches(ctx context.Context, q BatchQuery) ([]Batch, error) {
	c := q.conditions(s.engine)
	limit := c.arg(q.Limit)
	return s.queryBatches(ctx, `WHERE `+c.where()+` ORDER BY id DESC LIMIT `+limit, c.args...)
}

// NodeItem is the item of one node in one batch.
type NodeItem struct {
	Batch Batch
	Item  Item
}

// NodeItems returns the items of q.Node in the newest batches that match the query.
// A batch has at most one item for a node.
func (s *Store) NodeItems(ctx context.Context, q BatchQuery) ([]NodeItem, error) {
	batches, err := s.Batches(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]NodeItem, 0, len(batches))
	for _, b := range batches {
		items, err := s.queryItems(ctx, `WHERE node = $1 AND batch_id = $2`, q.Node, b.ID)
		if err != nil {
			return nil, err
		}
		for _, it := range items { // none if the batch has been deleted meanwhile
			out = append(out, NodeItem{Batch: b, Item: it})
		}
	}
	return out, nil
}

// ItemQuery says which items of a batch to return.
type ItemQuery struct {
	State  ItemState // "" means every state
	Offset int
	Limit  int
}

// ItemPage returns a part of a batch's items. The most important come first: failed
// items, then running and waiting ones, then those that were left out, then the
// others. Within each group they are in the order of the request.
func (s *Store) ItemPage(ctx context.Context, batch string, q ItemQuery) ([]Item, error) {
	return s.queryItems(ctx, `WHERE batch_id = $1 AND ($2 = '' OR state = $2)
		ORDER BY CASE
			WHEN state = 'failed' THEN 0
			WHEN state IN ('running', 'waiting') THEN 1
			WHEN state IN ('skipped', 'cancelled') THEN 2
			ELSE 3 END, seq
		LIMIT $3 OFFSET $4`, batch, string(q.State), q.Limit, q.Offset)
}

// ItemsAfter returns the next items of a batch in the order of the request. after is
// the Seq of the last item of the part before, or -1 for the first part.
func (s *Store) ItemsAfter(ctx context.Context, batch string, after, limit int) ([]Item, error) {
	return s.queryItems(ctx, `WHERE batch_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, batch, after, limit)
}

// ItemErrors are the items of a batch that are in the same state for the same
// reason: failed, skipped or cancelled.
type ItemErrors struct {
	State ItemState
	Error Text
	Count int
	Nodes []string // the first of them
}

// GroupErrors groups the items of a batch by state and error. Failures come first,
// then the groups are ordered by their size. It returns at most limit groups, with
// at most names nodes each.
func (s *Store) GroupErrors(ctx context.Context, batch string, limit, names int) ([]ItemErrors, error) {
	return list(ctx, s.r, "group errors", scanErrors, `SELECT state, error, n, string_agg(node, ' ' ORDER BY seq)
		FROM (SELECT state, error, node, seq, count(*) OVER same AS n, row_number() OVER (same ORDER BY seq) AS k
			FROM batch_items
			WHERE batch_id = $1 AND state IN ('failed', 'skipped', 'cancelled') AND error IS NOT NULL
			WINDOW same AS (PARTITION BY state, error)) AS ranked
		WHERE k <= $2 GROUP BY state, error, n ORDER BY state <> 'failed', n DESC, min(seq) LIMIT $3`, batch, names, limit)
}

func scanErrors(row scanner) (ItemErrors, error) {
	var g ItemErrors
	var text []byte
	var nodes string
	if err := row.Scan(&g.State, &text, &g.Count, &nodes); err != nil {
		return ItemErrors{}, err
	}
	g.Nodes = strings.Fields(nodes) // the name of a node has no spaces
	return g, json.Unmarshal(text, &g.Error)
}
