package batch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
	"kube-node-manager/services/store/storetest"
)

// archive is an engine that has nothing to do but to tell of the past.
func archive(t testing.TB) (*batch.Engine, *store.Store) {
	t.Helper()
	db, err := storetest.Open(t, t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(context.WithoutCancel(t.Context()))) })
	return batch.New(batch.Dependencies{Store: db, Log: slog.New(slog.DiscardHandler)}, usual), db
}

// keep stores a batch that has ended, and its items.
func keep(t testing.TB, db *store.Store, id string, states ...store.ItemState) {
	t.Helper()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	items := make([]batch.Item, len(states))
	for i, state := range states {
		items[i] = batch.Item{Seq: i, Node: fmt.Sprintf("n%d", i), State: state}
	}
	b := batch.Batch{
		ID: id, Cluster: "prod", Operation: "cordon", Params: json.RawMessage(`{}`), By: "ada", State: store.StatePartial,
		CreatedAt: at, StartedAt: &at, EndedAt: &at, Total: len(items),
	}
	require.NoError(t, db.InsertBatch(t.Context(), b, items))
}

func TestHistory_pages(t *testing.T) {
	engine, db := archive(t)
	for i := range batch.PageSize + 3 {
		keep(t, db, fmt.Sprintf("b%03d", i), store.ItemSucceeded)
	}
	ctx := as(t, services.RoleViewer)
	first, err := engine.List(ctx, batch.Query{By: "ADA", Node: " N0 ", From: "2026-11-23", To: "2026-11-23"})
	require.NoError(t, err)
	require.Len(t, first.Items, batch.PageSize)
	require.Equal(t, batch.Counts{Succeeded: 1}, first.Items[0].Counts)
	q := first.Query
	q.Before = first.Older
	second, err := engine.List(ctx, q)
	require.NoError(t, err)
	require.Equal(t, []string{"b002", "b001", "b000"}, []string{
		second.Items[0].ID, second.Items[1].ID, second.Items[2].ID,
	})
	require.Len(t, second.Items, 3)
	require.Empty(t, second.Older)
	for _, none := range []batch.Query{
		{To: "2026-11-22"}, {From: "2026-11-23T12:00:00.001Z"}, {Before: "b000"}, {Node: "n"}, {Cluster: "PROD"},
	} {
		page, err := engine.List(ctx, none)
		require.NoError(t, err)
		require.Empty(t, page.Items, "%+v", none)
	}
}

func TestHistory_refusesByName(t *testing.T) {
	engine, _ := archive(t)
	long := string(make([]rune, 201))
	_, err := engine.List(as(t, services.RoleViewer), batch.Query{
		Cluster: "\xff", Operation: "explode", State: "odd", By: "a\x00", From: "yesterday", To: "2026-13-01", Node: long,
		Before: "\xfe",
		Since:  "ever", Text: "a b c d e f g h i",
	})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	var fields []string
	for _, f := range services.AsError(err).Fields {
		fields = append(fields, f.Field)
	}
	slices.Sort(fields)
	require.Equal(
		t, []string{"before", "by", "cluster", "from", "node", "operation", "q", "since", "state", "to"},
		slices.Compact(fields),
	)
}

// Nobody who is not signed in learns of the past.
func TestHistory_permission(t *testing.T) {
	engine, db := archive(t)
	keep(t, db, "b1", store.ItemSucceeded)
	for name, read := range map[string]func(ctx context.Context) error{
		"list":   func(ctx context.Context) error { _, err := engine.List(ctx, batch.Query{}); return err },
		"items":  func(ctx context.Context) error { _, err := engine.ItemPage(ctx, "b1", batch.ItemQuery{}); return err },
		"report": func(ctx context.Context) error { _, _, err := engine.Report(ctx, "b1"); return err },
		"node":   func(ctx context.Context) error { _, err := engine.OnNode(ctx, "prod", "n0"); return err },
	} {
		require.Equal(t, services.CodeForbidden, services.CodeOf(read(t.Context())), name)
		require.NoError(t, read(as(t, services.RoleViewer)), name)
	}
}

func TestHistory_itemsOfALargeBatch(t *testing.T) {
	engine, db := archive(t)
	states := slices.Repeat([]store.ItemState{store.ItemSucceeded}, 2*batch.ItemPageSize+1)
	states[700] = store.ItemFailed
	keep(t, db, "b1", states...)
	ctx := as(t, services.RoleViewer)
	for asked, want := range map[int]struct{ page, items int }{
		0: {1, batch.ItemPageSize}, 2: {2, batch.ItemPageSize}, 3: {3, 1}, 9e9: {3, 1}, -4: {1, batch.ItemPageSize},
	} {
		p, err := engine.ItemPage(ctx, "b1", batch.ItemQuery{Page: asked})
		require.NoError(t, err)
		require.Equal(t, want.page, p.Query.Page)
		require.Len(t, p.Items, want.items)
		require.Equal(t, []int{3, len(states)}, []int{p.Pages, p.Match})
	}
	p, err := engine.ItemPage(ctx, "b1", batch.ItemQuery{State: "failed"})
	require.NoError(t, err)
	require.Equal(t, "n700", p.Items[0].Node)
	require.Equal(t, []int{1, 1}, []int{p.Pages, p.Match})
	p, err = engine.ItemPage(ctx, "b1", batch.ItemQuery{State: "waiting", Page: 2})
	require.NoError(t, err)
	require.Empty(t, p.Items)
	_, err = engine.ItemPage(ctx, "b1", batch.ItemQuery{State: "odd"})
	require.Equal(t, services.CodeInvalid, services.CodeOf(err))
	_, err = engine.ItemPage(ctx, "ghost", batch.ItemQuery{})
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))

	_, items, err := engine.Report(ctx, "b1")
	require.NoError(t, err)
	n := 0
	for it, err := range items {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("n%d", n), it.Node, "in the order of the batch, over all parts")
		n++
	}
	require.Equal(t, len(states), n)
	_, _, err = engine.Report(ctx, "ghost")
	require.Equal(t, services.CodeNotFound, services.CodeOf(err))
}

func TestHistory_everyStateCanBeAskedFor(t *testing.T) {
	require.Contains(t, batch.Operations(), "drain")
	require.Len(t, batch.States(), 8)
	require.Len(t, batch.ItemStates(), 8)
}

// What people put into the address is found or refused, and never breaks.
func FuzzHistory(f *testing.F) {
	f.Add("prod", "cordon", "partial", "ada", "2026-11-23", "2026-11-23T12:00:00Z", "n0", "b2")
	f.Add("' OR 1 --", "", "", "%", "0000-00-00", "9999-12-31", "\xff", "\x00")
	f.Add("", "", "", "", "292278994-08-17", "0001-01-01", "", "")
	engine, db := archive(f)
	keep(f, db, "b1", store.ItemSucceeded, store.ItemFailed)
	ctx := services.WithActor(f.Context(), services.Actor{ID: 1, Role: services.RoleViewer})
	f.Fuzz(func(t *testing.T, cluster, operation, state, by, from, to, node, before string) {
		q := batch.Query{
			Cluster: cluster, Operation: operation, State: state, By: by, From: from, To: to, Node: node, Before: before,
		}
		page, err := engine.List(ctx, q)
		if err != nil {
			require.Equal(t, services.CodeInvalid, services.CodeOf(err), "%+v: %v", q, err)
			require.NotEmpty(t, services.AsError(err).Fields)
			return
		}
		require.LessOrEqual(t, len(page.Items), 1)
		_, err = engine.ItemPage(ctx, "b1", batch.ItemQuery{State: state, Page: len(node) - 2})
		require.Contains(t, []services.Code{"", services.CodeInvalid}, services.CodeOf(err))
	})
}
