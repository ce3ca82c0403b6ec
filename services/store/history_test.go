package store

import (
	"fmt"
	"strconv"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/change"
)

// ids gives the ids of the batches that a query asks for.
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

func TestBatches_filters(t *testing.T) {
	s := openTest(t)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	for i, change := range []func(b *Batch){
		func(b *Batch) { b.Reason = "100% sure" },
		func(b *Batch) { b.Cluster = "edge" },
		func(b *Batch) { b.Operation = "drain" },
		func(b *Batch) { b.By = "Bob'; --" },
		func(b *Batch) { b.State = StatePartial },
	} {
		b := aBatch(fmt.Sprintf("b%d", i+1))
		b.CreatedAt = day(i + 1)
		change(&b)
		items := []Item{{Node: "a", State: ItemPending}, {Seq: 1, Node: b.ID + ".x", State: ItemPending}}
		require.NoError(t, s.InsertBatch(t.Context(), b, items))
	}
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
		"from":        {BatchQuery{From: day(4)}, []string{"b5", "b4"}},
		"to":          {BatchQuery{To: day(2)}, []string{"b1"}},
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
		require.Equal(t, tt.want, ids(t, s, tt.q), name)
	}
}

func TestBatches_searchesByIndex(t *testing.T) {
	s := openTest(t)
	for _, tt := range []struct {
		q    BatchQuery
		want string
	}{
		{BatchQuery{Cluster: "prod", Before: "b"}, "batches_history"},
		{BatchQuery{Node: "a"}, "batch_items_node"},
		{BatchQuery{Words: []string{"a"}}, "SCAN batch_items USING COVERING INDEX batch_items_node"}, // not the items themselves
	} {
		where, args := tt.q.where()
		rows, err := s.r.QueryContext(t.Context(), `EXPLAIN QUERY PLAN SELECT id FROM batches WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, 50)...)
		require.NoError(t, err)
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan += detail + "\n"
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.Contains(t, plan, tt.want)
		require.NotContains(t, plan, "TEMP B-TREE", "the newest come first without sorting: %s", plan)
	}
}

func TestNodeItems(t *testing.T) {
	s := openTest(t)
	for i := range 5 {
		b := aBatch(fmt.Sprintf("b%d", i))
		if i == 3 {
			b.Cluster = "edge" // which has a node of that name too
		}
		require.NoError(t, s.InsertBatch(t.Context(), b, []Item{{Node: "a", State: ItemSucceeded, After: &change.State{Notes: change.Notes{EvictedPods: i}}}, {Seq: 1, Node: "b", State: ItemPending}}))
	}
	found, err := s.NodeItems(t.Context(), BatchQuery{Cluster: "prod", Node: "a", Limit: 3})
	require.NoError(t, err)
	var seen []string
	for _, it := range found {
		require.Equal(t, "a", it.Item.Node)
		seen = append(seen, it.Batch.ID+" "+strconv.Itoa(it.Item.After.EvictedPods))
	}
	require.Equal(t, []string{"b4 4", "b2 2", "b1 1"}, seen)
	found, err = s.NodeItems(t.Context(), BatchQuery{Cluster: "prod", Node: "ghost", Limit: 3})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestItems_pagesAndReasons(t *testing.T) {
	s := openTest(t)
	states := []ItemState{ItemSucceeded, ItemCancelled, ItemFailed, ItemPending, ItemFailed, ItemRunning, ItemSkipped, ItemFailed}
	var items []Item
	for i, state := range states {
		items = append(items, Item{Seq: i, Node: fmt.Sprintf("n%d", i), State: state})
	}
	require.NoError(t, s.InsertBatch(t.Context(), aBatch("b1"), items))
	why := func(args ...any) *Text { return &Text{ID: "why", Args: map[string]any{"N": args[0]}} }
	for i, text := range map[int]*Text{2: why("x"), 3: why("x"), 4: why("y"), 6: why("y"), 7: why("y")} {
		items[i].Error = text
	}
	require.NoError(t, s.UpdateItems(t.Context(), "b1", items))

	seqs := func(q ItemQuery) []int {
		if q.Limit == 0 {
			q.Limit = 100
		}
		found, err := s.ItemPage(t.Context(), "b1", q)
		require.NoError(t, err)
		out := make([]int, len(found))
		for i, it := range found {
			out[i] = it.Seq
		}
		return out
	}
	require.Equal(t, []int{2, 4, 7, 5, 1, 6, 0, 3}, seqs(ItemQuery{}), "what failed stands first")
	require.Equal(t, []int{7, 5, 1}, seqs(ItemQuery{Offset: 2, Limit: 3}))
	require.Equal(t, []int{4, 7}, seqs(ItemQuery{State: ItemFailed, Offset: 1}))

	after := []int{}
	for last := -1; ; {
		part, err := s.ItemsAfter(t.Context(), "b1", last, 3)
		require.NoError(t, err)
		if len(part) == 0 {
			break
		}
		for _, it := range part {
			last = it.Seq
			after = append(after, it.Seq)
		}
	}
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, after)

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
	all := []ItemState{ItemPending, ItemRunning, ItemWaiting, ItemSucceeded, ItemUnchanged, ItemFailed, ItemSkipped, ItemCancelled}
	for i, state := range all {
		require.Equal(t, i+1, c.Of(state), state)
	}
	require.Equal(t, 36, c.Of(""))
	require.Zero(t, c.Of("odd"))
	require.Len(t, slices.Compact(all), 8)
}
