package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/change"
)

// ids returns the ids of the batches that match a query.
func ids(t *testing.T, s *Store, q BatchQuery) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	batches, err := s.Batches(t.Context(), q)
	require.NoError(t, err)
	out := make([]string, len(batches))
	for i, b := range batches {
		out[i] = b.ID
	}
	return out
}

// november returns noon of a day.
func november(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }

// fiveBatches inserts the batches b1 to b5, each different from the others in one
// field. Each has the node a and one of its own, such as "b1.x".
func fiveBatches(t *testing.T, s *Store) {
	t.Helper()
	for i, change := range []func(b *Batch){
		func(b *Batch) { b.Reason = "100% sure" },
		func(b *Batch) { b.Cluster = "edge" },
		func(b *Batch) { b.Operation = "drain" },
		func(b *Batch) { b.By = "Bob'; --" },
		func(b *Batch) { b.State = StatePartial },
	} {
		b := aBatch(fmt.Sprintf("b%d", i+1))
		b.CreatedAt = november(i + 1)
		change(&b)
		items := []Item{{Node: "a", State: ItemPending}, {Seq: 1, Node: b.ID + ".x", State: ItemPending}}
		require.NoError(t, s.InsertBatch(t.Context(), b, items))
	}
}

func TestBatches_filters(t *testing.T) {
	s := openTest(t)
	fiveBatches(t, s)
	for name, tt := range map[string]struct {
		q    BatchQuery
		want []string
	}{
		"all":         {BatchQuery{}, []string{"b5", "b4", "b3", "b2", "b1"}},
		"limit":       {BatchQuery{Limit: 2}, []string{"b5", "b4"}},
		"before":      {BatchQuery{Before: "b3"}, []string{"b2", "b1"}},
		"cluster":     {BatchQuery{Cluster: "prod", Before: "b4"}, []string{"b3", "b1"}},
		"operation":   {BatchQuery{Operation: "drain"}, []string{"b3"}},
		"state":       {BatchQuery{State: StatePartial}, []string{"b5"}},
		"who":         {BatchQuery{By: "bob'; --"}, []string{"b4"}},
		"from":        {BatchQuery{From: november(4)}, []string{"b5", "b4"}},
		"to":          {BatchQuery{To: november(2)}, []string{"b1"}},
		"node":        {BatchQuery{Node: "b2.x"}, []string{"b2"}},
		"node of all": {BatchQuery{Node: "a", Limit: 2, Before: "b5"}, []string{"b4", "b3"}},
		"both":        {BatchQuery{Node: "a", Cluster: "edge"}, []string{"b2"}},
		"a word":      {BatchQuery{Words: []string{"B2.X"}}, []string{"b2"}},
		"part of one": {BatchQuery{Words: []string{"2.x"}}, []string{"b2"}},
		"a person":    {BatchQuery{Words: []string{"bob"}}, []string{"b4"}},
		"an id":       {BatchQuery{Words: []string{"B3"}}, []string{"b3"}},
		"a place":     {BatchQuery{Words: []string{"edg"}}, []string{"b2"}},
		"two words":   {BatchQuery{Words: []string{"drain", "b3"}}, []string{"b3"}},
		"not all":     {BatchQuery{Words: []string{"drain", "b2.x"}}, []string{}},
		"a reason":    {BatchQuery{Words: []string{"100%"}}, []string{"b1"}},
		"no pattern":  {BatchQuery{Words: []string{"b%x"}}, []string{}},
		"none":        {BatchQuery{Node: "a' OR '1"}, []string{}},
	} {
		tt.q.Scope = services.Scope{All: true}
		require.Equal(t, tt.want, ids(t, s, tt.q), name)
	}
}

func TestBatches_scope(t *testing.T) {
	s := openTest(t)
	for id, cluster := range map[string]string{"b1": "prod", "b2": "edge", "b3": "lab"} {
		b := aBatch(id)
		b.Cluster = cluster
		require.NoError(t, s.InsertBatch(t.Context(), b, nil))
	}
	for _, tt := range []struct {
		scope services.Scope
		want  []string
	}{
		{services.Scope{All: true}, []string{"b3", "b2", "b1"}},
		{services.Scope{All: true, But: []string{"edge", "lab"}}, []string{"b1"}},
		{services.Scope{But: []string{"edge"}}, []string{"b2"}},
		{services.Scope{}, []string{}},
	} {
		require.Equal(t, tt.want, ids(t, s, BatchQuery{Scope: tt.scope}), tt.scope)
	}
}

func TestBatches_searchesByIndex(t *testing.T) {
	s := openSQLite(t)
	for _, tt := range []struct {
		q    BatchQuery
		want string
	}{
		{BatchQuery{Cluster: "prod", Before: "b"}, "batches_history"},
		{BatchQuery{Node: "a"}, "batch_items_node"},
		// A search reads the index, not the items.
		{BatchQuery{Words: []string{"a"}}, "SCAN batch_items USING COVERING INDEX batch_items_node"},
	} {
		tt.q.Scope = services.Scope{All: true}
		c := tt.q.conditions(s.engine)
		query := `SELECT id FROM batches WHERE ` + c.where() + ` ORDER BY id DESC LIMIT 50`
		steps, err := list(t.Context(), s.r, "explain", scanPlan, `EXPLAIN QUERY PLAN `+query, c.args...)
		require.NoError(t, err)
		plan := strings.Join(steps, "\n")
		require.Contains(t, plan, tt.want)
		require.NotContains(t, plan, "TEMP B-TREE", "the batches are sorted: %s", plan)
	}
}

// scanPlan reads a row of EXPLAIN QUERY PLAN.
func scanPlan(row scanner) (detail string, err error) {
	var id, parent, unused int
	err = row.Scan(&id, &parent, &unused, &detail)
	return detail, err
}

func TestNodeItems(t *testing.T) {
	s := openTest(t)
	for i := range 5 {
		b := aBatch(fmt.Sprintf("b%d", i))
		if i == 3 {
			b.Cluster = "edge" // which has a node of that name, too
		}
		after := &change.State{Notes: change.Notes{EvictedPods: i}}
		items := []Item{
			{Node: "a", State: ItemSucceeded, After: after},
			{Seq: 1, Node: "b", State: ItemPending},
		}
		require.NoError(t, s.InsertBatch(t.Context(), b, items))
	}
	found, err := s.NodeItems(t.Context(), BatchQuery{
		Scope: services.Scope{All: true}, Cluster: "prod", Node: "a", Limit: 3,
	})
	require.NoError(t, err)
	var seen []string
	for _, it := range found {
		require.Equal(t, "a", it.Item.Node)
		seen = append(seen, it.Batch.ID+" "+strconv.Itoa(it.Item.After.EvictedPods))
	}
	require.Equal(t, []string{"b4 4", "b2 2", "b1 1"}, seen)
	found, err = s.NodeItems(t.Context(), BatchQuery{
		Scope: services.Scope{All: true}, Cluster: "prod", Node: "ghost", Limit: 3,
	})
	require.NoError(t, err)
	require.Empty(t, found)
}

// why returns an error of an item.
func why(n string) *Text { return &Text{ID: "why", Args: map[string]any{"N": n}} }

// eightItems inserts the batch b1 with the items 0 to 7, in various states and with
// two different errors.
func eightItems(t *testing.T, s *Store) {
	t.Helper()
	var items []Item
	for i, state := range []ItemState{
		ItemSucceeded, ItemCancelled, ItemFailed, ItemPending,
		ItemFailed, ItemRunning, ItemSkipped, ItemFailed,
	} {
		items = append(items, Item{Seq: i, Node: fmt.Sprintf("n%d", i), State: state})
	}
	require.NoError(t, s.InsertBatch(t.Context(), aBatch("b1"), items))
	for i, text := range map[int]*Text{2: why("x"), 3: why("x"), 4: why("y"), 6: why("y"), 7: why("y")} {
		items[i].Error = text
	}
	require.NoError(t, s.UpdateItems(t.Context(), "b1", items))
}

func seqs(items []Item) []int {
	out := make([]int, len(items))
	for i, it := range items {
		out[i] = it.Seq
	}
	return out
}

func TestItemPage(t *testing.T) {
	s := openTest(t)
	eightItems(t, s)
	for _, tt := range []struct {
		q    ItemQuery
		want []int
	}{
		{ItemQuery{Limit: 100}, []int{2, 4, 7, 5, 1, 6, 0, 3}},
		{ItemQuery{Offset: 2, Limit: 3}, []int{7, 5, 1}},
		{ItemQuery{State: ItemFailed, Offset: 1, Limit: 100}, []int{4, 7}},
	} {
		found, err := s.ItemPage(t.Context(), "b1", tt.q)
		require.NoError(t, err)
		require.Equal(t, tt.want, seqs(found))
	}
}

func TestItemsAfter(t *testing.T) {
	s := openTest(t)
	eightItems(t, s)
	for after, want := range map[int][]int{-1: {0, 1, 2}, 2: {3, 4, 5}, 5: {6, 7}, 7: {}} {
		part, err := s.ItemsAfter(t.Context(), "b1", after, 3)
		require.NoError(t, err)
		require.Equal(t, want, seqs(part))
	}
}

func TestGroupErrors(t *testing.T) {
	s := openTest(t)
	eightItems(t, s)
	groups, err := s.GroupErrors(t.Context(), "b1", 10, 1)
	require.NoError(t, err)
	require.Equal(t, []ItemErrors{
		{State: ItemFailed, Error: *why("y"), Count: 2, Nodes: []string{"n4"}},
		{State: ItemFailed, Error: *why("x"), Count: 1, Nodes: []string{"n2"}},
		{State: ItemSkipped, Error: *why("y"), Count: 1, Nodes: []string{"n6"}},
	}, groups)
	groups, err = s.GroupErrors(t.Context(), "b1", 1, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"n4", "n7"}, groups[0].Nodes)
	require.Len(t, groups, 1)
	groups, err = s.GroupErrors(t.Context(), "ghost", 1, 1)
	require.NoError(t, err)
	require.Empty(t, groups)
}

func TestCounts_of(t *testing.T) {
	c := Counts{1, 2, 3, 4, 5, 6, 7, 8}
	all := []ItemState{
		ItemPending, ItemRunning, ItemWaiting, ItemSucceeded,
		ItemUnchanged, ItemFailed, ItemSkipped, ItemCancelled,
	}
	for i, state := range all {
		require.Equal(t, i+1, c.Of(state), state)
	}
	require.Equal(t, 36, c.Of(""))
	require.Zero(t, c.Of("odd"))
	require.Len(t, slices.Compact(all), 8)
}
